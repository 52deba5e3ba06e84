"""How often somebody may fail: counted in the database, per account strictly, per address amply.

allauth counts; here is what it does not do: say how long to wait. A whole hospital may come from
one address, so only failures count against an address, and hundreds of right passwords pass.
"""

import time
from typing import Any

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

APP, FAILED = "allauth.account", "login_failed"
# For limits that do not say by themselves when they open again: all of them are per minute.
MINUTE = 60


def seconds_to_wait(request: HttpRequest, key: str) -> int:
    """How long an account or its sender's address stays closed; 0 when it is open."""
    now = time.time()
    waits = [_wait(request, key, rate, now) for rate in ratelimit.get_rates(app=APP, action=FAILED)]
    return max([0, *waits])


def _wait(request: HttpRequest, key: str, rate: Any, now: float) -> int:
    place = ratelimit.get_cache_key(request, app=APP, action=FAILED, rate=rate, key=key)
    failures = [at for at in cache.get(place, []) if at > now - rate.duration]
    if len(failures) < rate.amount:
        return 0
    # The newest first; the limit opens when enough of them are past.
    opens_at: float = failures[rate.amount - 1] + rate.duration
    return max(1, round(opens_at - now))


def too_many(request: HttpRequest, *, wait: int = MINUTE) -> HttpResponse:
    """The 429 of every page. With the right password it is the same, or it would be a hint."""
    response = render(request, "429.html", {"minutes": -(-wait // MINUTE)}, status=429)
    response.headers["Retry-After"] = str(wait)
    return response
