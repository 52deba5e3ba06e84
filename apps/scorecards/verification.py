"""Recount the rollups from the facts by brute force, compare every cell, and mend on request.

The recount shares nothing with the deltas it checks: it reads every transaction and event and
counts. Compaction is held off meanwhile and the comparison sees one snapshot, so folding goes on.
Time is taken eight days at a time, which bounds what is held at once however long the history is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString

from django.db import transaction
from django.utils.timezone import now

from apps.core.db import execute, fetch_all, fetch_one, fetch_value
from apps.scorecards.compaction import compact
from apps.scorecards.measures import BACKLOG, MEASURES, NETWORK, written
from apps.scorecards.parts import (
    BUSINESS_LATENCY_MS,
    IS_AT_RISK,
    IS_BUSINESS_OVERDUE,
    IS_COMPLETED,
    IS_OPEN,
    IS_OVERDUE,
    IS_SETTLED,
    IS_TROUBLED,
    LATENCY_MS,
)
from apps.scorecards.services import HOUR_DAYS, MINUTE_DAYS
from apps.scorecards.windows import QUARTER_HOUR, ceil, floor

# The largest block: a span between two of its boundaries holds whole cells of every grain.
SPAN = timedelta(days=8)
# More are of no use to anybody who reads them; all are mended.
MOST_TOLD = 10_000

HOLD_COMPACTION = "SELECT pg_advisory_lock(hashtext('scorecards.compact'))"
RELEASE_COMPACTION = "SELECT pg_advisory_unlock(hashtext('scorecards.compact'))"
# Sorts and hashes of a span fit; more would only be written to disk and read again.
ALLOW_MEMORY = "SET LOCAL work_mem = '128MB'"

# Facts at their own instants; cells that begin in the span, as counted; what to add to each cell.
MAKE_TABLES = """
CREATE TEMPORARY TABLE verified_fact (LIKE scorecards_rollupdelta) ON COMMIT DROP;
CREATE TEMPORARY TABLE verified_cell (LIKE scorecards_rollup) ON COMMIT DROP;
CREATE TEMPORARY TABLE verified_difference (LIKE scorecards_rollup) ON COMMIT DROP;
CREATE TEMPORARY TABLE verified_backlog (LIKE scorecards_backlog) ON COMMIT DROP;
"""
EMPTY_SPAN = "TRUNCATE verified_fact, verified_cell"
LOOK_AT_FACTS = "ANALYZE verified_fact"

# Nothing to count or to compare lies outside.
EXTENT = """
SELECT LEAST((SELECT min(first_at) FROM telemetry_transaction),
             (SELECT min(bucket) FROM scorecards_rollup)) AS first,
       GREATEST((SELECT max(GREATEST(last_at, due_at, business_due_at))
                   FROM telemetry_transaction),
                (SELECT max(bucket) FROM scorecards_rollup)) AS last
