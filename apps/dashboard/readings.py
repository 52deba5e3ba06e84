"""What is read for the explanation of one figure, all of one state of the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.dashboard import feeds
from apps.dashboard.feeds import NamedCells
from apps.dashboard.heat import ENOUGH
from apps.dashboard.questions import Question
from apps.scorecards import ages, budgets, histogram, queries, tallies
from apps.scorecards.ages import Ages
from apps.scorecards.budgets import Budget
from apps.scorecards.metrics import METRICS, Clock, Kind, Metric
from apps.scorecards.parts import Role
from apps.scorecards.queries import SilentCell
from apps.scorecards.tallies import Cells, Recount, Tally
from apps.scorecards.windows import HOUR
from apps.telemetry.partitions import event_horizon

OVERDUE = {Clock.INTEGRATION: METRICS["overdue"], Clock.BUSINESS: METRICS["business-overdue"]}
# What a reader compares with the window before, there being one.
COMPARED = (Kind.SHARE, Kind.QUANTILE, Kind.CHANGE)


@dataclass(frozen=True, slots=True)
class Before:
    """The same figure of the same cells in the window before."""

    cells: Cells
    value: float | None
    good: int
    due: int


@dataclass(frozen=True, slots=True)
class Parts:
    """What a figure is worked out from."""

    found: Sequence[Tally]
    budget: Budget | None
    before: Before | None
    counted: Mapping[str, Recount] | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was read for one explanation."""

    found: Sequence[Tally]
    value: float | None
    budget: Budget | None
    before: Before | None
    is_censored: bool
    counted: Mapping[str, Recount] | None
    exact: float | None
    waiting: int | None
    silent: Sequence[SilentCell]
    reach: datetime
    # Since when single messages are kept, where that is later than the window begins.
    kept_since: datetime | None
    photographed: Ages | None
    named: NamedCells | None

    def sum(self, role: Role) -> int:
        """How many play this role in all cells together."""
        return sum(one.of(role) for one in self.found)

    @property
    def due(self) -> int:
        """How many came due and count."""
        return self.sum(Role.GOOD) + self.sum(Role.BAD)

    @property
    def amount(self) -> int:
        return sum(one.amount for one in self.found)


def read(question: Question, *, now: datetime) -> Numbers:
    """The figure that is asked about, its parts, and what counting them again gives."""
    metric, cells = question.metric, question.cells
    reach = queries.state().reach(now)
    named = feeds.named(question, now=now) if metric.kind is Kind.CELLS else None
    found = tallies.tallies(metric, cells) if metric.parts else []
    budget = budgets.budget_of(metric, cells, found, now=now) if _is_budget(metric) else None
    before = _before(metric, cells, now) if metric.kind in COMPARED else None
    kept_since = _kept_since(metric, cells)
    is_affordable = tallies.is_affordable(metric, cells, found) and not kept_since
    counted = _counted(metric, cells) if is_affordable or metric.is_counted_now else None
    parts = Parts(found, budget, before, counted)
    return Numbers(
        found,
        len(named.rows) if named else _value(question, parts, now),
        budget,
        before,
        _is_censored(metric, cells, found, now),
        counted,
        tallies.exact_quantile(metric, cells) if is_affordable and metric.fraction else None,
        _waiting(metric, cells),
        _silent(cells, now) if _is_of_now(cells, now) else [],
        reach,
        kept_since,
        _photographed(metric, cells, now),
        named,
    )


def _is_budget(metric: Metric) -> bool:
    return metric.kind is Kind.BUDGET


def _counted(metric: Metric, cells: Cells) -> dict[str, Recount]:
    return {part.code: tallies.recount(part, cells) for part in metric.parts}


