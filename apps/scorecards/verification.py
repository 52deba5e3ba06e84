"""Recount the rollups from the facts by brute force, compare every cell, and mend on request.

The recount shares nothing with the deltas it checks: it reads every transaction and event of the
    window
and counts. Compaction is held off meanwhile and the comparison sees one snapshot,
    so folding goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction
from psycopg import sql

from apps.core.db import execute, fetch_all, fetch_value
from apps.scorecards.services import COMPACT, HOUR_DAYS, MINUTE_DAYS

MEASURES = [
    *("events", "started", "settled", "completed", "failed", "dead_lettered", "retried"),
    *("manual_touches", "met", "breached", "excluded"),
    *("business_met", "business_breached", "business_excluded"),
    *("amount_started", "amount_settled", "amount_completed", "amount_at_risk"),
    *("latencies", "latency_ms", "latency_histogram"),
    *("business_latencies", "business_latency_ms", "business_latency_histogram"),
]
BACKLOG = ["open", "overdue", "business_overdue", "troubled", "amount_open", "amount_at_risk"]

HOLD_COMPACTION = "SELECT pg_advisory_lock(hashtext('scorecards.compact'))"
RELEASE_COMPACTION = "SELECT pg_advisory_unlock(hashtext('scorecards.compact'))"

# Facts as (moment, workflow, facility, measure, value). A day begins up to a day before its facts,
# so facts are read 25 hours past the window and cells are judged by their first instant.
RECOUNT = """
CREATE TEMPORARY TABLE verified_expected ON COMMIT DROP AS
WITH facts AS (
    SELECT v.at, t.workflow_id, t.facility_id, v.measure, v.value
      FROM (SELECT *, COALESCE(amount_minor, 0) AS amount, state < 5 AS is_open,
                   state < 5 AND sla = 2 AND stopped_at IS NULL AS overdue,
                   state < 5 AND business_sla = 2 AND business_stopped_at IS NULL
                       AS business_overdue,
                   scorecards_latency_ms(started_at, stopped_at) AS ms,
                   scorecards_latency_ms(business_started_at, business_stopped_at) AS business_ms
              FROM telemetry_transaction) t
      LEFT JOIN scorecards_histogramunit h ON h.position = scorecards_histogram_position(t.ms)
      LEFT JOIN scorecards_histogramunit b ON b.position =
          scorecards_histogram_position(t.business_ms)
     CROSS JOIN LATERAL (VALUES
           (t.first_at, 'started', 1::numeric), (t.first_at, 'amount_started', t.amount),
           (CASE WHEN t.state IN (3, 4) OR t.overdue OR t.business_overdue THEN t.first_at END,
            'amount_at_risk', t.amount),
           (CASE WHEN NOT t.is_open THEN t.settled_at END, 'settled', 1),
           (CASE WHEN NOT t.is_open THEN t.settled_at END, 'amount_settled', t.amount),
           (CASE WHEN t.state = 5 THEN t.settled_at END, 'completed', 1),
           (CASE WHEN t.state = 5 THEN t.settled_at END, 'amount_completed', t.amount),
           (t.failed_at, 'failed', 1), (t.dead_lettered_at, 'dead_lettered', 1),
           (CASE t.sla WHEN 1 THEN t.due_at END, 'met', 1),
           (CASE t.sla WHEN 2 THEN t.due_at END, 'breached', 1),
           (CASE t.sla WHEN 3 THEN t.due_at END, 'excluded', 1),
           (CASE t.business_sla WHEN 1 THEN t.business_due_at END, 'business_met', 1),
           (CASE t.business_sla WHEN 2 THEN t.business_due_at END, 'business_breached', 1),
           (CASE t.business_sla WHEN 3 THEN t.business_due_at END, 'business_excluded', 1),
           (CASE WHEN t.ms IS NOT NULL THEN t.stopped_at END, 'latencies', 1),
           (CASE WHEN t.ms IS NOT NULL THEN t.stopped_at END, 'latency_ms', t.ms),
           (CASE WHEN t.ms IS NOT NULL THEN t.stopped_at END, 'latency_histogram', h.unit),
           (CASE WHEN t.business_ms IS NOT NULL THEN t.business_stopped_at END,
               'business_latencies', 1),
           (CASE WHEN t.business_ms IS NOT NULL THEN t.business_stopped_at END,
            'business_latency_ms', t.business_ms),
           (CASE WHEN t.business_ms IS NOT NULL THEN t.business_stopped_at END,
            'business_latency_histogram', b.unit)
           ) AS v (at, measure, value)
     WHERE v.at >= %(start)s AND v.at < %(end)s + interval '25 hours'
     UNION ALL
    SELECT occurred_at, workflow_id, facility_id, v.measure, 1
      FROM telemetry_event
     CROSS JOIN LATERAL (VALUES ('events', TRUE), ('retried', outcome = 2),
           ('manual_touches', outcome = 5)) AS v (measure, counts)
     WHERE counts AND occurred_at >= %(start)s AND occurred_at < %(end)s + interval '25 hours'
), placed AS (
    SELECT grain::smallint AS grain, CASE grain WHEN 1 THEN date_bin('1 minute', at, 'epoch')
               WHEN 2 THEN date_bin('1 hour', at, 'epoch')
               ELSE date_trunc('day', at AT TIME ZONE f.time_zone) AT TIME ZONE f.time_zone
           END AS bucket, workflow_id, facility_id, measure, value
      FROM facts JOIN catalog_facility f ON f.id = facility_id
     CROSS JOIN generate_series(1, 3) AS grain
)
SELECT grain, bucket, workflow_id, facility_id, measure, sum(value) AS value
  FROM placed WHERE bucket >= %(start)s AND bucket < %(end)s
 GROUP BY 1, 2, 3, 4, 5
 UNION ALL