"""

# Every moment of a transaction lies between its first event and its last or its due times. A day
# begins up to a day before its facts, so facts are read 25 hours past the span.
COLLECT_FACTS = f"""
WITH known AS MATERIALIZED (
    SELECT workflow_id, facility_id, first_at, settled_at, failed_at, dead_lettered_at, due_at,
           business_due_at, stopped_at, business_stopped_at, state, sla, business_sla,
           COALESCE(amount_minor, 0) AS amount,
           {IS_AT_RISK} AS is_at_risk, {LATENCY_MS} AS ms, {BUSINESS_LATENCY_MS} AS business_ms
      FROM telemetry_transaction
     WHERE first_at < %(until)s AND GREATEST(last_at, due_at, business_due_at) >= %(start)s
), begun AS (
    INSERT INTO verified_fact (bucket, workflow_id, facility_id, started, amount_started,
           amount_at_risk)
    SELECT first_at, workflow_id, facility_id, 1, amount, CASE WHEN is_at_risk THEN amount END
      FROM known WHERE first_at >= %(start)s
), ended AS (
    INSERT INTO verified_fact (bucket, workflow_id, facility_id, settled, amount_settled,
           completed, amount_completed)
    SELECT settled_at, workflow_id, facility_id, 1, amount, CASE WHEN {IS_COMPLETED} THEN 1 END,
           CASE WHEN {IS_COMPLETED} THEN amount END
      FROM known WHERE {IS_SETTLED} AND settled_at >= %(start)s AND settled_at < %(until)s
), failed AS (
    INSERT INTO verified_fact (bucket, workflow_id, facility_id, failed)
    SELECT failed_at, workflow_id, facility_id, 1
      FROM known WHERE failed_at >= %(start)s AND failed_at < %(until)s
), dead AS (
    INSERT INTO verified_fact (bucket, workflow_id, facility_id, dead_lettered)
    SELECT dead_lettered_at, workflow_id, facility_id, 1
      FROM known WHERE dead_lettered_at >= %(start)s AND dead_lettered_at < %(until)s
), judged AS (
    INSERT INTO verified_fact (bucket, workflow_id, facility_id, met, breached, excluded)
    SELECT due_at, workflow_id, facility_id, (sla = 1)::integer, (sla = 2)::integer,
           (sla = 3)::integer
      FROM known WHERE sla > 0 AND due_at >= %(start)s AND due_at < %(until)s
), business_judged AS (
    INSERT INTO verified_fact (bucket, workflow_id, facility_id, business_met, business_breached,
           business_excluded)
    SELECT business_due_at, workflow_id, facility_id, (business_sla = 1)::integer,
           (business_sla = 2)::integer, (business_sla = 3)::integer
      FROM known
     WHERE business_sla > 0 AND business_due_at >= %(start)s AND business_due_at < %(until)s
), timed AS (
    INSERT INTO verified_fact (bucket, workflow_id, facility_id, latencies, latency_ms,
           latency_histogram)
    SELECT stopped_at, workflow_id, facility_id, 1, ms, unit
      FROM known JOIN scorecards_histogramunit ON position = scorecards_histogram_position(ms)
     WHERE ms IS NOT NULL AND stopped_at >= %(start)s AND stopped_at < %(until)s
), business_timed AS (
    INSERT INTO verified_fact (bucket, workflow_id, facility_id, business_latencies,
           business_latency_ms, business_latency_histogram)
    SELECT business_stopped_at, workflow_id, facility_id, 1, business_ms, unit
      FROM known
      JOIN scorecards_histogramunit ON position = scorecards_histogram_position(business_ms)
     WHERE business_ms IS NOT NULL
       AND business_stopped_at >= %(start)s AND business_stopped_at < %(until)s
)
INSERT INTO verified_fact (bucket, workflow_id, facility_id, events, retried, manual_touches)
SELECT occurred_at, workflow_id, facility_id, 1, (outcome = 2)::integer, (outcome = 5)::integer
  FROM telemetry_event WHERE occurred_at >= %(start)s AND occurred_at < %(until)s
"""  # noqa: S608  constants only

# Blocks nest in hours, so hours are counted from the facts and blocks from hours.
COUNT_CELLS = """
INSERT INTO verified_cell (grain, bucket, workflow_id, facility_id, {measures})
WITH hours AS MATERIALIZED (
    SELECT date_bin('1 hour', bucket, 'epoch') AS bucket, workflow_id, facility_id, {sums}
      FROM verified_fact WHERE bucket < %(end)s GROUP BY 1, 2, 3
)
SELECT fine.grain, date_bin(fine.length, bucket, 'epoch') AS cell, workflow_id,
       COALESCE(facility_id, {network}), {sums}
  FROM verified_fact
 CROSS JOIN (VALUES (1, interval '1 minute'), (7, '15 minutes')) AS fine (grain, length)
 WHERE bucket >= %(minutes_from)s AND bucket < %(end)s
 GROUP BY GROUPING SETS ((fine.grain, cell, workflow_id, facility_id),
                         (fine.grain, cell, workflow_id))
 UNION ALL
SELECT 3, date_trunc('day', bucket AT TIME ZONE time_zone) AT TIME ZONE time_zone AS cell,
       workflow_id, facility_id, {sums}
  FROM verified_fact JOIN catalog_facility AS place ON place.id = facility_id
 GROUP BY 1, 2, 3, 4
 UNION ALL
SELECT 3, date_trunc('day', bucket AT TIME ZONE time_zone) AT TIME ZONE 'UTC' AS cell,
       workflow_id, {network}, {sums}
  FROM verified_fact JOIN catalog_facility AS place ON place.id = facility_id
 GROUP BY 1, 2, 3
 UNION ALL
