"""What a changed target would have meant: the work of the last 28 days, judged by both.

Items that started in the window are taken by the index of their cell, latest first, as many as can
be judged while somebody waits; where there were more, the answer says that it is a sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

from psycopg.types.json import Jsonb

from apps.catalog.models import Clock, Facility
from apps.core.db import fetch_all, fetch_value

WINDOW = timedelta(days=28)
# Open hours cost a quarter of a second for 20,000; the others a millisecond.
AT_MOST = {Clock.Measure.BUSINESS: 5_000}
OTHERWISE_AT_MOST = 20_000
MEASURES = {Clock.Measure.ELAPSED: 1, Clock.Measure.BUSINESS: 2, Clock.Measure.TIME_OF_DAY: 3}

# Where the new version would hold: below its scope, where nothing nearer is in force.
AFFECTED = """
SELECT f.id AS facility_id, f.code, f.short_name AS name, r.calendar_id, f.time_zone,
       r.threshold_seconds, r.objective
  FROM catalog_facility f
  LEFT JOIN catalog_target_rule r
    ON r.facility_id = f.id AND r.workflow_id = %(workflow)s AND r.clock = %(clock)s
   AND r.effective_from <= now() AND (r.effective_to IS NULL OR r.effective_to > now())
 WHERE starts_with(f.path, %(path)s) AND NOT EXISTS (
       SELECT FROM catalog_slatarget t JOIN catalog_facility place ON place.id = t.facility_id
        WHERE t.clock_id = %(clock_id)s AND starts_with(f.path, place.path)
          AND length(place.path) > length(%(path)s)
          AND t.effective_from <= now() AND (t.effective_to IS NULL OR t.effective_to > now()))
 ORDER BY f.path
"""
STARTED = """
SELECT COALESCE(sum(started), 0) FROM scorecards_rollup
 WHERE grain = 5 AND bucket >= now() - %(window)s AND workflow_id = %(workflow)s
   AND facility_id = ANY(%(facilities)s)
"""

OF_INTEGRATION = "started_at AS began, stopped_at AS ended, due_at AS due, sla AS was"
OF_BUSINESS = """
business_started_at AS began, business_stopped_at AS ended, business_due_at AS due,
business_sla AS was"""
TAKE = """
WITH place AS (
    SELECT * FROM jsonb_to_recordset(%(places)s) AS p (
        facility_id integer, calendar_id integer, time_zone text)
), item AS (
    SELECT place.calendar_id, place.time_zone, t.*
      FROM place CROSS JOIN LATERAL (
           SELECT facility_id, settled_as, settled_at, reopened_at,
"""
JUDGE = """
             FROM telemetry_transaction
            WHERE workflow_id = %(workflow)s AND facility_id = place.facility_id
              AND first_at >= now() - %(window)s
            ORDER BY first_at DESC LIMIT %(each)s) AS t
     WHERE t.began IS NOT NULL
), judged AS (
    SELECT item.facility_id, item.was,
           CASE WHEN d.due_at IS NULL THEN 0
                WHEN item.ended IS NOT NULL
                THEN CASE WHEN item.ended <= d.due_at THEN 1 ELSE 2 END
                WHEN item.settled_as IN (6, 7) AND item.settled_at <= d.due_at
                     AND (item.reopened_at IS NULL OR item.reopened_at <= item.settled_at) THEN 3
                WHEN d.due_at <= now() THEN 2 ELSE 0 END AS would_be
      FROM item JOIN LATERAL catalog_dues(%(measure)s::smallint, item.began,
           %(threshold)s::bigint, item.calendar_id, item.time_zone) AS d ON true
)
SELECT facility_id, count(*) AS items,
       count(*) FILTER (WHERE was = 1) AS met, count(*) FILTER (WHERE was = 2) AS breached,
       count(*) FILTER (WHERE would_be = 1) AS would_meet,
       count(*) FILTER (WHERE would_be = 2) AS would_breach,
       count(*) FILTER (WHERE was = 1 AND would_be = 2) AS lost,
       count(*) FILTER (WHERE was = 2 AND would_be = 1) AS gained
  FROM judged GROUP BY facility_id
"""


@dataclass(frozen=True)
class Affected:
    """A facility where the new version would hold, with what holds there now."""

    facility_id: int
    code: str
    name: str
    calendar_id: int | None
    time_zone: str
    threshold_seconds: int | None
    objective: object


@dataclass(frozen=True)
class Judged:
    """The items of one facility, by the target in force and by the one proposed."""

    facility_id: int
    items: int
    met: int
    breached: int
    would_meet: int
    would_breach: int
    lost: int
    gained: int

    @property
    def attainment(self) -> float | None:
        """As it was: None where nothing was due."""
        due = self.met + self.breached
        return self.met / due if due else None

    @property
    def would_attain(self) -> float | None:
        """As it would have been."""
        due = self.would_meet + self.would_breach
        return self.would_meet / due if due else None


@dataclass(frozen=True)
class Preview:
    """What the change would have meant, in all and by facility."""

    affected: Sequence[Affected]
    total: Judged
    places: Sequence[tuple[Affected, Judged]]
    is_sample: bool
    started: int

    @property
    def flips(self) -> int:
        """How many items would be judged otherwise."""
        return self.total.lost + self.total.gained


def preview_target(
    clock: Clock, *, facility: Facility | None, threshold_seconds: int, within: Sequence[int]
) -> Preview:
    """Judge the last 28 days by a threshold that is not in force, at facilities one may see."""
    allowed = set(within)
    affected = [one for one in _affected(clock, facility) if one.facility_id in allowed]
    names = {"workflow": clock.workflow_id, "window": WINDOW}
    ids = [one.facility_id for one in affected]
    started = int(fetch_value(STARTED, names | {"facilities": ids}))
    most = AT_MOST.get(Clock.Measure(clock.measure), OTHERWISE_AT_MOST)
    params = names | {
        "places": Jsonb([_place(one) for one in affected]),
        "measure": MEASURES[Clock.Measure(clock.measure)],
        "threshold": threshold_seconds,
        "each": most if started <= most else max(most // max(len(ids), 1), 50),
    }
    found = {one.facility_id: one for one in fetch_all(_statement(clock), params, row=Judged)}
    return Preview(
        affected,
        _sum(list(found.values())),
        [(one, found[one.facility_id]) for one in affected if one.facility_id in found],
        started > most,
        started,
    )


def _affected(clock: Clock, facility: Facility | None) -> list[Affected]:
    params = {
        "workflow": clock.workflow_id,
        "clock": 1 if clock.kind == Clock.Kind.INTEGRATION else 2,
        "clock_id": clock.pk,
        "path": facility.path if facility else "/",
    }
    return fetch_all(AFFECTED, params, row=Affected)


def _statement(clock: Clock) -> LiteralString:
    columns = OF_INTEGRATION if clock.kind == Clock.Kind.INTEGRATION else OF_BUSINESS
    return TAKE + columns + JUDGE


def _place(one: Affected) -> dict[str, object]:
    return {
        "facility_id": one.facility_id,
        "calendar_id": one.calendar_id,
        "time_zone": one.time_zone,
    }


def _sum(rows: Sequence[Judged]) -> Judged:
    return Judged(
        0,
        sum(one.items for one in rows),
        sum(one.met for one in rows),
        sum(one.breached for one in rows),
        sum(one.would_meet for one in rows),
        sum(one.would_breach for one in rows),
        sum(one.lost for one in rows),
        sum(one.gained for one in rows),
    )
