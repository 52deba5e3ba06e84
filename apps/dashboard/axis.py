"""The time that the lanes of a timeline share: even, or broken where the work waited for very long.

Seven steps of a minute and a wait of four days are seven slivers on an even axis. Waits that are
longer than everything shorter, several times over, are drawn as a short stretch with their length
written in it; all else keeps one scale, so bars may still be compared.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from apps.dashboard import wording

STEPS = [
    timedelta(seconds=seconds)
    for seconds in (
        1,
        2,
        5,
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        10800,
        21600,
        43200,
    )
] + [timedelta(days=days) for days in (1, 2, 7, 14, 28, 91, 182, 364)]
# Labels of time have room for five, those with a day or with seconds for four, on a phone as well.
TICKS = 5
WIDE_TICKS = 4
DAY = timedelta(days=1)
# A wait is cut that is so many times as long as all that is shorter, and drawn as this share of it.
TIMES_LONGER = 4
SHARE = 0.35
# With fewer there is nothing to be squeezed.
LEAST_SHORT = 2
# What is left free before the first event and after the last.
BEFORE, AFTER = 1.0, 3.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled grid line."""

    x: str
    label: str


@dataclass(frozen=True, slots=True)
class Break:
    """A wait that is drawn shorter than it was: the middle of it, how long it was, its end."""

    x: str
    length: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Axis:
    """Moments and where they lie, in percent of the width; even between each two."""

    moments: Sequence[datetime]
    places: Sequence[float]
    breaks: Sequence[Break]

    @property
    def start(self) -> datetime:
        return self.moments[0]

    @property
    def end(self) -> datetime:
        return self.moments[-1]

    def at(self, moment: datetime) -> float:
        """Where a moment lies."""
        after = min(max(bisect_right(self.moments, moment), 1), len(self.moments) - 1)
        since, until = self.moments[after - 1 : after + 1]
        low, high = self.places[after - 1 : after + 1]
        return low + (high - low) * ((moment - since) / (until - since))


def axis_of(events: Sequence[datetime], first: datetime, end: datetime) -> Axis:
    """The axis of these events, which reaches from the first to an end."""
    end = max(end, first + timedelta(seconds=1))
    moments = sorted({first, end, *(one for one in events if first < one < end)})
    gaps = [until - since for since, until in pairwise(moments)]
    cut = _cut(gaps)
    short = sum((gap for gap in gaps if gap < cut), timedelta())
    drawn = [gap / short if gap < cut else SHARE for gap in gaps]
    scale = 100 / (sum(drawn) * (1 + (BEFORE + AFTER) / 100))
    places = [BEFORE / 100 * sum(drawn) * scale + one * scale for one in accumulate([0, *drawn])]
    return _with_margins(Axis(moments, places, _breaks(moments, gaps, places, cut)))


def _cut(gaps: Sequence[timedelta]) -> timedelta:
    """How long a wait must be to be cut; longer than all where nothing is squeezed."""
    shorter, number = timedelta(), 0
    for gap in sorted(gaps):
        if number >= LEAST_SHORT and gap > TIMES_LONGER * shorter:
            return gap
        shorter, number = shorter + gap, number + 1
    return max(gaps) + DAY


def _breaks(
    moments: Sequence[datetime],
    gaps: Sequence[timedelta],
    places: Sequence[float],
    cut: timedelta,
) -> list[Break]:
    return [
        Break(f"{(low + high) / 2:.2f}%", wording.duration(gap), until)
        for gap, until, (low, high) in zip(gaps, moments[1:], pairwise(places), strict=True)
        if gap >= cut
    ]


def _with_margins(axis: Axis) -> Axis:
    """The room at both ends is of the scale beside it."""
    inner = axis.end - axis.start
    return Axis(
        [axis.start - inner / 100, *axis.moments, axis.end + inner * AFTER / 100],
        [0.0, *axis.places, 100.0],
        axis.breaks,
    )


def ticks(axis: Axis, zone: ZoneInfo) -> list[Tick]:
    """Labelled moments: at even steps, or where each stretch of a broken axis begins."""
    if axis.breaks:
        return _begins(axis, zone)
    length = axis.end - axis.start
    step = next((one for one in STEPS if length / one <= _most_ticks(one)), STEPS[-1])
    moment = _first_tick(axis.start, step, zone)
    found = []
    while moment < axis.end:
        found.append(Tick(f"{axis.at(moment):.2f}%", _tick_label(moment.astimezone(zone), step)))
        moment = _next_tick(moment, step, zone)
    # A label at the very edge would be cut off.
    return [tick for tick in found if 3 < float(tick.x[:-1]) < 97]


def _begins(axis: Axis, zone: ZoneInfo) -> list[Tick]:
    """A line where each stretch begins; its day where there is room beside one wait's length."""
    found = []
    for one in axis.breaks:
        local = one.until.astimezone(zone)
        label = f"{local.day} {local:%b}" if len(axis.breaks) == 1 else ""
        found.append(Tick(f"{axis.at(one.until):.2f}%", label))
    return [tick for tick in found if float(tick.x[:-1]) < 94]


def _most_ticks(step: timedelta) -> int:
    return TICKS if timedelta(minutes=1) <= step < DAY / 2 else WIDE_TICKS


def _first_tick(start: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    midnight = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight.astimezone(UTC)
    while moment < start:
        moment = _next_tick(moment, step, zone)
    return moment


def _next_tick(moment: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    """Days are stepped by the wall clock, so that a change of the clocks shifts no midnight."""
    if step < DAY:
        return moment + step
    return (moment.astimezone(zone) + step).astimezone(UTC)


def _tick_label(local: datetime, step: timedelta) -> str:
    if step >= DAY or (local.hour, local.minute, local.second) == (0, 0, 0):
        return f"{local.day} {local:%b}"
    return f"{local:%H:%M:%S}" if step < timedelta(minutes=1) else f"{local:%H:%M}"
