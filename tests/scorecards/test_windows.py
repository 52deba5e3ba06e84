"""Where windows begin and end. That the rows in them add up exactly is test_queries' part."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.scorecards.models import Rollup
from apps.scorecards.windows import (
    HOUR,
    MINUTE,
    NAMED,
    Window,
    ceil,
    floor,
    named_window,
    ranges,
    snapped,
    window_between,
)

NOW = datetime(2026, 3, 10, 15, 42, 7, 123_456, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_window_includes_the_minute_under_way(name):
    window = named_window(name, end=None, now=NOW)
    assert window.end == datetime(2026, 3, 10, 15, 43, tzinfo=UTC)
    assert window.is_live
    assert NAMED[name] <= window.end - window.start < NAMED[name] + HOUR + MINUTE


def test_what_minutes_no_longer_tell_apart_is_cut_to_hours():
    start = NOW - timedelta(days=20)
    window = window_between(start, NOW - timedelta(days=10), now=NOW)
    assert (window.start, window.end) == (floor(start, HOUR), ceil(NOW - timedelta(days=10), HOUR))
    assert not window.is_live


def test_the_future_is_not_part_of_a_window():
    window = window_between(NOW - HOUR, NOW + timedelta(days=3), now=NOW)
    assert window.end == ceil(NOW, MINUTE)
    assert window.is_live


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("America/Chicago", "2026-03-08T06:00Z", "2026-03-09T05:00Z"),  # 23 hours
        ("America/Chicago", "2026-11-01T05:00Z", "2026-11-02T06:00Z"),  # 25 hours
        ("Asia/Kolkata", "2026-03-07T18:30Z", "2026-03-08T18:30Z"),
    ],
)
def test_days_are_those_of_the_facility(zone, start, end):
    start, end = datetime.fromisoformat(start), datetime.fromisoformat(end)
    window = Window(start + HOUR, end - HOUR, is_live=True)
    assert snapped(window, Rollup.Grain.DAY, zone) == (start, end)


def test_ninety_days_read_few_rows_but_those_of_days():
    window = named_window("90d", end=None, now=NOW)
    found = ranges(window, zones={"America/Chicago", "America/Phoenix"})
    hours = (found["hours_until"] - window.start) + (window.end - found["hours_from"])
    minutes = (found["minutes_until"] - window.start) + (window.end - found["minutes_from"])
    assert hours <= 52 * HOUR
    assert minutes <= 2 * HOUR
    wide = ranges(window, zones={"America/Chicago", "Asia/Kolkata"})
    assert wide["minutes_until"] == wide["hours_until"]