SELECT block.grain, date_bin(block.length, bucket, 'epoch') AS cell, workflow_id,
       COALESCE(facility_id, {network}), {sums}
  FROM hours
 CROSS JOIN (VALUES (2, interval '1 hour'), (4, '4 hours'), (5, '1 day'), (6, '8 days'))
       AS block (grain, length)
 GROUP BY GROUPING SETS ((block.grain, cell, workflow_id, facility_id),
                         (block.grain, cell, workflow_id))
"""

COMPARE_CELLS = """
INSERT INTO verified_difference (grain, bucket, workflow_id, facility_id, {measures})
SELECT grain, bucket, workflow_id, facility_id, {differences}
  FROM (SELECT * FROM verified_cell WHERE bucket >= %(start)s AND bucket < %(end)s) AS e
  FULL JOIN (SELECT * FROM scorecards_rollup
              WHERE bucket >= %(start)s AND bucket < %(end)s) AS a
       USING (grain, bucket, workflow_id, facility_id)
 WHERE ({expected}) <> ({actual})
   AND (grain = 3 OR grain IN (1, 7) AND bucket >= %(minutes_from)s
        OR grain IN (2, 4, 5, 6) AND bucket >= %(hours_from)s)
"""

COMPARE_BACKLOG = """
INSERT INTO verified_backlog (workflow_id, facility_id, {measures}, oldest_at)
WITH standing AS (
    SELECT workflow_id, facility_id, first_at, COALESCE(amount_minor, 0) AS amount,
           {is_overdue} AS overdue, {is_business_overdue} AS business_overdue,
           {is_troubled} AS troubled, {is_at_risk} AS is_at_risk
      FROM telemetry_transaction WHERE {is_open}
), e AS (
    SELECT workflow_id, facility_id, count(*) AS open, count(*) FILTER (WHERE overdue) AS overdue,
           count(*) FILTER (WHERE business_overdue) AS business_overdue,
           count(*) FILTER (WHERE troubled) AS troubled, sum(amount) AS amount_open,
           sum(amount) FILTER (WHERE is_at_risk) AS amount_at_risk,
           min(first_at) AS oldest_at
      FROM standing GROUP BY 1, 2
)
SELECT workflow_id, facility_id, {differences}, e.oldest_at
  FROM e FULL JOIN scorecards_backlog AS a USING (workflow_id, facility_id)
 WHERE ({expected}, e.oldest_at) IS DISTINCT FROM ({actual}, a.oldest_at)
"""

TELL = """
SELECT grain, bucket, workflow_id, facility_id, measure, actual + difference AS expected, actual
  FROM (SELECT d.grain, d.bucket, d.workflow_id, d.facility_id, v.*
          FROM verified_difference AS d
          LEFT JOIN scorecards_rollup AS a USING (grain, bucket, workflow_id, facility_id)
         CROSS JOIN LATERAL (VALUES {cells}) AS v (measure, difference, actual)
         UNION ALL
        SELECT 0, timestamptz 'epoch', d.workflow_id, d.facility_id, v.*
          FROM verified_backlog AS d
          LEFT JOIN scorecards_backlog AS a USING (workflow_id, facility_id)
         CROSS JOIN LATERAL (VALUES {backlog}, {oldest}) AS v (measure, difference, actual)) AS told
 WHERE difference <> 0
 ORDER BY grain, bucket, workflow_id, facility_id, measure
 LIMIT %(most)s
"""

# The oldest that is open, in seconds since 1970; 0 is none.
OLDEST_TOLD = """('oldest_at', COALESCE(extract(epoch FROM d.oldest_at), 0)
           - COALESCE(extract(epoch FROM a.oldest_at), 0),
           COALESCE(extract(epoch FROM a.oldest_at), 0))"""

# Differences are added, so that folds which ran meanwhile stay counted.
MEND_CELLS = """
INSERT INTO scorecards_rollup AS r (grain, bucket, workflow_id, facility_id, {measures})
SELECT grain, bucket, workflow_id, facility_id, {measures} FROM verified_difference
    ON CONFLICT ON CONSTRAINT rollup_once DO UPDATE SET {additions}
"""
MEND_BACKLOG = """
INSERT INTO scorecards_backlog AS r (workflow_id, facility_id, {measures}, oldest_at)
SELECT workflow_id, facility_id, {measures}, oldest_at FROM verified_backlog
    ON CONFLICT ON CONSTRAINT backlog_once DO UPDATE SET {additions}, oldest_at = excluded.oldest_at
