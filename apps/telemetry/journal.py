"""The journal as a queue: claim waiting rows, mark what became of them.

A claim is a row lock inside the fold's transaction,
    so a killed worker gives its rows back by dying.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.core.db import execute, fetch_one, fetch_prepared, fetch_value

# The oldest rows nobody else holds, up to about %(events)s events, all of one scope. The sum may
# pass the limit by one row, so a single row larger than the limit is still claimed.
CLAIM = """
WITH free AS MATERIALIZED (
    SELECT id, events, scope FROM telemetry_ingestbatch WHERE state = 0
     ORDER BY id LIMIT %(rows)s FOR UPDATE SKIP LOCKED
), running AS (
    SELECT id, sum(events) OVER (ORDER BY id) - events AS before FROM free
     WHERE scope IS NOT DISTINCT FROM (SELECT scope FROM free ORDER BY id LIMIT 1)
)
SELECT b.id, b.source_id, (extract(epoch FROM b.received_at) * 1000000)::bigint AS received_us,
       b.events, b.scope, b.body
  FROM running JOIN telemetry_ingestbatch b USING (id)
 WHERE before < %(events)s
 ORDER BY id
"""

CLAIM_ONE = """
SELECT id, source_id, (extract(epoch FROM received_at) * 1000000)::bigint AS received_us,
       events, scope, body
  FROM telemetry_ingestbatch WHERE id = %(id)s AND state = 0 FOR UPDATE SKIP LOCKED
"""

MARK_FOLDED = """
UPDATE telemetry_ingestbatch b
   SET state = 1, folded_at = clock_timestamp(), stored = r.stored, duplicates = r.duplicates,
       conflicts = r.conflicts, error = NULL
  FROM unnest(%(ids)s::uuid[], %(stored)s::integer[], %(duplicates)s::integer[],
      %(conflicts)s::integer[])
       AS r (id, stored, duplicates, conflicts)
 WHERE b.id = r.id
"""

MARK_FAILED = """
UPDATE telemetry_ingestbatch
   SET attempts = attempts + 1, error = left(%(error)s, 500),
       state = CASE WHEN attempts + 1 >= %(limit)s THEN 2 ELSE 0 END
 WHERE id = %(id)s AND state = 0
"""

RETRY_FAILED = """
UPDATE telemetry_ingestbatch SET state = 0, attempts = 0
 WHERE state = 2 AND (%(only)s::uuid IS NULL OR id = %(only)s)
"""

WAITING_IDS = """
SELECT array_agg(id) FROM (
    SELECT id FROM telemetry_ingestbatch WHERE state = 0 ORDER BY id LIMIT %(rows)s) AS oldest
"""

# From the index of waiting rows alone: an id carries the time it was made. The count stops at
# 10,000, where the exact number no longer helps and counting would start to cost.
WAITING = """
WITH waiting AS (
    SELECT id FROM telemetry_ingestbatch WHERE state = 0 ORDER BY id LIMIT 10000
), oldest AS (
    SELECT uuid_extract_timestamp(id) AS received_at FROM waiting ORDER BY id LIMIT 1
)
SELECT (SELECT count(*) FROM waiting) AS waiting_batches,
       COALESCE((SELECT GREATEST(date_part('epoch', now() - received_at), 0) FROM oldest), 0)
           AS fold_lag_seconds
"""

ATTEMPTS = 3


@dataclass(frozen=True)
class ClaimedBatch:
    """A journal row held by this transaction.

    `received_us` is microseconds since 1970; `scope` the facilities its key speaks for, None all.
    """

    id: UUID
    source_id: int
    received_us: int
    events: int
    scope: list[int] | None
    body: bytes


@dataclass(frozen=True)
class BatchResult:
    """What folding one journal row gave."""

    id: UUID
    stored: int
    duplicates: int
    conflicts: int


@dataclass(frozen=True)
class Waiting:
    """The part of the journal that is not folded yet."""

    waiting_batches: int
    fold_lag_seconds: float


def claim(*, events: int, rows: int = 2_000, only: UUID | None = None) -> list[ClaimedBatch]:
    """Hold the oldest waiting rows until the transaction ends; skips what another worker holds."""
    if only is not None:
        rows_held = fetch_prepared(CLAIM_ONE, {"id": only})
    else:
        rows_held = fetch_prepared(CLAIM, {"events": events, "rows": rows})
    return [ClaimedBatch(*row) for row in rows_held]


def mark_folded(results: Sequence[BatchResult]) -> None:
    """Close claimed rows with what was stored, known already and in conflict."""
    execute(
        MARK_FOLDED,
        {
            "ids": [one.id for one in results],
            "stored": [one.stored for one in results],
            "duplicates": [one.duplicates for one in results],
            "conflicts": [one.conflicts for one in results],
        },
    )


def mark_failed(batch: UUID, error: str) -> None:
    """Note why a row did not fold; after three attempts it waits for a person (state failed)."""
    execute(MARK_FAILED, {"id": batch, "error": error, "limit": ATTEMPTS})


def retry_failed(*, only: UUID | None = None) -> int:
    """Give failed rows, or one of them, another three attempts; how many."""
    return execute(RETRY_FAILED, {"only": only})


def waiting_ids(rows: int) -> list[UUID]:
    """The oldest waiting rows, claimed or not."""
    return fetch_value(WAITING_IDS, {"rows": rows}) or []


def waiting() -> Waiting:
    """How far the fold is behind right now."""
    return fetch_one(WAITING, {}, row=Waiting)
