"""Where windows begin and end. That the rows in them add up exactly is test_queries' part."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from zoneinfo import available_timezones

import pytest

from apps.scorecards.models import Rollup
from apps.scorecards.windows import (
    BLOCKS,
    HOUR,
    MINUTE,
    NAMED,
    QUARTER_HOUR,
    Piece,
    Window,
    ceil,
    floor,
    named_window,
    pieces,
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


@pytest.mark.parametrize("name", NAMED)
def test_the_pieces_of_a_window_follow_each_other_without_gap_or_overlap(name):
    window = named_window(name, end=None, now=NOW)
    found = pieces(window.start, window.end)
    assert (found[0].start, found[-1].end) == (window.start, window.end)
    assert [one.end for one in found[:-1]] == [one.start for one in found[1:]]
    steps = dict(BLOCKS)
    assert all(floor(moment, steps[one.grain]) == moment for one in found
               for moment in (one.start, one.end))  # fmt: skip


@pytest.mark.parametrize(("name", "most"), [("24h", 45), ("7d", 62), ("28d", 70), ("90d", 70)])
def test_a_window_is_made_of_few_rows_a_cell_at_any_time_of_day(name, most):
    for minutes in range(0, 11_520, 37):
        now = NOW + timedelta(minutes=minutes)
        window = named_window(name, end=None, now=now)
        assert sum(map(rows, pieces(window.start, window.end))) <= most


def rows(piece: Piece) -> int:
    return (piece.end - piece.start) // dict(BLOCKS)[piece.grain]


def test_hours_divide_blocks_and_blocks_divide_each_other():
    steps = [step for _, step in BLOCKS]
    assert all(large % small == timedelta() for large, small in pairwise(steps))
    assert steps[-1] == MINUTE


def test_a_day_begins_on_a_quarter_hour_everywhere():
    """So days can be added up from quarter-hours."""
    days = [datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(0, 366, 30)]
    for zone, moment in product(available_timezones(), days):
        start, _ = snapped(Window(moment, moment, is_live=False), Rollup.Grain.DAY, zone)
        assert floor(start, QUARTER_HOUR) == start, zone


def test_nothing_is_made_of_nothing():
    assert pieces(NOW, NOW) == []
