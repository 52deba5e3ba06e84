"""Step 2 of the fold: every change of a fact moves the rollups, in the same transaction.

`record_changes` turns `fold_changed` and `fold_new` into appended deltas: what a transaction was is
retracted, what it is now is asserted. `compact` adds the deltas to the rollups. Because both are
sums, any order, any grouping and any number of workers give the same cells.
"""

from django.db import transaction

from apps.core.db import execute, fetch_value, runner

# One branch per moment a transaction is counted at. A branch skips transactions whose part in it
# did not change, and groups by itself, so a fold appends a few rows per touched cell.
RECORD_CHANGES = """
WITH changes AS MATERIALIZED (
    SELECT *,
           old_state < 5 AND old_sla = 2 AND old_stopped_at IS NULL AS old_overdue,
           new_state < 5 AND new_sla = 2 AND new_stopped_at IS NULL AS new_overdue,
           old_state < 5 AND old_business_sla = 2 AND old_business_stopped_at IS NULL
               AS old_business_overdue,
           new_state < 5 AND new_business_sla = 2 AND new_business_stopped_at IS NULL
               AS new_business_overdue
      FROM fold_changed
), sides AS MATERIALIZED (
    SELECT 1 AS sign, workflow_id, new_facility_id AS facility_id, new_state AS state,
           new_first_at AS first_at, COALESCE(new_amount, 0) AS amount,
               new_settled_at AS settled_at,
           new_failed_at AS failed_at, new_dead_lettered_at AS dead_lettered_at,
           new_started_at AS started_at, new_due_at AS due_at, new_stopped_at AS stopped_at,
           new_sla AS sla, new_business_started_at AS business_started_at,
           new_business_due_at AS business_due_at, new_business_stopped_at AS business_stopped_at,
           new_business_sla AS business_sla, new_overdue AS overdue,
           new_business_overdue AS business_overdue,
           is_new OR moved OR (old_first_at, old_amount, old_state, old_overdue,
               old_business_overdue)
               IS DISTINCT FROM (new_first_at, new_amount, new_state, new_overdue,
                   new_business_overdue)
               AS in_position,
           is_new OR moved OR (old_settled_at, old_state, old_amount)
               IS DISTINCT FROM (new_settled_at, new_state, new_amount) AS in_settled,
           is_new OR moved OR old_failed_at IS DISTINCT FROM new_failed_at AS in_failed,
           is_new OR moved OR old_dead_lettered_at IS DISTINCT FROM new_dead_lettered_at AS in_dead,
           is_new OR moved OR (old_due_at, old_sla) IS DISTINCT FROM (new_due_at,
               new_sla) AS in_sla,
           is_new OR moved OR (old_started_at, old_stopped_at)
               IS DISTINCT FROM (new_started_at, new_stopped_at) AS in_latency,
           is_new OR moved OR (old_business_due_at, old_business_sla)
               IS DISTINCT FROM (new_business_due_at, new_business_sla) AS in_business_sla,
           is_new OR moved OR (old_business_started_at, old_business_stopped_at)
               IS DISTINCT FROM (new_business_started_at, new_business_stopped_at)
                   AS in_business_latency
      FROM (SELECT *, old_facility_id <> new_facility_id AS moved FROM changes) AS changes
     UNION ALL
    SELECT -1, workflow_id, old_facility_id, old_state, old_first_at, COALESCE(old_amount, 0),
           old_settled_at, old_failed_at, old_dead_lettered_at, old_started_at, old_due_at,
           old_stopped_at, old_sla, old_business_started_at, old_business_due_at,
           old_business_stopped_at, old_business_sla, old_overdue, old_business_overdue,
           moved OR (old_first_at, old_amount, old_state, old_overdue, old_business_overdue)
               IS DISTINCT FROM (new_first_at, new_amount, new_state, new_overdue,
                   new_business_overdue),
           moved OR (old_settled_at, old_state, old_amount)
               IS DISTINCT FROM (new_settled_at, new_state, new_amount),
           moved OR old_failed_at IS DISTINCT FROM new_failed_at,
           moved OR old_dead_lettered_at IS DISTINCT FROM new_dead_lettered_at,
           moved OR (old_due_at, old_sla) IS DISTINCT FROM (new_due_at, new_sla),
           moved OR (old_started_at, old_stopped_at)
               IS DISTINCT FROM (new_started_at, new_stopped_at),
           moved OR (old_business_due_at, old_business_sla)
               IS DISTINCT FROM (new_business_due_at, new_business_sla),
           moved OR (old_business_started_at, old_business_stopped_at)
               IS DISTINCT FROM (new_business_started_at, new_business_stopped_at)
      FROM (SELECT *, old_facility_id <> new_facility_id AS moved FROM changes) AS changes
     WHERE NOT is_new
), position AS (
    INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, started, amount_started,
           amount_at_risk, open, overdue, business_overdue, troubled, amount_open)
    SELECT date_bin('1 minute', first_at, 'epoch'), workflow_id, facility_id, sum(sign),
           sum(sign * amount),
           sum(sign * amount) FILTER (WHERE state IN (3, 4) OR overdue OR business_overdue),
           sum(sign) FILTER (WHERE state < 5), sum(sign) FILTER (WHERE overdue),
           sum(sign) FILTER (WHERE business_overdue), sum(sign) FILTER (WHERE state IN (3, 4)),
           sum(sign * amount) FILTER (WHERE state < 5)
      FROM sides WHERE in_position GROUP BY 1, 2, 3
), settled AS (
    INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, settled, amount_settled,
           completed, amount_completed)
    SELECT date_bin('1 minute', settled_at, 'epoch'), workflow_id, facility_id, sum(sign),
           sum(sign * amount), sum(sign) FILTER (WHERE state = 5),
           sum(sign * amount) FILTER (WHERE state = 5)
      FROM sides WHERE in_settled AND state IN (5, 6, 7) GROUP BY 1, 2, 3
), failed AS (
    INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, failed)
    SELECT date_bin('1 minute', failed_at, 'epoch'), workflow_id, facility_id, sum(sign)
      FROM sides WHERE in_failed AND failed_at IS NOT NULL GROUP BY 1, 2, 3
), dead_lettered AS (
    INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, dead_lettered)
    SELECT date_bin('1 minute', dead_lettered_at, 'epoch'), workflow_id, facility_id, sum(sign)
      FROM sides WHERE in_dead AND dead_lettered_at IS NOT NULL GROUP BY 1, 2, 3
), judged AS (
    INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, met, breached, excluded)
    SELECT date_bin('1 minute', due_at, 'epoch'), workflow_id, facility_id,
           sum(sign) FILTER (WHERE sla = 1), sum(sign) FILTER (WHERE sla = 2),
           sum(sign) FILTER (WHERE sla = 3)
      FROM sides WHERE in_sla AND sla > 0 GROUP BY 1, 2, 3
), business_judged AS (
    INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id,
           business_met, business_breached, business_excluded)
    SELECT date_bin('1 minute', business_due_at, 'epoch'), workflow_id, facility_id,
           sum(sign) FILTER (WHERE business_sla = 1), sum(sign) FILTER (WHERE business_sla = 2),
           sum(sign) FILTER (WHERE business_sla = 3)
      FROM sides WHERE in_business_sla AND business_sla > 0 GROUP BY 1, 2, 3
), timed AS (
    INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id,
           latencies, latency_ms, latency_histogram)
    SELECT date_bin('1 minute', stopped_at, 'epoch'), workflow_id, facility_id,
           sum(sign), sum(sign * ms), sum(sign * unit)
      FROM (SELECT *, scorecards_latency_ms(started_at, stopped_at) AS ms FROM sides
             WHERE in_latency AND started_at IS NOT NULL AND stopped_at IS NOT NULL) AS latencies
      JOIN scorecards_histogramunit ON position = scorecards_histogram_position(ms)
     GROUP BY 1, 2, 3
), business_timed AS (
    INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id,
           business_latencies, business_latency_ms, business_latency_histogram)
    SELECT date_bin('1 minute', business_stopped_at, 'epoch'), workflow_id, facility_id,
           sum(sign), sum(sign * ms), sum(sign * unit)
      FROM (SELECT *, scorecards_latency_ms(business_started_at,
          business_stopped_at) AS ms FROM sides
             WHERE in_business_latency AND business_started_at IS NOT NULL
               AND business_stopped_at IS NOT NULL) AS latencies
      JOIN scorecards_histogramunit ON position = scorecards_histogram_position(ms)
     GROUP BY 1, 2, 3
)
INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, events, retried,
    manual_touches)
SELECT date_bin('1 minute', occurred_at, 'epoch'), workflow_id, facility_id, count(*),
       count(*) FILTER (WHERE outcome = 2), count(*) FILTER (WHERE outcome = 5)
  FROM fold_new WHERE kind < 2 GROUP BY 1, 2, 3
"""

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

