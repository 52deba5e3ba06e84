"""Deltas become rollups, one compaction at a time, in two steps.

Minutes and the backlog take up the deltas once a second. What they took waits, added up to
quarter-hours, for the larger grains: a busy cell then moves a few times a minute in each of them,
not every second. Readers add what waits at either step, so no figure is late.
"""

from dataclasses import dataclass
from typing import LiteralString

from django.db import transaction

from apps.core.db import execute, fetch_one, fetch_value

# Every measure, added up. The casts keep the sums of sums out of numeric arithmetic, which is
# several times slower.
TOTALS = """
           COALESCE(sum(events), 0)::bigint AS events,
           COALESCE(sum(started), 0)::bigint AS started,
           COALESCE(sum(settled), 0)::bigint AS settled,
           COALESCE(sum(completed), 0)::bigint AS completed,
           COALESCE(sum(failed), 0)::bigint AS failed,
           COALESCE(sum(dead_lettered), 0)::bigint AS dead_lettered,
           COALESCE(sum(retried), 0)::bigint AS retried,
           COALESCE(sum(manual_touches), 0)::bigint AS manual_touches,
           COALESCE(sum(met), 0)::bigint AS met, COALESCE(sum(breached), 0)::bigint AS breached,
           COALESCE(sum(excluded), 0)::bigint AS excluded,
           COALESCE(sum(business_met), 0)::bigint AS business_met,
           COALESCE(sum(business_breached), 0)::bigint AS business_breached,
           COALESCE(sum(business_excluded), 0)::bigint AS business_excluded,
           COALESCE(sum(amount_started), 0)::bigint AS amount_started,
           COALESCE(sum(amount_settled), 0)::bigint AS amount_settled,
           COALESCE(sum(amount_completed), 0)::bigint AS amount_completed,
           COALESCE(sum(amount_at_risk), 0)::bigint AS amount_at_risk,
           COALESCE(sum(latencies), 0)::bigint AS latencies,
           COALESCE(sum(latency_ms), 0) AS latency_ms,
           COALESCE(sum(latency_histogram), 0) AS latency_histogram,
           COALESCE(sum(business_latencies), 0)::bigint AS business_latencies,
           COALESCE(sum(business_latency_ms), 0) AS business_latency_ms,
           COALESCE(sum(business_latency_histogram), 0) AS business_latency_histogram
"""

# What every grain is written with; rows come as the sums above, behind their key.
ADD_TO_ROLLUPS = """
    ON CONFLICT ON CONSTRAINT rollup_once DO UPDATE SET
       events = r.events + excluded.events, started = r.started + excluded.started,
       settled = r.settled + excluded.settled, completed = r.completed + excluded.completed,
       failed = r.failed + excluded.failed,
       dead_lettered = r.dead_lettered + excluded.dead_lettered,
       retried = r.retried + excluded.retried,
       manual_touches = r.manual_touches + excluded.manual_touches, met = r.met + excluded.met,
       breached = r.breached + excluded.breached, excluded = r.excluded + excluded.excluded,
       business_met = r.business_met + excluded.business_met,
       business_breached = r.business_breached + excluded.business_breached,
       business_excluded = r.business_excluded + excluded.business_excluded,
       amount_started = r.amount_started + excluded.amount_started,
       amount_settled = r.amount_settled + excluded.amount_settled,
       amount_completed = r.amount_completed + excluded.amount_completed,
       amount_at_risk = r.amount_at_risk + excluded.amount_at_risk,
       latencies = r.latencies + excluded.latencies,
       latency_ms = r.latency_ms + excluded.latency_ms,
       latency_histogram = r.latency_histogram + excluded.latency_histogram,
       business_latencies = r.business_latencies + excluded.business_latencies,
       business_latency_ms = r.business_latency_ms + excluded.business_latency_ms,
       business_latency_histogram = r.business_latency_histogram +
           excluded.business_latency_histogram
"""
ROLLUPS = """
INSERT INTO scorecards_rollup AS r (grain, bucket, workflow_id, facility_id,
           events, started, settled, completed, failed, dead_lettered, retried, manual_touches,
           met, breached, excluded, business_met, business_breached, business_excluded,
           amount_started, amount_settled, amount_completed, amount_at_risk, latencies,
           latency_ms, latency_histogram, business_latencies, business_latency_ms,
           business_latency_histogram)
"""

