"""The mathematics of service levels, in plain Python (docs/catalog.md explains the choices).

The due times are the oracle for the SQL functions of sql/rules.sql; the rest is what scorecards and
alerts compute from counts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# -- due times ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hours:
    """Open hours on a weekday (0 is Monday); closing at 00:00 is midnight at the day's end."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of open time, as instants."""

    opens_at: datetime
    closes_at: datetime

    @property
    def length(self) -> timedelta:
        return self.closes_at - self.opens_at


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall-clock time; of a skipped or repeated one the later reading."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return max(first.astimezone(UTC), second.astimezone(UTC))


def open_spans(
    *, hours: Sequence[Hours], holidays: Collection[date], zone: ZoneInfo, first: date, last: date
) -> list[Span]:
    """All open time from the local date `first` through `last`, in order, seams joined."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return joined(
        Span(instant(datetime.combine(day, row.opens), zone), closing(day, row.closes, zone))
        for day in days
        if day not in holidays
        for row in hours
        if row.weekday == day.weekday()
    )


def closing(day: date, closes: time, zone: ZoneInfo) -> datetime:
    """The instant a day's hours end."""
    ends_on = day + timedelta(days=1) if closes == time.min else day
    return instant(datetime.combine(ends_on, closes), zone)


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same open time as sorted spans that neither touch nor overlap; empty ones fall away."""
    result: list[Span] = []
    for span in sorted(span for span in spans if span.opens_at < span.closes_at):
        if result and span.opens_at <= result[-1].closes_at:
            result[-1] = Span(result[-1].opens_at, max(result[-1].closes_at, span.closes_at))
        else:
            result.append(span)
    return result


def clipped(spans: Iterable[Span], *, since: datetime, until: datetime) -> Iterator[Span]:
    """What lies between two moments."""
    for span in spans:
        part = Span(max(span.opens_at, since), min(span.closes_at, until))
        if part.opens_at < part.closes_at:
            yield part


def elapsed_due(start: datetime, seconds: int) -> datetime:
    """Real seconds, whatever the wall clocks do meanwhile."""
    return start.astimezone(UTC) + timedelta(seconds=seconds)


def business_due(start: datetime, seconds: int, spans: Sequence[Span]) -> datetime | None:
    """The moment `seconds` of open time have passed; None where the spans do not reach.

    A due time on a seam is the closing before it, not the next opening.
    """
    here = bisect_right(spans, start, key=lambda span: span.opens_at) - 1
    if here < 0:
        return None
    left = timedelta(seconds=seconds) + min(start - spans[here].opens_at, spans[here].length)
    for span in spans[here:]:
        if left <= span.length:
            return span.opens_at + left
        left -= span.length
    return None


def time_of_day_due(start: datetime, seconds: int, zone: ZoneInfo) -> datetime:
    """The first moment from the start on whose local time is `seconds` past midnight."""
    midnight = datetime.combine(start.astimezone(zone).date(), time.min)
    today, tomorrow = (
        instant(midnight + timedelta(days=days, seconds=seconds), zone) for days in (0, 1)
    )
    return today if today >= start else tomorrow


# -- attainment and error budget ---------------------------------------------------------------


@dataclass(frozen=True)
class Timed:
    """One transaction on one clock."""

    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None = None

    def is_met(self) -> bool:
        return self.stopped_at is not None and self.stopped_at <= self.due_at

    def is_breached(self, now: datetime) -> bool:
        """Late, or overdue and still open: an outage must not look like a good day."""
        return not self.is_met() and (self.stopped_at is not None or self.due_at <= now)

    def is_at_risk(self, now: datetime, *, share: float = 0.8) -> bool:
        """Still open, not yet due, and most of its time used up."""
        used = (now - self.started_at) / (self.due_at - self.started_at)
        return self.stopped_at is None and now < self.due_at and used >= share


@dataclass(frozen=True)
class Attainment:
    """How a window went. Pending work is not counted; nothing due is "no data", never 100 %."""

    met: int
    breached: int
    pending: int = 0

    @property
    def due(self) -> int:
        return self.met + self.breached

    @property
    def share(self) -> float | None:
        return self.met / self.due if self.due else None


def attainment(
    work: Iterable[Timed], *, since: datetime, until: datetime, now: datetime
) -> Attainment:
    """Attainment of what was due in [since, until): the unbiased attribution.

    By completion, stuck work would vanish; by start, the newest work would look unfinished.
    """
    inside = [item for item in work if since <= item.due_at < until]
    met = sum(item.is_met() for item in inside)
    breached = sum(item.is_breached(now) for item in inside)
    return Attainment(met=met, breached=breached, pending=len(inside) - met - breached)


@dataclass(frozen=True)
class Budget:
    """How many breaches an objective allows among what was due, and how much of that is gone."""

    allowed: float
    consumed: float
    burn_rate: float


def error_budget(objective: float, counts: Attainment) -> Budget | None:
    """None when nothing was due. `consumed` and `burn_rate` are the same figure seen over
    the budget's own window and over a shorter one: 1.0 spends exactly the budget."""
    if not counts.due:
        return None
    allowed = (1 - objective) * counts.due
    return Budget(
        allowed, counts.breached / allowed, (counts.breached / counts.due) / (1 - objective)
    )