# Deltas leave the queue and reach every grain in one statement. A day is the facility's own: its
# bucket is the instant of local midnight. The other grains are blocks of UTC, added up from hours,
# of which there are fewer than minutes.
COMPACT = (
    """
WITH taken AS (
    DELETE FROM scorecards_rollupdelta RETURNING *
), revised AS (
    UPDATE scorecards_revision SET revision = gen_random_uuid() WHERE EXISTS (SELECT FROM taken)
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
), hours AS (
    SELECT date_bin('1 hour', bucket, 'epoch') AS bucket, workflow_id, facility_id,
"""
    + TOTALS
    + """      FROM minutes GROUP BY 1, 2, 3
), spread AS (
    SELECT 3 AS grain, date_trunc('day', m.bucket AT TIME ZONE f.time_zone)
               AT TIME ZONE f.time_zone AS cell, m.*
      FROM minutes AS m JOIN catalog_facility AS f ON f.id = m.facility_id
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
INSERT INTO scorecards_rollup AS r (grain, bucket, workflow_id, facility_id,
           events, started, settled, completed, failed, dead_lettered, retried, manual_touches,
           met, breached, excluded, business_met, business_breached, business_excluded,
           amount_started, amount_settled, amount_completed, amount_at_risk, latencies,
           latency_ms, latency_histogram, business_latencies, business_latency_ms,
           business_latency_histogram)
SELECT 1, minutes.* FROM minutes
 UNION ALL
SELECT 2, hours.* FROM hours
 UNION ALL
SELECT * FROM blocks
 ORDER BY 1, 2, 3, 4
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
)

# One compaction at a time: whoever finds the turn taken leaves its deltas to the one at work or
# to the next tick, so nobody waits for a hot rollup row.
TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('scorecards.compact'))"
WAIT_FOR_TURN = "SELECT pg_advisory_xact_lock(hashtext('scorecards.compact'))"
DELTAS_WAIT = "SELECT EXISTS (SELECT FROM scorecards_rollupdelta)"

TAKE_SNAPSHOT = """
INSERT INTO scorecards_backlogsnapshot (taken_at, workflow_id, facility_id, open, overdue,
    amount_open,
       under_4_hours, under_24_hours, under_3_days, under_7_days, over_7_days, oldest_at)
SELECT date_bin('5 minutes', now(), 'epoch'), workflow_id, facility_id, count(*),
       count(*) FILTER (WHERE sla = 2 AND stopped_at IS NULL), COALESCE(sum(amount_minor), 0),
       count(*) FILTER (WHERE first_at > now() - interval '4 hours'),
       count(*) FILTER (WHERE first_at <= now() - interval '4 hours'
           AND first_at > now() - interval '24 hours'),
       count(*) FILTER (WHERE first_at <= now() - interval '24 hours'
           AND first_at > now() - interval '3 days'),
       count(*) FILTER (WHERE first_at <= now() - interval '3 days'
           AND first_at > now() - interval '7 days'),
       count(*) FILTER (WHERE first_at <= now() - interval '7 days'), min(first_at)
  FROM telemetry_transaction WHERE state < 5
 GROUP BY workflow_id, facility_id
    ON CONFLICT ON CONSTRAINT backlog_snapshot_once DO NOTHING
"""

DROP_OLD = """
WITH minutes AS (
    DELETE FROM scorecards_rollup WHERE grain = 1
        AND bucket < now() - make_interval(days => %(minute_days)s)
), blocks AS (
    DELETE FROM scorecards_rollup WHERE grain IN (2, 4, 5, 6)
        AND bucket < now() - make_interval(days => %(hour_days)s)
)
DELETE FROM scorecards_backlogsnapshot
 WHERE taken_at < now() - make_interval(days => %(minute_days)s)
   AND taken_at <> date_trunc('hour', taken_at)
"""
MINUTE_DAYS = 8
HOUR_DAYS = 400


def record_changes(rows: int) -> None:
    """Append the deltas of the fold at hand, of about `rows`; inside the fold's transaction."""
    runner(rows)(RECORD_CHANGES)


@transaction.atomic
def compact() -> bool:
    """Add waiting deltas to the rollups; False when another compaction has the turn."""
    if not fetch_value(TAKE_TURN):
        return False
    execute(COMPACT)
    return True


def deltas_wait() -> bool:
    """Whether some change has not reached the rollups yet."""
    return bool(fetch_value(DELTAS_WAIT))


def take_snapshot() -> None:
    """Photograph the backlog for the current five minutes; a second photograph changes nothing."""
    execute(TAKE_SNAPSHOT)


def drop_old_rollups() -> None:
    """Minutes are kept 8 days, hours and blocks 400, days for ever; snapshots thin out to hours."""
    execute(DROP_OLD, {"minute_days": MINUTE_DAYS, "hour_days": HOUR_DAYS})
