"""catalog_due and catalog_dues against the plain-Python arithmetic."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from apps.catalog import sla
from apps.catalog.models import BusinessCalendar, CalendarSpan
from apps.catalog.services import refresh_spans
from apps.catalog.services.spans import positioned, write_spans
from apps.catalog.sla import Hours
from apps.core.db import fetch_all

ZONES = ["America/New_York", "America/Chicago", "America/Denver", "America/Phoenix"]
FIRST, LAST = date(2026, 2, 1), date(2026, 12, 15)

DUE = """
SELECT n, catalog_due(measure::smallint, start, seconds, %(calendar)s, zone) AS one_by_one,
       set_based.due_at AS set_based
  FROM jsonb_to_recordset(%(cases)s) AS c (
           n integer, measure integer, start timestamptz, seconds bigint, zone text)
  LEFT JOIN LATERAL catalog_dues(measure::smallint, start, seconds, %(calendar)s, zone)
       AS set_based ON true
 ORDER BY n
"""


@dataclass(frozen=True)
class Due:
    n: int
    one_by_one: datetime | None
    set_based: datetime | None


@dataclass(frozen=True)
class Case:
    measure: int
    start: datetime
    seconds: int
    zone: str


@pytest.fixture
def calendar(db: None) -> BusinessCalendar:
    return BusinessCalendar.objects.create(code="some", name="Some")


def lay_out(calendar: BusinessCalendar, hours: list[Hours], holidays: set[date]) -> dict:
    """Write the spans of every zone; return them for the oracle."""
    CalendarSpan.objects.all().delete()
    by_zone = {
        zone: sla.open_spans(
            hours=hours, holidays=holidays, zone=ZoneInfo(zone), first=FIRST, last=LAST
        )
        for zone in ZONES
    }
    for zone, spans in by_zone.items():
        write_spans(positioned(spans, first_position=1000), calendar=calendar, zone=zone)
    return by_zone


def from_database(calendar: BusinessCalendar, cases: list[Case]) -> list[Due]:
    rows = [
        {"n": n, "measure": c.measure, "start": c.start.isoformat(), "seconds": c.seconds,
         "zone": c.zone}
        for n, c in enumerate(cases)
    ]  # fmt: skip
    return fetch_all(DUE, {"calendar": calendar.pk, "cases": Jsonb(rows)}, row=Due)


def from_oracle(case: Case, spans: dict) -> datetime | None:
    zone = ZoneInfo(case.zone)
    if case.measure == 1:
        return sla.elapsed_due(case.start, case.seconds)
    if case.measure == 2:
        return sla.business_due(case.start, case.seconds, spans[case.zone])
    return sla.time_of_day_due(case.start, case.seconds, zone)


@st.composite
def opening_hours(draw) -> list[Hours]:
    """Any week: lunch breaks, nights, overlaps, days without hours."""
    quarters = st.integers(0, 95)
    rows = draw(st.lists(st.tuples(st.integers(0, 6), quarters, quarters), min_size=1, max_size=8))
    return [
        Hours(day, time(a // 4, a % 4 * 15), time(b // 4, b % 4 * 15))
        for day, a, b in rows
        if a < b or b == 0
    ]


# Instants to the microsecond, many of them near the two changes of the clocks.
starts = st.one_of(
    st.datetimes(datetime(2026, 2, 1), datetime(2026, 12, 14), timezones=st.just(UTC)),
    st.datetimes(datetime(2026, 3, 8), datetime(2026, 3, 8, 12), timezones=st.just(UTC)),
    st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 1, 12), timezones=st.just(UTC)),
)
elapsed = st.builds(Case, st.just(1), starts, st.integers(1, 90 * 86400), st.sampled_from(ZONES))
business = st.builds(Case, st.just(2), starts, st.integers(1, 40 * 32400), st.sampled_from(ZONES))
time_of_day = st.builds(Case, st.just(3), starts, st.integers(1, 86399), st.sampled_from(ZONES))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    opening_hours(),
    st.sets(st.dates(FIRST, LAST), max_size=5),
    st.lists(st.one_of(elapsed, business, time_of_day), min_size=1, max_size=40),
)
def test_sql_and_python_agree_on_any_calendar_zone_and_moment(calendar, hours, holidays, cases):
    spans = lay_out(calendar, hours, holidays)

    for case, found in zip(cases, from_database(calendar, cases), strict=True):
        assert found.one_by_one == found.set_based == from_oracle(case, spans), case


CHICAGO = "America/Chicago"
VECTORS = [
    (1, "2026-03-07T18:00-06:00", 86400, "2026-03-08T19:00-05:00"),
    (1, "2026-10-31T18:00-05:00", 86400, "2026-11-01T17:00-06:00"),
    (2, "2026-03-06T15:00-06:00", 28800, "2026-03-09T14:00-05:00"),
    (2, "2026-11-25T15:00-06:00", 28800, "2026-11-27T14:00-06:00"),
    (2, "2026-03-06T08:00-06:00", 32400, "2026-03-06T17:00-06:00"),
    (3, "2026-10-31T23:00-05:00", 21600, "2026-11-01T06:00-06:00"),
    # 01:30 happens twice and 02:30 never: the later reading of each.
    (3, "2026-10-31T23:00-05:00", 5400, "2026-11-01T07:30+00:00"),
    (3, "2026-03-07T23:00-06:00", 9000, "2026-03-08T08:30+00:00"),
]


@pytest.mark.parametrize(("measure", "start", "seconds", "due"), VECTORS)
def test_the_vectors_of_the_domain_hold_in_sql(calendar, measure, start, seconds, due):
    lay_out(calendar, [Hours(d, time(8), time(17)) for d in range(5)], {date(2026, 11, 26)})
    case = Case(measure, datetime.fromisoformat(start), seconds, CHICAGO)

    [found] = from_database(calendar, [case])
    assert found.one_by_one == found.set_based == datetime.fromisoformat(due)


def test_outside_the_laid_out_time_there_is_no_due_time(calendar):
    lay_out(calendar, [Hours(d, time(8), time(17)) for d in range(5)], set())
    cases = [
        Case(2, datetime(2026, 1, 31, tzinfo=UTC), 60, CHICAGO),
        Case(2, datetime(2026, 12, 15, 23, 30, tzinfo=UTC), 60, CHICAGO),
        Case(2, datetime(2026, 12, 14, 14, tzinfo=UTC), 3 * 32400, CHICAGO),
        Case(2, datetime(2026, 6, 1, tzinfo=UTC), 60, "Europe/Oslo"),
    ]
    assert {(f.one_by_one, f.set_based) for f in from_database(calendar, cases)} == {(None, None)}


MANY = """
EXPLAIN (COSTS OFF, VERBOSE)
SELECT due_at
  FROM generate_series(1, 20000) AS n
 CROSS JOIN LATERAL catalog_dues(
       %(measure)s::smallint, timestamptz '2026-03-01 00:00Z' + n * interval '17 minutes',
       32400, %(calendar)s, 'America/Chicago')
"""


def plan(calendar: BusinessCalendar, measure: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(MANY, {"measure": measure, "calendar": calendar.pk})
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize("measure", [1, 2, 3])
def test_due_times_of_a_set_are_planned_with_the_query_around_them(calendar, measure):
    lay_out(calendar, [Hours(d, time(8), time(17)) for d in range(5)], set())
    assert "catalog_dues(" not in plan(calendar, measure)
    assert "catalog_time_of_day_due(" not in plan(calendar, measure)


def test_open_hours_are_two_index_look_ups(network):
    calendar = network.office_hours
    refresh_spans()
    found = plan(calendar, 2)
    assert "using catalog_calendarspan_pkey" in found
    assert "using calendarspan_position" in found
    assert "Seq Scan" not in found
    assert "catalog_calendarspan" not in plan(calendar, 1)
