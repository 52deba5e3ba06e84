"""Which rollup rows make up a window: every instant once, never twice, in any time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.scorecards.models import Rollup
from apps.scorecards.windows import (
    HOUR,
    MINUTE,
    NAMED,
    SLOTS,
    Window,
    ceil,
    floor,
    named_window,
    pieces,
    snapped,
    window_between,
)

ZONES = ["America/Chicago", "America/Phoenix", "Asia/Kolkata", "Asia/Kathmandu", "America/Havana",
         "Australia/Lord_Howe", "UTC"]  # fmt: skip
NOW = datetime(2026, 3, 10, 15, 42, 7, 123_456, tzinfo=UTC)
minutes = st.integers(0, 60 * 24 * 400).map(
    lambda count: datetime(2026, 1, 1, tzinfo=UTC) + count * MINUTE
)


@given(minutes, st.integers(1, 60 * 24 * 100), st.sampled_from(ZONES))
@example(datetime(2026, 3, 7, 5, 59, tzinfo=UTC), 60 * 24 * 3, "America/Havana")
@example(datetime(2026, 10, 30, tzinfo=UTC), 60 * 24 * 4, "America/Chicago")
def test_the_pieces_are_the_window_without_gap_or_overlap(start, length, zone):
    end = start + length * MINUTE
    found = pieces(Window(start, end, is_live=True), zone)
    assert [found[0].start, *(piece.end for piece in found)] == [
        *(piece.start for piece in found),
        end,
    ]
    assert all(0 <= piece.slot < SLOTS for piece in found)
    assert len({piece.slot for piece in found}) == len(found)


@given(minutes, st.integers(1, 60 * 24 * 100), st.sampled_from(ZONES))
def test_every_piece_is_made_of_whole_rows_of_its_grain(start, length, zone):
    for piece in pieces(Window(start, start + length * MINUTE, is_live=True), zone):
        if piece.grain == Rollup.Grain.HOUR:
            assert floor(piece.start, HOUR) == piece.start and floor(piece.end, HOUR) == piece.end
        if piece.grain == Rollup.Grain.DAY:
            local = [edge.astimezone(ZoneInfo(zone)) for edge in (piece.start, piece.end)]
            assert local[0].date() < local[1].date()
            assert all(edge - timedelta(seconds=1) < edge for edge in local)


def test_ninety_days_are_about_a_hundred_rows_a_cell():
    found = pieces(named_window("90d", end=None, now=NOW), "America/Chicago")
    sizes = {1: MINUTE, 2: HOUR, 3: timedelta(days=1)}
    rows = sum((piece.end - piece.start) / sizes[piece.grain] for piece in found)
    assert rows < 90 + 48 + 120


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
