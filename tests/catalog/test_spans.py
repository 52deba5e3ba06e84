"""Open hours as instants: laid out when something changed, the past left as it was."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils.timezone import now

from apps.catalog.models import (
    BusinessCalendar,
    CalendarHoliday,
    CalendarHours,
    CalendarSpan,
    CatalogVersion,
    Facility,
)
from apps.catalog.services import refresh_spans
from tests.catalog import network as net

pytestmark = pytest.mark.slow

ZONES = {"America/Chicago", "America/Phoenix"}
MOMENT = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)  # a Wednesday, 14:00 in Chicago


def spans(zone: str = "America/Chicago") -> list[tuple[datetime, datetime, int]]:
    found = CalendarSpan.objects.filter(time_zone=zone).order_by("opens_at")
    return list(found.values_list("opens_at", "closes_at", "open_seconds_before"))


def on(day: date, zone: str = "America/Chicago") -> list[tuple[datetime, datetime]]:
    noon = datetime.combine(day, time(18), UTC)
    return [(o, c) for o, c, _ in spans(zone) if abs(o - noon) < timedelta(hours=10)]


@pytest.fixture
def laid_out(network):
    with time_machine.travel(MOMENT, tick=False):
        refresh_spans()
        yield network


def test_spans_cover_every_zone_from_two_years_back_to_three_ahead(laid_out):
    assert set(CalendarSpan.objects.values_list("time_zone", flat=True)) == ZONES
    rows = spans()
    assert rows[0][0].date() == date(2024, 1, 1)
    assert rows[-1][1].date() == date(2029, 12, 31)
    assert len(rows) == sum(
        (date(2024, 1, 1) + timedelta(days=n)).weekday() < 5 for n in range(2192)
    )


def test_positions_are_the_open_seconds_so_far(laid_out):
    position = 0
    for opens_at, closes_at, before in spans():
        assert before == position
        position += int((closes_at - opens_at).total_seconds())


def test_a_second_run_writes_nothing_and_asks_once(laid_out, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert refresh_spans() == 0


def test_a_change_by_sql_is_noticed(laid_out):
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO catalog_calendarholiday (calendar_id, date, name)
               VALUES (%s, '2026-11-26', 'Thanksgiving Day')""",
            [laid_out.office_hours.pk],
        )
    assert CatalogVersion.objects.get().spans_stale
    refresh_spans()
    assert on(date(2026, 11, 26)) == []
    assert not CatalogVersion.objects.get().spans_stale


def test_a_holiday_in_the_past_does_not_move_what_was_due_then(laid_out):
    before = [row for row in spans() if row[1] <= MOMENT]
    CalendarHoliday.objects.create(
        calendar=laid_out.office_hours, date=date(2026, 11, 16), name="Too late"
    )
    refresh_spans()
    assert [row for row in spans() if row[1] <= MOMENT] == before


def test_unless_it_is_restated_on_purpose(laid_out):
    CalendarHoliday.objects.create(
        calendar=laid_out.office_hours, date=date(2026, 11, 16), name="Restated"
    )
    refresh_spans(since=datetime(2026, 11, 1, tzinfo=UTC))
    assert on(date(2026, 11, 16)) == []
    assert len(on(date(2026, 11, 17))) == 1


def test_shorter_hours_hold_from_the_moment_they_are_set(laid_out):
    CalendarHours.objects.filter(calendar=laid_out.office_hours).update(closes=time(13))
    refresh_spans()
    # Open until two o'clock today: that time has passed already, and stays open time.
    assert on(date(2026, 11, 18)) == [(datetime(2026, 11, 18, 14, tzinfo=UTC), MOMENT)]
    assert on(date(2026, 11, 19)) == [
        (datetime(2026, 11, 19, 14, tzinfo=UTC), datetime(2026, 11, 19, 19, tzinfo=UTC))
    ]


def test_longer_hours_join_the_span_that_is_open_now(laid_out):
    CalendarHours.objects.filter(calendar=laid_out.office_hours).update(closes=time(18))
    refresh_spans()
    assert on(date(2026, 11, 18)) == [
        (datetime(2026, 11, 18, 14, tzinfo=UTC), datetime(2026, 11, 19, 0, tzinfo=UTC))
    ]


def test_a_new_zone_is_laid_out_back_to_the_beginning(laid_out):
    net.facility("DENVER", "clinic", laid_out.south, time_zone="America/Denver")
    refresh_spans()
    assert spans("America/Denver")[0][0].date() == date(2024, 1, 1)


def test_a_zone_nobody_uses_any_more_is_dropped(laid_out):
    Facility.objects.filter(time_zone="America/Phoenix").update(time_zone="America/Chicago")
    refresh_spans()
    assert set(CalendarSpan.objects.values_list("time_zone", flat=True)) == {"America/Chicago"}


def test_the_turn_of_the_year_adds_one_and_drops_one(laid_out):
    with time_machine.travel(datetime(2027, 1, 4, 12, tzinfo=UTC), tick=False):
        assert refresh_spans() > 0
        assert refresh_spans() == 0
    assert spans()[0][0].date() == date(2025, 1, 1)
    assert spans()[-1][1].date() == date(2030, 12, 31)


def test_a_calendar_without_hours_is_never_open_and_costs_nothing(laid_out):
    BusinessCalendar.objects.create(code="empty", name="Empty")
    refresh_spans()
    assert refresh_spans() == 0
    assert not CatalogVersion.objects.get().spans_stale


def test_holidays_are_local_days(laid_out):
    CalendarHoliday.objects.create(
        calendar=laid_out.office_hours, date=date(2026, 12, 25), name="Christmas Day"
    )
    refresh_spans()
    for zone in ZONES:
        assert on(date(2026, 12, 25), zone) == []
        assert len(on(date(2026, 12, 24), zone)) == 1


def test_only_the_changed_future_is_written(laid_out):
    day = now().date() + timedelta(days=365)
    while day.weekday() > 4:
        day += timedelta(days=1)
    CalendarHoliday.objects.create(calendar=laid_out.office_hours, date=day, name="One")
    total = CalendarSpan.objects.count()
    assert refresh_spans() < total