SELECT 0, timestamptz 'epoch', workflow_id, facility_id, v.measure, sum(v.value)
  FROM telemetry_transaction t
 CROSS JOIN LATERAL (VALUES (t.sla = 2 AND t.stopped_at IS NULL,
       t.business_sla = 2 AND t.business_stopped_at IS NULL)) AS late (overdue, business_overdue)
 CROSS JOIN LATERAL (VALUES ('open', 1::numeric), ('overdue', overdue::integer),
       ('business_overdue', business_overdue::integer), ('troubled', (t.state IN (3, 4))::integer),
       ('amount_open', COALESCE(t.amount_minor, 0)),
       ('amount_at_risk', CASE WHEN t.state IN (3, 4) OR overdue OR business_overdue
                               THEN COALESCE(t.amount_minor, 0) ELSE 0 END)) AS v (measure, value)
 WHERE t.state < 5
 GROUP BY 3, 4, 5
"""

COMPARE = """
SELECT grain, bucket, workflow_id, facility_id, measure,
       COALESCE(e.value, 0) AS expected, COALESCE(a.value, 0) AS actual
  FROM verified_expected e
  FULL JOIN verified_actual a USING (grain, bucket, workflow_id, facility_id, measure)
 WHERE COALESCE(e.value, 0) <> COALESCE(a.value, 0)
   AND (grain IN (0, 3)
        OR (grain = 2 AND bucket >= now() - make_interval(days => %(hour_days)s))
        OR (grain = 1 AND bucket >= now() - make_interval(days => %(minute_days)s)))
 ORDER BY 1, 2, 3, 4, 5
"""


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


def verify(*, start: datetime, end: datetime, heal: bool = False) -> list[Difference]:
    """Compare the cells beginning in [start, end) and the whole backlog with a recount.

    With `heal` the differences are added to the cells,
        so that folds which ran meanwhile stay counted.
    """
    with _compaction_held(), transaction.atomic():
        execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        execute(COMPACT)
        execute(RECOUNT, {"start": start, "end": end})
        _unpivot_actual(start, end)
        found = fetch_all(
            COMPARE, {"minute_days": MINUTE_DAYS - 1, "hour_days": HOUR_DAYS - 1}, row=Difference
        )
        if heal and found:
            _heal(found)
        return found


@contextmanager
def _compaction_held() -> Iterator[None]:
    """Hold the compaction's turn across transactions,
    so the snapshot begins with nothing in motion."""
    fetch_value(HOLD_COMPACTION)
    try:
        yield
    finally:
        fetch_value(RELEASE_COMPACTION)


def _unpivot_actual(start: datetime, end: datetime) -> None:
    query = sql.SQL(
        """
        CREATE TEMPORARY TABLE verified_actual ON COMMIT DROP AS
        SELECT grain, bucket, workflow_id, facility_id, v.measure, v.value
          FROM scorecards_rollup CROSS JOIN LATERAL (VALUES {cells}) AS v (measure, value)
         WHERE v.value <> 0 AND bucket >= {start} AND bucket < {end}
         UNION ALL
        SELECT 0, timestamptz 'epoch', workflow_id, facility_id, v.measure, v.value
          FROM scorecards_backlog CROSS JOIN LATERAL (VALUES {backlog}) AS v (measure, value)
         WHERE v.value <> 0
        """
    ).format(cells=_pairs(MEASURES), backlog=_pairs(BACKLOG), start=start, end=end)
    with connection.cursor() as cursor:
        cursor.execute(query)


def _pairs(names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("({}, {}::numeric)").format(sql.Literal(name), sql.Identifier(name))
        for name in names
    )


def _heal(found: list[Difference]) -> None:
    for one in found:
        table, key = (
            ("scorecards_backlog", {})
            if one.grain == 0
            else ("scorecards_rollup", {"grain": one.grain, "bucket": one.bucket})
        )
        key |= {"workflow_id": one.workflow_id, "facility_id": one.facility_id}
        _add(table, key, one.measure, one.expected - one.actual)


def _add(table: str, key: dict[str, object], measure: str, difference: Decimal) -> None:
    """Add to one measure of one cell, creating the cell when it is missing."""
    measures = BACKLOG if table == "scorecards_backlog" else MEASURES
    column = sql.Identifier(measure)
    query = sql.SQL(
        "INSERT INTO {table} AS r ({key}, {columns}) VALUES ({values}) "
        "ON CONFLICT ({key}) DO UPDATE SET {column} = r.{column} + excluded.{column}"
    ).format(
        table=sql.Identifier(table),
        key=sql.SQL(", ").join(map(sql.Identifier, key)),
        columns=sql.SQL(", ").join(map(sql.Identifier, measures)),
        values=sql.SQL(", ").join(
            [
                *map(sql.Literal, key.values()),
                *(difference if m == measure else sql.Literal(0) for m in measures),
            ]
        ),
        column=column,
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