"""
REVISE = "UPDATE scorecards_revision SET revision = gen_random_uuid()"


@dataclass(frozen=True)
class Difference:
    """One measure of one cell that is not what the facts say. Grain 0 is the backlog."""

    grain: int
    bucket: datetime
    workflow_id: int
    facility_id: int
    measure: str
    expected: Decimal
    actual: Decimal


@dataclass(frozen=True)
class Extent:
    """The first and the last moment anything is known of."""

    first: datetime | None
    last: datetime | None


def verify(*, start: datetime, end: datetime, heal: bool = False) -> list[Difference]:
    """Compare the cells beginning in [start, end) and the whole backlog with a recount.

    The end is put off to that of its block of eight days. At most MOST_TOLD differences are told;
    with `heal` all of them are mended.
    """
    with _compaction_held(), transaction.atomic():
        execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        execute(ALLOW_MEMORY)
        compact()
        execute(MAKE_TABLES)
        for first, last in _spans(start, end):
            _compare(first, last)
        execute(_with(COMPARE_BACKLOG, BACKLOG))
        found = fetch_all(_with(TELL, []), {"most": MOST_TOLD}, row=Difference)
        if heal:
            _mend()
        return found


@contextmanager
def _compaction_held() -> Iterator[None]:
    """Hold the compaction's turn across transactions: a snapshot with nothing in motion.

    The session that holds it may take it again, for its own compaction.
    """
    fetch_value(HOLD_COMPACTION)
    try:
        yield
    finally:
        fetch_value(RELEASE_COMPACTION)


def _spans(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """[start, end) from one boundary of the largest blocks to the next, where anything is known."""
    known = fetch_one(EXTENT, {}, row=Extent)
    if known.first is None or known.last is None:
        return
    # A day begins up to a day before its first fact.
    start = max(start, ceil(known.first, SPAN) - 2 * SPAN)
    end = min(end, known.last + timedelta(microseconds=1))
    while start < end:
        last = ceil(start + timedelta(microseconds=1), SPAN)
        yield start, last
        start = last


def _compare(start: datetime, end: datetime) -> None:
    """Note how the cells that begin in one span differ from a recount."""
    at = {"start": start, "end": end, "until": end + timedelta(hours=25)} | _horizons()
    execute(EMPTY_SPAN)
    execute(COLLECT_FACTS, at)
    execute(LOOK_AT_FACTS)
    execute(_with(COUNT_CELLS, MEASURES), at)
    execute(_with(COMPARE_CELLS, MEASURES), at)


def _horizons() -> dict[str, datetime]:
    """Where finer grains begin to be kept, with a day of margin for the job that drops them."""
    return {
        "minutes_from": floor(now() - timedelta(days=MINUTE_DAYS - 1), QUARTER_HOUR),
        "hours_from": now() - timedelta(days=HOUR_DAYS - 1),
    }


def _mend() -> None:
    """Add the differences found, in one statement a table.

    A new state even without any: a rebuild also changes what pages read from transactions.
    """
    execute(_with(MEND_CELLS, MEASURES))
    execute(_with(MEND_BACKLOG, BACKLOG))
    execute(REVISE)


def _with(statement: LiteralString, names: Sequence[LiteralString]) -> LiteralString:
    """The statement with these measures written out where it names them."""
    return written(
        statement,
        names,
        differences=", ".join(f"COALESCE(e.{name}, 0) - COALESCE(a.{name}, 0)" for name in names),
        expected=", ".join(f"COALESCE(e.{name}, 0)" for name in names),
        actual=", ".join(f"COALESCE(a.{name}, 0)" for name in names),
        network=NETWORK,
        is_open=IS_OPEN,
        is_overdue=IS_OVERDUE,
        is_business_overdue=IS_BUSINESS_OVERDUE,
        is_troubled=IS_TROUBLED,
        is_at_risk=IS_AT_RISK,
        cells=_told(MEASURES),
        backlog=_told(BACKLOG),
        oldest=OLDEST_TOLD,
    )


def _told(names: Sequence[LiteralString]) -> LiteralString:
    return ", ".join(
        f"('{name}', d.{name}::numeric, COALESCE(a.{name}, 0)::numeric)" for name in names
    )
