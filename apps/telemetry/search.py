"""Finding transactions by any of their numbers, within a scope of facilities.

Every number leads to a key that is indexed already: a correlation id to the transaction's own, a
business key to its token, a message id to the key that let the event in, a batch to its journal
row. All are tried at once, in three statements that are the same whatever exists and wherever, so
neither the answer nor the time it takes tells of other facilities.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.core.db import fetch_all
from apps.telemetry.canonical import event_key, transaction_id
from apps.telemetry.models import Transaction
from apps.telemetry.services.words import WordKind
from apps.telemetry.tokens import business_token

MOST_HITS = 50
# Of one number; the transactions of a batch are read from the beginning of its body.
MOST_CANDIDATES = 2_000
BATCH_HEAD = 65_536
NOBODY = UUID(int=0)

WORDS = """
SELECT kind, source_id, word FROM telemetry_senderword ORDER BY kind, source_id, word
"""

# The beginning of a journal row, or nothing: the same statement for what is no UUID.
BATCH = """
SELECT id, substring(body FROM 1 FOR %(head)s) AS head
  FROM telemetry_ingestbatch WHERE id = %(id)s
"""

# Each arm is a look-up by primary key or by the index of tokens. What a number leads to elsewhere
# is dropped at the end, after the same work.
FIND = """
WITH candidate AS (
    SELECT unnest(%(correlations)s::uuid[]) AS id, 'correlation' AS way
     UNION ALL
    SELECT %(id)s::uuid, 'transaction'
     UNION ALL
    SELECT unnest(%(batched)s::uuid[]), 'batch'
     UNION ALL
   (SELECT transaction_id, 'message' FROM telemetry_eventkey
     WHERE event_key = ANY(%(messages)s::uuid[]) LIMIT %(candidates)s)
     UNION ALL
   (SELECT transaction_id, kind FROM telemetry_businesskey
     WHERE token = ANY(%(tokens)s::uuid[]) LIMIT %(candidates)s)
)
SELECT t.id, array_agg(DISTINCT c.way ORDER BY c.way) AS ways
  FROM candidate c JOIN telemetry_transaction t ON t.id = c.id
 WHERE t.facility_id = ANY(%(facilities)s)
 GROUP BY t.id, t.first_at
 ORDER BY t.first_at DESC, t.id
 LIMIT %(hits)s
"""


@dataclass(frozen=True, slots=True)
class Way:
    """A transaction and by which of its numbers it was found."""

    id: UUID
    ways: list[str]


@dataclass(frozen=True, slots=True)
class Hit:
    """The same with the transaction."""

    transaction: Transaction
    ways: Sequence[str]


@dataclass(frozen=True, slots=True)
class Found:
    """The newest transactions that have a number, whether there are more, and which kinds of
    business keys were tried."""

    hits: Sequence[Hit]
    is_cut: bool
    kinds: Sequence[str]

    @property
    def ways(self) -> list[str]:
        """Every kind of number that led to one of them."""
        return sorted({way for hit in self.hits for way in hit.ways})


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a sender (services.words)."""

    kind: int
    source_id: int
    word: str


@dataclass(frozen=True, slots=True)
class _Head:
    id: UUID
    head: bytes


def find(text: str, *, facilities: Sequence[int], workflows: Sequence[int]) -> Found:
    """The transactions at these facilities that the text is a number of."""
    words = fetch_all(WORDS, {}, row=Word)
    kinds = sorted({one.word for one in words if one.kind == WordKind.BUSINESS_KEY})
    sources = [(one.source_id, one.word) for one in words if one.kind == WordKind.CE_SOURCE]
    id, spelled = _uuid(text), spellings(text)
    params = {
        "id": id,
        "correlations": [transaction_id(line, one) for line in workflows for one in spelled],
        "messages": [event_key(*source, one) for source in sources for one in spelled],
        "tokens": [business_token(kind, one) for kind in kinds for one in spelled],
        "batched": list(_transactions_of(id)),
        "facilities": list(facilities),
        "candidates": MOST_CANDIDATES,
        "hits": MOST_HITS + 1,
    }
    return _found(fetch_all(FIND, params, row=Way), kinds)


def spellings(text: str) -> list[str]:
    """As it was typed, and in capitals and small letters: numbers are kept as they were sent."""
    return list(dict.fromkeys((text, text.upper(), text.lower())))


def _found(ways: Sequence[Way], kinds: Sequence[str]) -> Found:
    shown = ways[:MOST_HITS]
    rows = Transaction.objects.in_bulk([way.id for way in shown])
    hits = [Hit(rows[way.id], way.ways) for way in shown if way.id in rows]
    return Found(hits, len(ways) > MOST_HITS, kinds)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return NOBODY


def _transactions_of(batch: UUID) -> Iterator[UUID]:
    """The transactions at the beginning of a batch, as long as the journal keeps it."""
    for row in fetch_all(BATCH, {"id": batch, "head": BATCH_HEAD}, row=_Head):
        events, _, _ = bytes(row.head).partition(b"\n\n")
        # The last line may be cut.
        whole = events.split(b"\n")[: None if len(row.head) < BATCH_HEAD else -1]
        ids = (line.split(b"\t")[3].decode() for line in whole if line)
        yield from dict.fromkeys(UUID(one) for one in ids if one)
