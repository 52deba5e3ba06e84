"""What the figures of the flow page are compared with: the weeks before.

The past hardly changes, so it is looked at once a quarter-hour for each choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.core.kept import Kept
from apps.dashboard.board import Selection
from apps.dashboard.scope import Scope
from apps.scorecards import queries
from apps.scorecards.pulse import Beat, beats
from apps.scorecards.queries import Flow
from apps.scorecards.trends import STEPS, Step
from apps.scorecards.usual import (
    HOURS_A_WEEK,
    WEEK,
    WEEKS,
    Band,
    Drain,
    History,
    capacity,
    hours_to_drain,
)
from apps.scorecards.windows import (
    HOUR,
    QUARTER_HOUR,
    Window,
    ceil,
    floor,
    named_window,
    window_between,
)


@dataclass(frozen=True, slots=True)
class Past:
    """What a window is measured against."""

    # By the beginning of each step; those too young to have a usual are missing.
    bands: Mapping[datetime, Band]
    step: Step
    # The same window a week before.
    before: Flow
    # Arrivals in the hours to come, and what was settled in a good hour; None without a usual.
    arrivals: Sequence[Band] | None
    capacity: float

    def usual(self, window: Window) -> float | None:
        """How many messages such a window brings; None as long as a step of it is too young."""
        total, moment = 0.0, floor(window.start, self.step.length)
        while moment < window.end:
            if moment not in self.bands:
                return None
            until = min(moment + self.step.length, window.end)
            share = (until - max(moment, window.start)) / self.step.length
            total += self.bands[moment].middle * share
            moment += self.step.length
        return total

    def drain(self, backlog: int) -> Drain | None:
        """In how many hours a backlog is gone, on quiet days and on busy ones."""
        if self.arrivals is None:
            return None
        quiet, busy = [band.low for band in self.arrivals], [band.high for band in self.arrivals]
        return Drain(
            hours_to_drain(backlog, arrivals=quiet, capacity=self.capacity),
            hours_to_drain(backlog, arrivals=busy, capacity=self.capacity),
        )


_past: Kept[Past] = Kept(64)
_beats: Kept[list[Beat]] = Kept(16)


def past(scope: Scope, chosen: Selection, *, now: datetime) -> Past:
    """What this choice is compared with."""
    quarter = floor(now, QUARTER_HOUR)
    name = (scope.catalogue.version, scope.ids, chosen.window, chosen.places.value, quarter)
    return _past.answer(name, lambda: _made(scope, chosen, quarter))


def _made(scope: Scope, chosen: Selection, now: datetime) -> Past:
    zones = {place.id: place.time_zone for place in chosen.places.facilities}
    lines = [line.id for line in scope.catalogue.document.workflows]
    window, step = named_window(chosen.window, end=None, now=now), STEPS[chosen.window]
    since = floor(min(window.start, now - WEEK), 24 * HOUR) - WEEKS * WEEK
    found = _hours(tuple(zones), since, floor(now, HOUR))
    earlier = window_between(window.start - WEEK, window.end - WEEK, now=now)
    return Past(
        _bands(_history(found, "events"), window, step),
        step,
        queries.flow(zones=zones, workflow_ids=lines, window=earlier),
        _arrivals(_history(found, "started"), now),
        capacity(_settled(found, now)),
    )


def _hours(places: tuple[int, ...], since: datetime, until: datetime) -> list[Beat]:
    """The hours before; the same for an hour, a day and a week."""
    name = (places, since, until)
    return _beats.answer(name, lambda: beats(facility_ids=places, since=since, until=until))


def _history(found: Sequence[Beat], measure: str) -> History:
    counts = {beat.bucket: getattr(beat, measure) for beat in found}
    return History(counts, found[0].bucket if found else None)


def _bands(history: History, window: Window, step: Step) -> dict[datetime, Band]:
    """Of every step of the window, and of those it moves on to within the quarter-hour."""
    start = floor(window.start, step.length)
    end = ceil(window.end + QUARTER_HOUR, step.length)
    moments = (start + n * step.length for n in range((end - start) // step.length))
    found = {moment: history.usual(moment, step.length) for moment in moments}
    return {moment: band for moment, band in found.items() if band}


def _arrivals(history: History, now: datetime) -> list[Band] | None:
    hours = (floor(now, HOUR) + n * HOUR for n in range(HOURS_A_WEEK))
    found = [band for hour in hours if (band := history.usual(hour, HOUR))]
    return found if len(found) == HOURS_A_WEEK else None


def _settled(found: Sequence[Beat], now: datetime) -> list[int]:
    """By hour, of the last two weeks, quiet hours too."""
    if not found:
        return []
    since = max(floor(now - 2 * WEEK, HOUR), found[0].bucket)
    counts = {beat.bucket: beat.settled for beat in found}
    hours = (floor(now, HOUR) - since) // HOUR
    return [counts.get(since + n * HOUR, 0) for n in range(hours)]