# Deltas leave the queue, move the backlog and the minutes, and are handed on.
COMPACT_MINUTES = (
    """
WITH taken AS (
    DELETE FROM scorecards_rollupdelta RETURNING *
), noted AS (
    UPDATE scorecards_revision SET revision = gen_random_uuid(), minutes_at = clock_timestamp()
     WHERE EXISTS (SELECT FROM taken)
), backlog AS (
    INSERT INTO scorecards_backlog AS b (workflow_id, facility_id, open, overdue, business_overdue,
           troubled, amount_open, amount_at_risk)
    SELECT workflow_id, facility_id, COALESCE(sum(open), 0), COALESCE(sum(overdue), 0),
           COALESCE(sum(business_overdue), 0), COALESCE(sum(troubled), 0),
           COALESCE(sum(amount_open), 0), COALESCE(sum(amount_at_risk), 0)
      FROM taken GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT ON CONSTRAINT backlog_once DO UPDATE SET
           open = b.open + excluded.open, overdue = b.overdue + excluded.overdue,
           business_overdue = b.business_overdue + excluded.business_overdue,
           troubled = b.troubled + excluded.troubled,
           amount_open = b.amount_open + excluded.amount_open,
           amount_at_risk = b.amount_at_risk + excluded.amount_at_risk
), minutes AS (
    SELECT bucket, workflow_id, facility_id,
"""  # noqa: S608  constants only
    + TOTALS
    + """      FROM taken GROUP BY 1, 2, 3
), handed_on AS (
    INSERT INTO scorecards_quarterdelta
    SELECT date_bin('15 minutes', bucket, 'epoch'), workflow_id, facility_id,
"""
    + TOTALS
    + """      FROM minutes GROUP BY 1, 2, 3
)
"""
    + ROLLUPS
    + """
SELECT 1, minutes.* FROM minutes ORDER BY 2, 3, 4
"""
    + ADD_TO_ROLLUPS
)

# Quarter-hours reach every larger grain in one statement. A day is the facility's own: its bucket
# is the instant of local midnight, which since 2012 is a quarter-hour of UTC in every time zone.
# The other grains are blocks of UTC, those of hours and more added up from hours, which are fewer.
COMPACT_BLOCKS = (
    """
WITH taken AS (
    DELETE FROM scorecards_quarterdelta RETURNING *
), noted AS (
    UPDATE scorecards_revision SET blocks_at = clock_timestamp()
     WHERE EXISTS (SELECT FROM taken)
), quarters AS (
    SELECT bucket, workflow_id, facility_id,
"""  # noqa: S608  constants only
    + TOTALS
    + """      FROM taken GROUP BY 1, 2, 3
), hours AS (
    SELECT date_bin('1 hour', bucket, 'epoch') AS bucket, workflow_id, facility_id,
"""
    + TOTALS
    + """      FROM quarters GROUP BY 1, 2, 3
), spread AS (
    SELECT 3 AS grain, date_trunc('day', q.bucket AT TIME ZONE f.time_zone)
               AT TIME ZONE f.time_zone AS cell, q.*
      FROM quarters AS q JOIN catalog_facility AS f ON f.id = q.facility_id
     UNION ALL
    SELECT block.grain, date_bin(block.length, h.bucket, 'epoch'), h.*
      FROM hours AS h
     CROSS JOIN (VALUES (4, interval '4 hours'), (5, '1 day'), (6, '8 days'))
           AS block (grain, length)
), blocks AS (
    SELECT grain, cell, workflow_id, facility_id,
"""
    + TOTALS
    + """      FROM spread GROUP BY 1, 2, 3, 4
)
"""
    + ROLLUPS
    + """
SELECT 7, quarters.* FROM quarters
 UNION ALL
SELECT 2, hours.* FROM hours
 UNION ALL
SELECT * FROM blocks
 ORDER BY 1, 2, 3, 4
"""
    + ADD_TO_ROLLUPS
)

# Whoever finds the turn taken leaves its deltas to the one at work or to the next tick, so nobody
# waits for a hot rollup row.
TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('scorecards.compact'))"
DELTAS_WAIT = """
SELECT EXISTS (SELECT FROM scorecards_rollupdelta)
    OR EXISTS (SELECT FROM scorecards_quarterdelta)
"""
# A little less than how often somebody comes, so that a tick which is a moment early counts. A time
# that lies ahead is of a clock that was put back since.
DUE = """
SELECT COALESCE((SELECT minutes_at NOT BETWEEN clock_timestamp() - interval '0.9 seconds'
                        AND clock_timestamp() FROM scorecards_revision), true)
           AND EXISTS (SELECT FROM scorecards_rollupdelta) AS minutes,
       COALESCE((SELECT blocks_at NOT BETWEEN clock_timestamp() - interval '4.9 seconds'
                        AND clock_timestamp() FROM scorecards_revision), true)
           AND EXISTS (SELECT FROM scorecards_quarterdelta) AS blocks
"""


@dataclass(frozen=True)
class Due:
    """Which step it is time for, with something waiting for it."""

    minutes: bool
    blocks: bool


def compact_due() -> None:
    """Take the steps whose time has come: minutes every second, blocks every five, by whoever is
    first to look."""
    due = fetch_one(DUE, {}, row=Due)
    if due.minutes or due.blocks:
        compact(minutes=due.minutes, blocks=due.blocks)


def compact(*, minutes: bool = True, blocks: bool = True) -> bool:
    """Add what waits to the rollups; False when another compaction has the turn.

    A transaction a step: what ails the larger grains does not hold up the minutes.
    """
    steps = [*([COMPACT_MINUTES] if minutes else []), *([COMPACT_BLOCKS] if blocks else [])]
    return all(_take(step) for step in steps)


@transaction.atomic
def _take(step: LiteralString) -> bool:
    if not fetch_value(TAKE_TURN):
        return False
    execute(step)
    return True


def deltas_wait() -> bool:
    """Whether some change has not reached every rollup yet."""
    return bool(fetch_value(DELTAS_WAIT))
