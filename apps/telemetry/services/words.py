"""The words of senders: CloudEvents sources they name, kinds of business keys they send.

A search computes keys from what somebody typed, and needs these words for it. They are noted before
the first events that use them are stored, once a process, so that events cost a look-up in a set.
"""

from collections.abc import Sequence
from enum import IntEnum

from apps.core.db import execute
from apps.telemetry.canonical import CanonicalEvent

# A sender that makes up a new source for every event is not searched by message id beyond these.
MOST_WORDS = 500

# - ORDER BY fixes the lock order of requests that bring the same words.
# - What is over the limit is left out; it says so nowhere, for the search says it (docs/pages.md).
NOTE_WORDS = """
INSERT INTO telemetry_senderword (kind, source_id, word)
SELECT %(kind)s, %(source_id)s, word FROM unnest(%(words)s::text[]) AS word
 WHERE (SELECT count(*) FROM telemetry_senderword
         WHERE kind = %(kind)s AND source_id = %(source_id)s) < %(most)s
 ORDER BY word
    ON CONFLICT ON CONSTRAINT sender_word_once DO NOTHING
"""


class WordKind(IntEnum):
    """What a word is."""

    CE_SOURCE = 1
    BUSINESS_KEY = 2


_noted: dict[tuple[WordKind, int], set[str]] = {}


def note_words(*, source_id: int, events: Sequence[CanonicalEvent]) -> None:
    """Note what is new among the words of these events."""
    _note(WordKind.CE_SOURCE, source_id, {event.ce_source for event in events})
    keys = [event.business_keys for event in events if event.business_keys]
    if keys:
        _note(WordKind.BUSINESS_KEY, 0, {kind for some in keys for kind, _, _ in some})


def forget_noted_words() -> None:
    """Ask the database again; for tests, whose rows are rolled back."""
    _noted.clear()


def _note(kind: WordKind, source_id: int, words: set[str]) -> None:
    noted = _noted.setdefault((kind, source_id), set())
    new = words - noted
    if not new or len(noted) > MOST_WORDS:
        return
    some = sorted(new)[:MOST_WORDS]
    execute(
        NOTE_WORDS,
        {"kind": int(kind), "source_id": source_id, "words": some, "most": MOST_WORDS},
    )
    noted.update(some)