def _value(question: Question, parts: Parts, now: datetime) -> float | None:
    metric, cells, found = question.metric, question.cells, parts.found
    match metric.kind:
        case Kind.SHARE:
            return _share(found)
        case Kind.CHANGE:
            return _change(found, parts.before)
        case Kind.BUDGET:
            return parts.budget.left if parts.budget else None
        case Kind.RATE:
            return budgets.burn_rate(metric, found, now=now)
        case Kind.AGE:
            first = tallies.oldest(cells)
            return (now - first).total_seconds() if first else None
        case Kind.QUANTILE:
            return _quantile(metric, cells, sum(one.counted for one in found))
        case _:
            return _sum(metric, found, parts.counted)


def _sum(metric: Metric, found: Sequence[Tally], counted: Mapping[str, Recount] | None) -> int:
    """A number or an amount: as the fold has counted it, where it has."""
    if counted and metric.is_counted_now:
        [whole] = counted.values()
        return whole.amount if metric.kind is Kind.MONEY else whole.number
    return sum(one.amount if metric.kind is Kind.MONEY else one.counted for one in found)


def _share(found: Sequence[Tally]) -> float | None:
    good, due = sum(one.good for one in found), sum(one.good + one.bad for one in found)
    return good / due if due else None


def _change(found: Sequence[Tally], before: Before | None) -> float | None:
    """In percentage points; where one of them is small there is none."""
    due, share = sum(one.good + one.bad for one in found), _share(found)
    if share is None or before is None or min(due, before.due) < ENOUGH:
        return None
    return 100 * (share - before.good / before.due)


def _before(metric: Metric, cells: Cells, now: datetime) -> Before:
    earlier = tallies.before(cells, now=now)
    found = tallies.tallies(metric, earlier)
    good, due = sum(one.good for one in found), sum(one.good + one.bad for one in found)
    if metric.kind is Kind.QUANTILE:
        number = sum(one.counted for one in found)
        return Before(earlier, _quantile(metric, earlier, number), number, number)
    return Before(earlier, _share(found), good, due)


def _quantile(metric: Metric, cells: Cells, number: int) -> float | None:
    packed = tallies.histogram_of(metric, cells)
    [found] = histogram.tail_quantiles(packed, number, (metric.fraction,))
    return found


def _is_of_now(cells: Cells, now: datetime) -> bool:
    """Whether the window ends now, or did when a page was made that is still looked at."""
    return cells.window.is_live or now - cells.window.end < HOUR


def _is_censored(metric: Metric, cells: Cells, found: Sequence[Tally], now: datetime) -> bool:
    """Whether so many are late and still open that a percentile is only a lower bound."""
    if not metric.fraction or not found or not _is_of_now(cells, now):
        return False
    late = sum(one.counted for one in tallies.tallies(OVERDUE[metric.clock], cells))
    return late > (1 - metric.fraction) * (sum(one.counted for one in found) + late)


def _waiting(metric: Metric, cells: Cells) -> int | None:
    """How many are open and not yet due; None where it is not asked, or would take too long."""
    if not metric.of_role(Role.BAD):
        return None
    open_now = sum(one.counted for one in tallies.tallies(METRICS["open"], cells))
    return tallies.not_yet_due(metric, cells) if open_now <= tallies.LOOKED_AT else None


def _silent(cells: Cells, now: datetime) -> list[SilentCell]:
    found = queries.silent_cells(facility_ids=list(cells.zones), since=now - HOUR, now=now)
    return [one for one in found if one.workflow_id in cells.workflow_ids]


def _kept_since(metric: Metric, cells: Cells) -> datetime | None:
    if not metric.is_of_messages:
        return None
    since = event_horizon()
    return since if since > cells.window.start else None


def _photographed(metric: Metric, cells: Cells, now: datetime) -> Ages | None:
    """What the flow page shows of the backlog's age: it is photographed every five minutes."""
    if not metric.is_counted_now:
        return None
    found = ages.ages(facility_ids=list(cells.zones), workflow_ids=list(cells.workflow_ids))
    return found if found.is_fresh(now) else None
