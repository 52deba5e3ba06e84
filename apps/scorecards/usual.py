"""What is usual: the same hour of the week in the six weeks before. Plain Python on plain numbers.

A band from the 5th to the 95th percentile of six numbers lies between them by interpolation, as
everybody's spreadsheet has it. Two weeks are the least that is called usual.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.scorecards.windows import HOUR, floor

WEEK = timedelta(days=7)
WEEKS = 6
LEAST_WEEKS = 2
HOURS_A_WEEK = 168
LOW, MIDDLE, HIGH = 0.05, 0.5, 0.95


@dataclass(frozen=True, slots=True)
class Band:
    """How much is usual: most weeks lie between low and high."""

    low: float
    middle: float
    high: float

    def __mul__(self, share: float) -> "Band":
        return Band(self.low * share, self.middle * share, self.high * share)


def percentile(values: Sequence[float], fraction: float) -> float:
    """By linear interpolation between the two values around it."""
    ordered = sorted(values)
    place = fraction * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def band(values: Sequence[float]) -> Band | None:
    """What is usual of these weeks; None when they are too few to say."""
    if len(values) < LEAST_WEEKS:
        return None
    return Band(*(percentile(values, fraction) for fraction in (LOW, MIDDLE, HIGH)))


@dataclass(frozen=True, slots=True)
class History:
    """Counts by hour. An hour without a count had none, from `first` on."""

    counts: Mapping[datetime, int]
    first: datetime | None

    def between(self, start: datetime, length: timedelta) -> float:
        """What happened in a span of whole hours, or in a part of one."""
        if length < HOUR:
            return self.counts.get(floor(start, HOUR), 0) * (length / HOUR)
        hours = (start + n * HOUR for n in range(length // HOUR))
        return sum(self.counts.get(hour, 0) for hour in hours)

    def usual(self, start: datetime, length: timedelta) -> Band | None:
        """What the same span brought in each of the weeks before it."""
        if self.first is None:
            return None
        before = [start - week * WEEK for week in range(1, WEEKS + 1)]
        return band([self.between(one, length) for one in before if one >= self.first])


# -- the backlog -----------------------------------------------------------------------------------

CAPACITY = 0.9
FURTHEST = 4 * HOURS_A_WEEK


@dataclass(frozen=True, slots=True)
class Drain:
    """In how many hours a backlog is gone, at best and at worst; None when it never is."""

    soonest: float | None
    latest: float | None


def capacity(settled: Sequence[float]) -> float:
    """What was settled in a good hour: throughput under load, not the mean, which in a healthy
    flow only equals what arrives."""
    return percentile(settled, CAPACITY) if settled else 0.0


def hours_to_drain(backlog: float, *, arrivals: Sequence[float], capacity: float) -> float | None:
    """Hours until a backlog is gone, when so many arrive in each hour to come (which repeat); None
    when it is not within four weeks."""
    left = float(backlog)
    for hour in range(FURTHEST):
        if left <= 0:
            return float(hour)
        change = arrivals[hour % len(arrivals)] - capacity
        if left + change <= 0:
            return hour + left / -change
        left += change
    return None
