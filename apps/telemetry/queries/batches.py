"""Reads of the journal: what became of the events of a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from apps.core.db import fetch_all, fetch_one
from apps.telemetry.models import IngestBatch

BATCH_REPORT = """
SELECT id, source_id, received_at, state, events, tests, stored, duplicates, conflicts, rejected,
       folded_at
  FROM telemetry_ingestbatch WHERE id = %(id)s
"""

# The index ingest_batch_duplicates holds only batches that brought something again.
DUPLICATES = """
SELECT (SELECT COALESCE(sum(duplicates), 0)::bigint FROM telemetry_ingestbatch
         WHERE duplicates > 0) AS number,
       (SELECT received_at FROM telemetry_ingestbatch ORDER BY id LIMIT 1) AS since
"""


@dataclass(frozen=True)
class Dropped:
    """Events that came again, and since when the journal knows."""

    number: int
    since: datetime | None


@dataclass(frozen=True)
class BatchReport:
    """What became of the events of one request."""

    id: UUID
    source_id: int
    received_at: datetime
    state: int
    events: int
    tests: int
    stored: int | None
    duplicates: int | None
    conflicts: int | None
    rejected: int
    folded_at: datetime | None

    @property
    def accepted(self) -> int:
        """Events acknowledged; tests were, and are not stored."""
        return self.events + self.tests

    @property
    def state_name(self) -> str:
        """The state as the API says it."""
        return IngestBatch.State(self.state).name.lower()


def batch_report(batch_id: UUID) -> BatchReport | None:
    """The fate of a request's events, if there was such a request."""
    found = fetch_all(BATCH_REPORT, {"id": batch_id}, row=BatchReport)
    return found[0] if found else None


# A key's batches may be seen by whoever may see every facility that the key speaks for.
ROW = """
SELECT b.id, b.source_id, s.code AS source, s.name AS source_name, b.received_at, b.state,
       b.events, b.tests, b.stored, b.duplicates, b.conflicts, b.rejected, b.folded_at, b.attempts,
       COALESCE(b.error, '') AS error
  FROM telemetry_ingestbatch b JOIN telemetry_source s ON s.id = b.source_id
 WHERE (%(everywhere)s OR b.scope <@ %(facilities)s::integer[])
"""
# Values are bound by the client, so what is not asked for is gone before the plan is made, and a
# state that is asked for finds its own small index.
LATEST = (
    ROW
    + """
   AND b.id < %(before)s AND (%(source)s::integer IS NULL OR b.source_id = %(source)s)
   AND (%(state)s::integer IS NULL OR b.state = %(state)s)
 ORDER BY b.id DESC LIMIT %(most)s
"""
)
# The journal has no index by source, so a source's batches are looked for in the quarter-hours that
# are known to hold some, as many as are needed, and in what came since the last that is counted.
STRETCHES = """
WITH stretch AS (
    SELECT COALESCE(max(quarter) + interval '15 minutes', 'epoch') AS low, now() AS high,
           0 AS batches
      FROM telemetry_sourcequarter
     UNION ALL
    SELECT quarter, quarter + interval '15 minutes', batches FROM telemetry_sourcequarter
     WHERE source_id = %(source)s AND quarter <= %(before_at)s
), running AS (
    SELECT low, high, sum(batches) OVER (ORDER BY low DESC) - batches AS later FROM stretch
)
SELECT found.* FROM running CROSS JOIN LATERAL (
"""
IN_STRETCH = """
   AND b.id < %(before)s AND b.source_id = %(source)s
   AND b.id >= (lpad(to_hex((extract(epoch FROM low) * 1000)::bigint), 12, '0')
                || repeat('0', 20))::uuid
   AND b.id <= (lpad(to_hex((extract(epoch FROM high) * 1000)::bigint), 12, '0')
                || repeat('f', 20))::uuid
 ORDER BY b.id DESC LIMIT %(most)s) AS found
 WHERE later <= 2 * %(most)s ORDER BY found.id DESC LIMIT %(most)s
"""
OF_SOURCE = STRETCHES + ROW + IN_STRETCH
ONE = ROW + " AND b.id = %(id)s"

LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True)
class BatchRow(BatchReport):
    """A batch in a list, or on its own page."""

    source: str
    source_name: str
    attempts: int
    error: str

    @property
    def lag(self) -> timedelta | None:
        """From its receipt until its events counted."""
        return self.folded_at - self.received_at if self.folded_at else None


@dataclass(frozen=True)
class Reader:
    """Who looks: which facilities, and whether that is all."""

    facilities: Sequence[int]
    everywhere: bool


def latest_batches(
    *, reader: Reader, source: int | None, state: int | None, before: UUID | None, most: int
) -> list[BatchRow]:
    """Batches a reader may see, newest first."""
    position = before or LAST
    params = {
        "facilities": list(reader.facilities),
        "everywhere": reader.everywhere,
        "source": source,
        "state": state,
        "before": position,
        "before_at": _moment_of(position),
        "most": most,
    }
    statement = OF_SOURCE if source and state is None else LATEST
    return fetch_all(statement, params, row=BatchRow)


def find_batch(batch_id: UUID, *, reader: Reader) -> BatchRow | None:
    """One batch, if the reader may see it."""
    params = {
        "id": batch_id,
        "facilities": list(reader.facilities),
        "everywhere": reader.everywhere,
    }
    found = fetch_all(ONE, params, row=BatchRow)
    return found[0] if found else None


def _moment_of(batch_id: UUID) -> datetime:
    """The time in an id; one that no batch can have is the end of time."""
    try:
        return datetime.fromtimestamp((batch_id.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def duplicates_dropped() -> Dropped:
    """How many events came again, of all sources, as far back as the journal is kept."""
    return fetch_one(DUPLICATES, {}, row=Dropped)
