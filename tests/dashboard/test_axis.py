"""The axis of a timeline: one scale, but for waits that would squeeze all else into slivers."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from apps.dashboard.axis import Axis, axis_of, ticks

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")


def axis(*minutes: float, end: float | None = None) -> Axis:
    moments = [NOON + timedelta(minutes=one) for one in minutes]
    last = moments[-1] if end is None else NOON + timedelta(minutes=end)
    return axis_of(moments, NOON, last)


def widths(of: Axis, *minutes: float) -> list[float]:
    places = [of.at(NOON + timedelta(minutes=one)) for one in minutes]
    return [round(high - low, 1) for low, high in pairwise(places)]


def test_without_a_long_wait_all_of_it_has_one_scale():
    found = axis(0, 5, 15, 25)
    assert not found.breaks
    assert widths(found, 0, 5, 15, 25) == [19.2, 38.5, 38.5]
    assert round(found.at(NOON), 1) == 1.0


def test_a_wait_of_days_is_cut_and_says_how_long_it_was():
    found = axis(0, 5, 15, 15 + 4 * 1440, 25 + 4 * 1440)
    assert [one.length.replace("\u202f", " ") for one in found.breaks] == ["4 d"]
    first, second, wait, last = widths(found, 0, 5, 15, 15 + 4 * 1440, 25 + 4 * 1440)
    assert second == last and round(second / first) == 2 and 20 < wait < 30
    assert [tick.label for tick in ticks(found, CHICAGO)] == ["5 Jun"]


def test_each_of_several_is_cut_and_so_is_the_wait_until_now():
    found = axis(0, 5, 15, 3000, 3010, end=9000)
    assert len(found.breaks) == 2
    assert [tick.label for tick in ticks(found, CHICAGO)] == [""]


def test_two_events_far_apart_squeeze_nothing():
    assert not axis(0, 6000).breaks
    assert not axis(0).breaks


@given(st.lists(st.floats(0, 600_000), min_size=1, max_size=30), st.floats(0, 600_000))
def test_later_is_never_further_left_and_nothing_lies_outside(minutes, end):
    found = axis(*sorted(minutes), end=max(end, *minutes))
    moments = sorted(NOON + timedelta(minutes=one) for one in minutes)
    places = [found.at(one) for one in moments]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
    assert all(0 <= float(one.x[:-1]) <= 100 for one in [*found.breaks, *ticks(found, CHICAGO)])
