"""What is usual, and when a backlog is gone: against figures worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.scorecards.usual import (
    WEEK,
    Band,
    History,
    band,
    capacity,
    hours_to_drain,
    percentile,
)

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)


def mondays(*counts: int) -> History:
    """Counts of the hours from nine to ten on the Mondays before, the latest first."""
    hours = {MONDAY - week * WEEK: count for week, count in enumerate(counts, start=1)}
    return History(hours, min(hours, default=None))


def test_percentiles_lie_between_the_values_around_them():
    ten = [10, 20, 30, 40, 50, 60]
    assert percentile(ten, 0.5) == 35
    assert percentile(ten, 0.05) == pytest.approx(12.5)
    assert percentile(ten, 0.95) == pytest.approx(57.5)
    assert percentile([7], 0.95) == 7


def test_the_usual_is_the_same_hour_of_the_six_weeks_before():
    found = mondays(60, 20, 50, 30, 40, 10).usual(MONDAY, HOUR)
    assert (found.low, found.middle, found.high) == pytest.approx((12.5, 35, 57.5))


def test_a_seventh_week_counts_no_more():
    assert mondays(10, 10, 10, 10, 10, 10, 999).usual(MONDAY, HOUR) == Band(10, 10, 10)


def test_a_single_week_is_nothing_usual_yet():
    assert mondays(10).usual(MONDAY, HOUR) is None
    assert History({}, None).usual(MONDAY, HOUR) is None
    assert band([10]) is None


def test_weeks_before_the_first_message_ever_are_no_weeks_without_any():
    assert mondays(40, 20).usual(MONDAY, HOUR).middle == 30


def test_a_week_without_a_message_since_then_is_one():
    history = History({MONDAY - WEEK: 30, MONDAY - 3 * WEEK: 10}, MONDAY - 3 * WEEK)
    assert history.usual(MONDAY, HOUR).middle == 10  # of 30, 0 and 10


def test_a_quarter_of_an_hour_brings_a_quarter_of_it():
    assert mondays(40, 20).usual(MONDAY + QUARTER, QUARTER).middle == 7.5


def test_several_hours_are_added_up_week_by_week():
    hours = {MONDAY - week * WEEK + n * HOUR: 10 * week + n for week in (1, 2) for n in range(4)}
    found = History(hours, min(hours)).usual(MONDAY, 4 * HOUR)
    assert found.middle == (46 + 86) / 2


@pytest.mark.parametrize(
    ("backlog", "arrivals", "pace", "hours"),
    [
        (1200, 100, 250, 8),
        (1200, 260, 250, None),
        (1200, 250, 250, None),
        (0, 100, 250, 0),
        (1, 0, 4, 0.25),
    ],
)
def test_a_backlog_drains_by_what_settles_beyond_what_arrives(backlog, arrivals, pace, hours):
    assert hours_to_drain(backlog, arrivals=[arrivals], capacity=pace) == hours


def test_hours_to_come_arrive_at_their_own_pace():
    # Two busy hours grow 100 to 200, two quiet ones take as much away, and it begins again.
    assert hours_to_drain(100, arrivals=[150, 150, 50, 50], capacity=100) is None
    # 100, 50, 150, 50, and half an hour later nothing is left.
    arrivals = [50, 200, 0, 0]
    assert hours_to_drain(100, arrivals=arrivals, capacity=100) == pytest.approx(3.5)


def test_capacity_is_a_good_hour_and_not_the_mean():
    assert capacity([0] * 5 + [10] * 4 + [100]) == pytest.approx(19)
    assert capacity([]) == 0
