"""Error budgets: how many may be late in a window, by each objective while it was in force."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from apps.scorecards.metrics import Clock, Metric
from apps.scorecards.promises import BUSINESS, INTEGRATION, Promise, promises
from apps.scorecards.tallies import Cells, Tally, tallies
from apps.scorecards.windows import Window, cut

CLOCKS = {Clock.INTEGRATION: INTEGRATION, Clock.BUSINESS: BUSINESS}


@dataclass(frozen=True, slots=True)
class Budget:
    """How many may be late, and how many were."""

    allowed: int
    late: int

    @property
    def left(self) -> int:
        """Below zero when it is overspent."""
        return self.allowed - self.late


def budgets(
    metric: Metric, cells: Cells, found: Sequence[Tally], *, now: datetime
) -> Mapping[int, Budget]:
    """The budget of each workflow. `found` are the tallies of the whole window."""
    allowed: dict[int, Decimal] = defaultdict(Decimal)
    late: dict[int, int] = defaultdict(int)
    for moment, tally in _by_segment(metric, cells, found, now):
        promise = promise_at(metric.clock, tally, moment)
        if promise:
            allowed[tally.workflow_id] += (1 - promise.objective) * (tally.good + tally.bad)
    for tally in found:
        late[tally.workflow_id] += tally.bad
    return {key: Budget(int(allowed[key]), late[key]) for key in late}


def budget_of(
    metric: Metric, cells: Cells, found: Sequence[Tally], *, now: datetime
) -> Budget | None:
    """The budget of all cells together; none where nothing was due."""
    each = budgets(metric, cells, found, now=now).values()
    return Budget(sum(one.allowed for one in each), sum(one.late for one in each)) if each else None


def burn_rate(metric: Metric, found: Sequence[Tally], *, now: datetime) -> float | None:
    """How many times as many were late as the objectives of now allow; None without any."""
    held = [(one, promise_at(metric.clock, one, now)) for one in found]
    allowed = sum(
        ((1 - promise.objective) * (one.good + one.bad) for one, promise in held if promise),
        Decimal(0),
    )
    return float(sum(one.bad for one, promise in held if promise) / allowed) if allowed else None


def promise_at(clock: Clock, tally: Tally, moment: datetime) -> Promise | None:
    """What was promised of a cell at a moment."""
    known = promises().get((tally.workflow_id, tally.facility_id, CLOCKS[clock]), ())
    return next((one for one in known if one.is_in_force(moment)), None)


def changes(clock: Clock, cells: Cells) -> list[datetime]:
    """When a promise of these cells changed inside the window."""
    known, window = promises(), cells.window
    keys = ((line, place, CLOCKS[clock]) for line in cells.workflow_ids for place in cells.zones)
    return sorted(
        {
            one.effective_from
            for key in keys
            for one in known.get(key, ())
            if window.start < one.effective_from < window.end
        }
    )


def _by_segment(
    metric: Metric, cells: Cells, found: Sequence[Tally], now: datetime
) -> Iterator[tuple[datetime, Tally]]:
    """The tallies of each time in which no promise changed, with a moment of it.

    Rollups are told apart by minutes or hours, so a promise holds from the one it began in.
    """
    begun = {cut(moment, now): moment for moment in changes(metric.clock, cells)}
    if not begun:
        yield from ((cells.window.start, tally) for tally in found)
        return
    edges = [cells.window.start, *sorted(begun), cells.window.end]
    for start, end in pairwise(edges):
        part = replace(cells, window=Window(start, end, is_live=False))
        moment = begun.get(start, start)
        yield from ((moment, tally) for tally in tallies(metric, part))
