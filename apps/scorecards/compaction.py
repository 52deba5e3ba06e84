"""Deltas become rollups, one compaction at a time, in two steps.

Minutes and the backlog take up the deltas once a second. What they took waits, added up to
quarter-hours, for the larger grains: a busy cell then moves a few times a minute in each of them,
not every second. Readers add what waits at either step, so no figure is late.

Beside the cells of a workflow stands one for the whole network, `measures.NETWORK`: whoever may see
all of it reads one row where there would be one for each facility.
"""

from dataclasses import dataclass
from typing import LiteralString

from django.db import transaction

from apps.core.db import execute, fetch_one, fetch_value
from apps.scorecards.measures import BACKLOG, MEASURES, NETWORK, written

# What every grain is written with: rows come as the sums of all measures, behind their key.
INTO_ROLLUPS = written(
    "INSERT INTO scorecards_rollup AS r (grain, bucket, workflow_id, facility_id, {measures})",
    MEASURES,
)
ADDED = written("ON CONFLICT ON CONSTRAINT rollup_once DO UPDATE SET {additions}", MEASURES)

# The oldest is one probe of the partial index transaction_open for each cell that moved, in the
# snapshot in which its deltas were taken.
MOVE_BACKLOG = written(
    """
    INSERT INTO scorecards_backlog AS r (workflow_id, facility_id, {measures}, oldest_at)
    SELECT workflow_id, facility_id, {sums},
           (SELECT min(first_at) FROM telemetry_transaction AS t
             WHERE t.workflow_id = taken.workflow_id AND t.facility_id = taken.facility_id
               AND t.state < 5)
      FROM taken GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT ON CONSTRAINT backlog_once DO UPDATE SET
           {additions}, oldest_at = excluded.oldest_at
""",
    BACKLOG,
)

# Deltas leave the queue, move the backlog and the minutes, and are handed on.
COMPACT_MINUTES = written(
    """
WITH taken AS (
    DELETE FROM scorecards_rollupdelta RETURNING *
), noted AS (
    UPDATE scorecards_revision SET revision = gen_random_uuid(), minutes_at = clock_timestamp()
     WHERE EXISTS (SELECT FROM taken)
), backlog AS ({move_backlog}), minutes AS (
    SELECT bucket, workflow_id, facility_id, {sums} FROM taken GROUP BY 1, 2, 3
), handed_on AS (
    INSERT INTO scorecards_quarterdelta
    SELECT date_bin('15 minutes', bucket, 'epoch'), workflow_id, facility_id, {sums}
      FROM minutes GROUP BY 1, 2, 3
), network AS (
    SELECT bucket, workflow_id, {network} AS facility_id, {sums} FROM minutes GROUP BY 1, 2
)
{into_rollups}
SELECT 1, minutes.* FROM minutes
 UNION ALL
SELECT 1, network.* FROM network
 ORDER BY 2, 3, 4
{added}
""",
    MEASURES,
    move_backlog=MOVE_BACKLOG,
    network=NETWORK,
    into_rollups=INTO_ROLLUPS,
    added=ADDED,
)

# Quarter-hours reach every larger grain in one statement. A day is the facility's own: its bucket
# is the instant of local midnight, which since 2012 is a quarter-hour of UTC in every time zone.
# The other grains are blocks of UTC, those of hours and more added up from hours, which are fewer.
# A day of the network is the same date everywhere, and begins where it does in UTC.
COMPACT_BLOCKS = written(
    """
WITH taken AS (
    DELETE FROM scorecards_quarterdelta RETURNING *
), noted AS (
    UPDATE scorecards_revision SET blocks_at = clock_timestamp()
     WHERE EXISTS (SELECT FROM taken)
), quarters AS (
    SELECT bucket, workflow_id, facility_id, {sums} FROM taken GROUP BY 1, 2, 3
     UNION ALL
    SELECT bucket, workflow_id, {network}, {sums} FROM taken GROUP BY 1, 2
), hours AS (
    SELECT date_bin('1 hour', bucket, 'epoch') AS bucket, workflow_id, facility_id, {sums}
      FROM quarters GROUP BY 1, 2, 3
), days AS (
    SELECT date_trunc('day', q.bucket AT TIME ZONE f.time_zone) AS day, f.time_zone,
           workflow_id, facility_id, {sums}
      FROM quarters AS q JOIN catalog_facility AS f ON f.id = q.facility_id
     GROUP BY 1, 2, 3, 4
), spread AS (
    SELECT 3 AS grain, day AT TIME ZONE time_zone AS cell, workflow_id, facility_id, {measures}
      FROM days
     UNION ALL
    SELECT 3, day AT TIME ZONE 'UTC', workflow_id, {network}, {measures} FROM days
     UNION ALL
    SELECT block.grain, date_bin(block.length, bucket, 'epoch'), workflow_id, facility_id,
           {measures}
      FROM hours
     CROSS JOIN (VALUES (4, interval '4 hours'), (5, '1 day'), (6, '8 days'))
           AS block (grain, length)
), blocks AS (
    SELECT grain, cell, workflow_id, facility_id, {sums} FROM spread GROUP BY 1, 2, 3, 4
)
{into_rollups}
SELECT 7, quarters.* FROM quarters
 UNION ALL
SELECT 2, hours.* FROM hours
 UNION ALL
SELECT * FROM blocks
 ORDER BY 1, 2, 3, 4
{added}
""",
    MEASURES,
    network=NETWORK,
    into_rollups=INTO_ROLLUPS,
    added=ADDED,
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
