"""How often a key may post: a token bucket per key, kept by each web process for itself.

It stops a sender that has run wild from starving the others; it is no quota. Counting in a shared
store would put that store between every sender and the journal.
"""

import time

from django.conf import settings


class Bucket:
    """Tokens that come back at a steady rate, up to a burst of one second's worth twice over."""

    __slots__ = ("moment", "tokens")

    def __init__(self, rate: float) -> None:
        self.tokens = 2 * rate
        self.moment = time.monotonic()

    def take(self, rate: float) -> float:
        """Take one token; how many seconds to wait where there is none."""
        now = time.monotonic()
        self.tokens = min(2 * rate, self.tokens + (now - self.moment) * rate)
        self.moment = now
        if self.tokens < 1:
            return (1 - self.tokens) / rate
        self.tokens -= 1
        return 0.0


_buckets: dict[int | None, Bucket] = {}


def seconds_to_wait(key_id: int | None) -> float:
    """Count a request of a key; more than nothing means: not now."""
    rate = settings.THROUGHLINE_REQUESTS_PER_SECOND
    bucket = _buckets.get(key_id)
    if bucket is None:
        bucket = _buckets.setdefault(key_id, Bucket(rate))
    return bucket.take(rate)