# -- burn alerts -------------------------------------------------------------------------------

MINIMUM_DUE = 20  # below this a rate says nothing and breaches are counted instead
ABSOLUTE_RULE_BELOW = 0.97
ABSOLUTE_BREACH_SHARE = 0.25
REACHABLE_SHARE = 0.8  # of the highest burn an objective permits


@dataclass(frozen=True)
class BurnRule:
    """Alert when both windows burn faster than the threshold."""

    severity: str
    burn_rate: float
    long_window: timedelta
    short_window: timedelta


# Table 5-8 of the SRE Workbook: 2 %, 5 % and 10 % of a 30-day budget.
BURN_TABLE = (
    BurnRule("page", 14.4, timedelta(hours=1), timedelta(minutes=5)),
    BurnRule("page", 6.0, timedelta(hours=6), timedelta(minutes=30)),
    BurnRule("ticket", 1.0, timedelta(days=3), timedelta(hours=6)),
)


def highest_burn(objective: float) -> float:
    """The burn when everything breaches: 14.4 cannot be reached below an objective of 93.06 %."""
    return 1 / (1 - objective)


def burn_rules(objective: float, threshold: timedelta) -> list[BurnRule]:
    """The table fitted to a target: reachable rates, and windows that can see its latency."""
    ceiling = REACHABLE_SHARE * highest_burn(objective)
    return [
        BurnRule(
            rule.severity,
            min(rule.burn_rate, ceiling),
            max(rule.long_window, 2 * threshold),
            max(rule.short_window, threshold / 6),
        )
        for rule in BURN_TABLE
    ]


def burns(objective: float, rule: BurnRule, *, long: Attainment, short: Attainment) -> bool:
    """Whether a rule holds; with little due in the long window, whether breaches stand out."""
    if long.due < MINIMUM_DUE:
        return stands_out(objective, long)
    budgets = (error_budget(objective, long), error_budget(objective, short))
    return all(budget is not None and budget.burn_rate >= rule.burn_rate for budget in budgets)


def stands_out(objective: float, counts: Attainment) -> bool:
    """Few cases: at least three breaches, and more than chance would give at the objective."""
    bound = wilson_lower_bound(counts.breached, counts.due)
    return counts.breached >= 3 and bound > 1 - objective


def breaks_absolutely(objective: float, counts: Attainment) -> bool:
    """For loose objectives, whose burn thresholds are breach rates nobody would wait for."""
    return (
        objective < ABSOLUTE_RULE_BELOW
        and counts.due >= MINIMUM_DUE
        and counts.breached >= ABSOLUTE_BREACH_SHARE * counts.due
    )


def wilson_lower_bound(hits: int, trials: int, *, z: float = 1.96) -> float:
    """The lower end of the 95 % Wilson interval of a share."""
    if not trials:
        return 0.0
    share = hits / trials
    spread = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return max((share + z**2 / (2 * trials) - spread) / (1 + z**2 / trials), 0.0)
