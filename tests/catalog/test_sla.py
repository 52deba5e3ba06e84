"""The vectors of the domain's service-level mathematics, and the laws the functions keep."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.catalog import sla
from apps.catalog.sla import Attainment, Hours, Span, Timed

CHICAGO = ZoneInfo("America/Chicago")
WEEKDAYS = [Hours(day, time(8), time(17)) for day in range(5)]
THANKSGIVING = date(2026, 11, 26)
SPANS = sla.open_spans(
    hours=WEEKDAYS,
    holidays={THANKSGIVING},
    zone=CHICAGO,
    first=date(2026, 1, 1),
    last=date(2026, 12, 31),
)


def chicago(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-02T{clock}:00+00:00")


def timed(started: str, stopped: str | None = None) -> Timed:
    start = at(started)
    return Timed(start, start + timedelta(minutes=60), at(stopped) if stopped else None)


# -- due times


def test_a_day_across_the_spring_change_ends_an_hour_later_on_the_wall():
    due = sla.elapsed_due(chicago("2026-03-07 18:00"), 86400)
    assert due.astimezone(CHICAGO).isoformat() == "2026-03-08T19:00:00-05:00"


def test_a_day_across_the_autumn_change_ends_an_hour_earlier_on_the_wall():
    due = sla.elapsed_due(chicago("2026-10-31 18:00"), 86400)
    assert due.astimezone(CHICAGO).isoformat() == "2026-11-01T17:00:00-06:00"


def test_eight_business_hours_from_friday_afternoon_end_on_monday_across_the_change():
    start = chicago("2026-03-06 15:00")
    due = sla.business_due(start, 8 * 3600, SPANS)
    assert due == datetime(2026, 3, 9, 19, tzinfo=UTC)
    assert due - start.astimezone(UTC) == timedelta(hours=70)


def test_eight_business_hours_skip_thanksgiving():
    due = sla.business_due(chicago("2026-11-25 15:00"), 8 * 3600, SPANS)
    assert due is not None
    assert due.astimezone(CHICAGO).isoformat() == "2026-11-27T14:00:00-06:00"


@pytest.mark.parametrize("start", ["2026-03-06 08:00", "2026-03-06 03:00", "2026-03-05 23:00"])
def test_a_full_day_is_due_at_closing_not_at_the_next_opening(start):
    assert sla.business_due(chicago(start), 9 * 3600, SPANS) == chicago("2026-03-06 17:00")


def test_a_start_before_or_an_end_after_the_spans_has_no_due_time():
    assert sla.business_due(chicago("2025-12-31 12:00"), 60, SPANS) is None
    assert sla.business_due(chicago("2026-12-31 16:00"), 3601, SPANS) is None
    assert sla.business_due(chicago("2026-12-31 16:00"), 3600, SPANS) is not None


def test_a_repeated_or_skipped_wall_time_is_its_later_reading():
    repeated = sla.instant(datetime(2026, 11, 1, 1, 30), CHICAGO)
    skipped = sla.instant(datetime(2026, 3, 8, 2, 30), CHICAGO)
    assert repeated == datetime(2026, 11, 1, 7, 30, tzinfo=UTC)
    assert skipped == datetime(2026, 3, 8, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-03-02 22:00", "2026-03-03T06:00:00-06:00"),
        ("2026-03-02 06:00", "2026-03-02T06:00:00-06:00"),
        ("2026-03-07 23:00", "2026-03-08T06:00:00-05:00"),
        ("2026-10-31 23:00", "2026-11-01T06:00:00-06:00"),
    ],
)
def test_due_by_six_in_the_morning_is_local(start, due):
    found = sla.time_of_day_due(chicago(start), 6 * 3600, CHICAGO)
    assert found.astimezone(CHICAGO).isoformat() == due


def test_around_the_clock_is_one_span():
    always = [Hours(day, time.min, time.min) for day in range(7)]
    spans = sla.open_spans(
        hours=always, holidays=(), zone=CHICAGO, first=date(2026, 1, 1), last=date(2026, 12, 31)
    )
    assert spans == [Span(chicago("2026-01-01 00:00"), chicago("2027-01-01 00:00"))]


def test_the_day_of_the_autumn_change_is_an_hour_longer():
    sunday = [Hours(6, time(0), time(12))]
    [span] = sla.open_spans(
        hours=sunday, holidays=(), zone=CHICAGO, first=date(2026, 11, 1), last=date(2026, 11, 1)
    )
    assert span.length == timedelta(hours=13)


moments = st.datetimes(
    min_value=datetime(2026, 1, 2), max_value=datetime(2026, 11, 30), timezones=st.just(CHICAGO)
)


@given(moments, st.integers(1, 20 * 9 * 3600), st.integers(1, 9 * 3600))
def test_business_time_adds_up(start, first, more):
    middle = sla.business_due(start, first, SPANS)
    end = sla.business_due(start, first + more, SPANS)
    assert middle is not None
    assert sla.business_due(middle, more, SPANS) == end
    assert middle > start.astimezone(UTC)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=20))
def test_joined_spans_cover_the_same_seconds_and_never_touch(pairs):
    origin = datetime(2026, 1, 1, tzinfo=UTC)
    spans = [Span(origin + timedelta(seconds=a), origin + timedelta(seconds=b)) for a, b in pairs]
    result = sla.joined(spans)
    covered = {second for a, b in pairs for second in range(a, b)}
    assert sum(span.length // timedelta(seconds=1) for span in result) == len(covered)
    assert all(left.closes_at < right.opens_at for left, right in pairwise(result))


# -- attainment


def test_the_window_counts_what_was_due_in_it_and_open_overdue_work_as_breached():
    work = [
        timed("10:00", "10:30"),
        timed("10:10", "11:40"),
        timed("10:20"),
        timed("11:30"),
        timed("11:45", "11:50"),
    ]
    counts = sla.attainment(work, since=at("11:00"), until=at("12:00"), now=at("12:00"))
    assert counts == Attainment(met=1, breached=2)
    assert counts.share == pytest.approx(1 / 3)


def test_work_not_yet_due_is_pending_and_nothing_due_is_no_data():
    counts = sla.attainment([timed("11:30")], since=at("12:00"), until=at("13:00"), now=at("12:00"))
    assert counts == Attainment(met=0, breached=0, pending=1)
    assert counts.share is None


def test_stopping_at_the_due_time_is_in_time_and_open_at_it_is_not():
    assert timed("10:00", "11:00").is_met()
    assert timed("10:00").is_breached(at("11:00"))
    assert not timed("10:00").is_breached(at("10:59"))


def test_open_work_is_at_risk_from_four_fifths_of_its_time_until_due():
    assert not timed("10:00").is_at_risk(at("10:47"))
    assert timed("10:00").is_at_risk(at("10:48"))
    assert not timed("10:00").is_at_risk(at("11:00"))
    assert not timed("10:00", "10:30").is_at_risk(at("10:50"))


# -- budgets and burn


def test_an_error_budget_of_one_percent_spent_threefold():
    budget = sla.error_budget(0.99, Attainment(met=970, breached=30))
    assert budget is not None
    assert budget.allowed == pytest.approx(10)
    assert budget.consumed == pytest.approx(3)
    assert budget.burn_rate == pytest.approx(3)
    assert sla.error_budget(0.99, Attainment(0, 0)) is None


@pytest.mark.parametrize(
    ("objective", "highest"), [(0.90, 10), (0.95, 20), (0.97, 33.3), (0.98, 50), (0.99, 100)]
)
def test_the_highest_burn_follows_from_the_objective(objective, highest):
    assert sla.highest_burn(objective) == pytest.approx(highest, rel=0.002)


def test_a_fast_burn_is_out_of_reach_below_93_percent():
    assert sla.highest_burn(0.9305) < 14.4 < sla.highest_burn(0.9306)
    assert sla.highest_burn(0.8333) < 6 < sla.highest_burn(0.8334)


def test_thresholds_are_capped_at_four_fifths_of_what_can_be_reached():
    rates = [rule.burn_rate for rule in sla.burn_rules(0.90, timedelta(minutes=5))]
    assert rates == pytest.approx([8, 6, 1])


def test_windows_are_long_enough_to_see_a_slow_target():
    page, *_ = sla.burn_rules(0.98, timedelta(hours=4))
    assert page.long_window == timedelta(hours=8)
    assert page.short_window == timedelta(minutes=40)
    page, *_ = sla.burn_rules(0.99, timedelta(minutes=5))
    assert (page.long_window, page.short_window) == (timedelta(hours=1), timedelta(minutes=5))


def test_a_rule_needs_both_windows():
    page = sla.burn_rules(0.99, timedelta(minutes=5))[0]
    burning, fine = Attainment(met=80, breached=20), Attainment(met=100, breached=0)
    assert sla.burns(0.99, page, long=burning, short=burning)
    assert not sla.burns(0.99, page, long=burning, short=fine)
    assert not sla.burns(0.99, page, long=burning, short=Attainment(0, 0))


def test_with_little_traffic_breaches_are_counted_instead():
    page = sla.burn_rules(0.99, timedelta(minutes=5))[0]
    two, three = Attainment(met=8, breached=2), Attainment(met=7, breached=3)
    assert not sla.burns(0.99, page, long=two, short=two)
    assert sla.burns(0.99, page, long=three, short=three)


def test_loose_objectives_break_at_a_quarter_breached():
    assert sla.breaks_absolutely(0.95, Attainment(met=15, breached=5))
    assert not sla.breaks_absolutely(0.95, Attainment(met=16, breached=4))
    assert not sla.breaks_absolutely(0.97, Attainment(met=0, breached=20))
    assert not sla.breaks_absolutely(0.95, Attainment(met=0, breached=19))


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_wilson_bound_lies_below_the_share(hits, trials):
    hits = min(hits, trials)
    assert 0 <= sla.wilson_lower_bound(hits, trials) <= hits / trials + 1e-9
    assert sla.wilson_lower_bound(0, 0) == 0
