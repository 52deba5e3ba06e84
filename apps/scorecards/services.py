"""Step 2 of the fold: every change of a fact moves the rollups, in the same transaction.

`record_changes` turns `fold_changed` and `fold_new` into appended deltas: what a transaction was is
retracted, what it is now is asserted. `compaction` adds the deltas to the rollups. Because both are
sums, any order, any grouping and any number of workers give the same cells.
"""

from apps.core.db import execute, runner

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

TAKE_SNAPSHOT = """
INSERT INTO scorecards_backlogsnapshot (taken_at, workflow_id, facility_id, open, overdue,
       amount_open, under_4_hours, under_24_hours, under_3_days, under_7_days, over_7_days,
       amount_under_4_hours, amount_under_24_hours, amount_under_3_days, amount_under_7_days,
       amount_over_7_days, oldest_at)
SELECT date_bin('5 minutes', now(), 'epoch'), workflow_id, facility_id, count(*),
       count(*) FILTER (WHERE sla = 2 AND stopped_at IS NULL), sum(amount),
       count(*) FILTER (WHERE age < interval '4 hours'),
       count(*) FILTER (WHERE age >= interval '4 hours' AND age < interval '24 hours'),
       count(*) FILTER (WHERE age >= interval '24 hours' AND age < interval '3 days'),
       count(*) FILTER (WHERE age >= interval '3 days' AND age < interval '7 days'),
       count(*) FILTER (WHERE age >= interval '7 days'),
       sum(CASE WHEN age < interval '4 hours' THEN amount ELSE 0 END),
       sum(CASE WHEN age >= interval '4 hours' AND age < interval '24 hours'
                THEN amount ELSE 0 END),
       sum(CASE WHEN age >= interval '24 hours' AND age < interval '3 days' THEN amount ELSE 0 END),
       sum(CASE WHEN age >= interval '3 days' AND age < interval '7 days' THEN amount ELSE 0 END),
       sum(CASE WHEN age >= interval '7 days' THEN amount ELSE 0 END), min(first_at)
  FROM (SELECT workflow_id, facility_id, sla, stopped_at, first_at, now() - first_at AS age,
               COALESCE(amount_minor, 0) AS amount
          FROM telemetry_transaction WHERE state < 5) AS standing
 GROUP BY workflow_id, facility_id
    ON CONFLICT ON CONSTRAINT backlog_snapshot_once DO NOTHING
"""

DROP_OLD = """
WITH minutes AS (
    DELETE FROM scorecards_rollup WHERE grain IN (1, 7)
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


def take_snapshot() -> None:
    """Photograph the backlog for the current five minutes; a second photograph changes nothing."""
    execute(TAKE_SNAPSHOT)


def drop_old_rollups() -> None:
    """Minutes and quarter-hours are kept 8 days, hours and blocks 400, days for ever.

    Snapshots thin out to hours.
    """
    execute(DROP_OLD, {"minute_days": MINUTE_DAYS, "hour_days": HOUR_DAYS})
