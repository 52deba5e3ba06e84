"""Error budgets: how fast each cell burns, and whether that is worth waking somebody.

The rules are those of `catalog.sla`: two windows each, fitted to the target, by due time. All cells
are judged at once, once a minute in each process, which is how often a rule can change its mind; a
reader gets those of their facilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import msgspec

from apps.catalog import sla
from apps.core.db import fetch_all
from apps.core.kept import Kept
from apps.scorecards.objectives import Target, Targets, targets_at
from apps.scorecards.windows import HOUR, MINUTE, QUARTER_HOUR, ceil, floor

BUDGET = timedelta(days=28)
# What takes longer to come due than a window of days can see is told by its due times instead.
LONGEST = timedelta(days=7)
Cell = tuple[int, int]
# Decimals: 1 - 0.99 is a little more than 0.01, and a budget that is used up is used up.
EXACT = 9
DAY, FOUR_HOURS = 24 * HOUR, 4 * HOUR

# What came due in nine windows of each cell, all ending now. `begins` has where they begin, oldest
# first, so each row lies in one stretch between two of them; a window is every stretch from its own
# on, which is added up here and not nine times over by PostgreSQL. Minutes for the last hour and a
# bit, then ever larger blocks, and what waits for them.
COUNTS = """
WITH watched AS MATERIALIZED (
    SELECT workflow_id, facility_id, begins::timestamptz[] AS begins
      FROM unnest(%(workflow_ids)s::integer[], %(facility_ids)s::integer[], %(begins)s::text[])
           AS watched (workflow_id, facility_id, begins)
), counted AS (
    SELECT r.bucket, r.workflow_id, r.facility_id, r.met, r.breached
      FROM unnest(%(grains)s::smallint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
           AS piece (grain, starts_at, ends_at)
      JOIN scorecards_rollup AS r ON r.grain = piece.grain
       AND r.bucket >= piece.starts_at AND r.bucket < piece.ends_at
     WHERE r.met > 0 OR r.breached > 0
     UNION ALL
    SELECT bucket, workflow_id, facility_id, met, breached FROM scorecards_quarterdelta
     WHERE bucket >= %(start)s AND bucket < %(minutes_from)s AND (met <> 0 OR breached <> 0)
     UNION ALL
    SELECT bucket, workflow_id, facility_id, met, breached FROM scorecards_rollupdelta
     WHERE bucket >= %(start)s AND bucket < %(end)s AND (met <> 0 OR breached <> 0)
)
SELECT workflow_id, facility_id, width_bucket(bucket, begins) AS stretch,
       COALESCE(sum(met), 0)::bigint AS met, COALESCE(sum(breached), 0)::bigint AS breached
  FROM counted JOIN watched USING (workflow_id, facility_id)
 GROUP BY 1, 2, 3
"""


class Level(IntEnum):
    """What a burn asks for. Watch is above the budget's pace, and below every rule."""

    OK = 0
    WATCH = 1
    TICKET = 2
    PAGE = 3


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """What came due in one cell between the beginnings of two windows."""

    workflow_id: int
    facility_id: int
    stretch: int
    met: int
    breached: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What came due in one cell: in 28 days, an hour, six hours, the windows of each rule."""

    workflow_id: int
    facility_id: int
    windows: Sequence[sla.Attainment]

    def within(self, window: int) -> sla.Attainment:
        return self.windows[window]


@dataclass(frozen=True, slots=True)
class Decided:
    """A window in which a rule was broken: how long it is, since when, and how fast it burned."""

    length: timedelta
    since: datetime
    rate: float | None


@dataclass(frozen=True, slots=True)
class Burn:
    """One cell's error budget."""

    workflow_id: int
    facility_id: int
    objective: float
    level: Level
    budget: sla.Attainment
    hour: float | None
    six_hours: float | None
    # The share of 28 days' budget that is used up.
    consumed: float
    # The windows that made it a page or a ticket; pages show others beside them.
    decided: Sequence[Decided]

    @property
    def fastest(self) -> tuple[int, float, float]:
        """What comes first: pages, then tickets, then whoever burns fastest now."""
        return (-self.level, -(self.hour or 0.0), -(self.six_hours or 0.0))

    def gone_at(self, now: datetime) -> datetime | None:
        """When the budget is used up at the pace of six hours; None when it is not within it."""
        if self.consumed >= 1:
            return now
        if not self.six_hours:
            return None
        left = (1 - self.consumed) / self.six_hours * BUDGET
        return now + left if left <= BUDGET else None


# The minute this process judged last.
_judgement: Kept[Sequence[Burn]] = Kept(1)


def burns(*, facility_ids: frozenset[int], now: datetime, version: int) -> list[Burn]:
    """The cells of these facilities in which anything came due in 28 days, fastest burn first."""
    found = _judgement.answer((floor(now, MINUTE), version), lambda: _judged(now))
    return [one for one in found if one.facility_id in facility_ids]


def _judged(now: datetime) -> list[Burn]:
    targets = targets_at(now)
    made = [_burn(counts, targets[key], now) for key, counts in counted(targets, now).items()]
    return sorted(made, key=lambda burn: burn.fastest)


def counted(targets: Targets, now: datetime) -> dict[Cell, Counts]:
    """The nine windows of each cell in which anything came due.

    What was taken back since may wait beside what it takes back: together they are nothing.
    """
    begins = {key: windows_of(target, now) for key, target in targets.items()}
    stretches: dict[Cell, list[Stretch]] = {}
    for one in fetch_all(COUNTS, _params(begins, now), row=Stretch):
        stretches.setdefault((one.workflow_id, one.facility_id), []).append(one)
    made = {key: _counts(key, found, begins[key]) for key, found in stretches.items()}
    return {key: counts for key, counts in made.items() if counts.within(0).due}


def _counts(key: Cell, found: Sequence[Stretch], begins: Sequence[datetime]) -> Counts:
    """Windows out of stretches: each has every stretch that begins where it does or later."""
    ordered = sorted(begins)
    places = [ordered.index(begin) + 1 for begin in begins]
    inside = [[one for one in found if one.stretch >= place] for place in places]
    sums = [
        sla.Attainment(sum(one.met for one in part), sum(one.breached for one in part))
        for part in inside
    ]
    return Counts(*key, sums)


def windows_of(target: Target, now: datetime) -> list[datetime]:
    """Where the windows of a cell begin: the budget, an hour, six hours, long and short of each
    rule."""
    budget = _tiers(now)[-1][1]
    begins = [_begins(now, length) for pair in _pairs(target) for length in pair]
    return [*shown_since(now), *(max(budget, begin) for begin in begins)]


def shown_since(now: datetime) -> list[datetime]:
    """Where the windows that pages show begin: the budget, an hour, six hours."""
    return [_tiers(now)[-1][1], _begins(now, HOUR), _begins(now, 6 * HOUR)]


def _burn(counts: Counts, target: Target, now: datetime) -> Burn:
    budget, hour, six_hours = (counts.within(window) for window in range(3))
    spent = sla.error_budget(target.objective, budget) if target.objective < 1 else None
    level, windows = _level(counts, target, six_hours)
    return Burn(
        counts.workflow_id, counts.facility_id, target.objective, level, budget,
        _rate(target.objective, hour), _rate(target.objective, six_hours),
        round(spent.consumed, EXACT) if spent else float(budget.breached > 0),
        _decided(counts, target, windows, now) if windows else (),
    )  # fmt: skip


def _level(
    counts: Counts, target: Target, six_hours: sla.Attainment
) -> tuple[Level, Sequence[int]]:
    """The most urgent rule that holds, and the windows it was told by."""
    if target.objective < 1 and 2 * target.length <= LONGEST:
        if sla.breaks_absolutely(target.objective, counts.within(3)):
            return Level.PAGE, (3,)
        rules = sla.burn_rules(target.objective, target.length)
        for window, rule in zip((3, 5, 7), rules, strict=True):
            long, short = counts.within(window), counts.within(window + 1)
            if sla.burns(target.objective, rule, long=long, short=short):
                # With little due, the long window alone decides.
                both = (window, window + 1) if long.due >= sla.MINIMUM_DUE else (window,)
                return Level.PAGE if rule.severity == "page" else Level.TICKET, both
    is_fast = (_rate(target.objective, six_hours) or 0) >= 1
    return Level.WATCH if is_fast else Level.OK, ()


def _decided(
    counts: Counts, target: Target, windows: Sequence[int], now: datetime
) -> Sequence[Decided]:
    begins = windows_of(target, now)
    lengths = [length for pair in _pairs(target) for length in pair]
    return [
        Decided(lengths[one - 3], begins[one], _rate(target.objective, counts.within(one)))
        for one in windows
    ]


def _pairs(target: Target) -> list[tuple[timedelta, timedelta]]:
    """The long and the short window of each rule."""
    rules = sla.burn_rules(min(target.objective, 0.999999), target.length)
    return [(rule.long_window, rule.short_window) for rule in rules]


def _rate(objective: float, counts: sla.Attainment) -> float | None:
    spent = sla.error_budget(objective, counts) if objective < 1 else None
    return round(spent.burn_rate, EXACT) if spent else None


def _params(begins: Mapping[Cell, Sequence[datetime]], now: datetime) -> dict[str, Any]:
    tiers = _tiers(now)
    return {
        "workflow_ids": [workflow for workflow, _ in begins],
        "facility_ids": [facility for _, facility in begins],
        # Arrays of arrays lose their inner ones when unnested, so these go as text.
        "begins": [_as_array(moments) for moments in begins.values()],
        "grains": [grain for grain, _, _ in tiers],
        "starts": [start for _, start, _ in tiers],
        "ends": [end for _, _, end in tiers],
        "start": tiers[-1][1],
        "end": tiers[0][2],
        "minutes_from": tiers[0][1],
    }


def _as_array(moments: Sequence[datetime]) -> str:
    return f"{{{','.join(one.isoformat() for one in sorted(moments))}}}"


# How far back each grain is read; what lies beyond is read from the next.
TIERS: Sequence[tuple[int, timedelta, timedelta]] = (
    (1, MINUTE, HOUR + QUARTER_HOUR),
    (2, HOUR, DAY + HOUR),
    (4, FOUR_HOURS, 4 * DAY),
    (5, DAY, BUDGET),
)


def _tiers(now: datetime) -> list[tuple[int, datetime, datetime]]:
    """The grains that make up 28 days until now, finest first, each where the last one began."""
    found, end = [], ceil(now, MINUTE)
    steps = [step for _, step, _ in TIERS[1:]] + [DAY]
    for (grain, _, length), next_step in zip(TIERS, steps, strict=True):
        start = floor(now - length, next_step)
        found.append((grain, start, end))
        end = start
    return found


def _begins(now: datetime, length: timedelta) -> datetime:
    """Where a window begins: on a block of the grain that is read there."""
    step = next((step for _, step, reach in TIERS if length <= reach - step), DAY)
    return floor(now - length, step)
