"""What was promised, in words: the sentence under the title of a scorecard."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.catalog import models as catalog
from apps.dashboard import wording
from apps.scorecards import budgets, metrics
from apps.scorecards.budgets import CLOCKS
from apps.scorecards.promises import Promise, promises
from apps.scorecards.tallies import Cells

ELAPSED, OPEN_HOURS = 1, 2


@dataclass(frozen=True, slots=True)
class Sentence:
    """The promise of a scorecard, and where and when it was another."""

    text: str
    owner: str
    others: str
    changes: Sequence[str]
    objective: float | None
    limit: timedelta | None
    days: Sequence[date]


def sentence(
    line: int | None, cells: Cells, clock: metrics.Clock, zone: ZoneInfo, *, now: datetime
) -> Sentence:
    """What is promised now for most of these cells; one workflow has words, several have none."""
    held = _in_force(cells, clock, now)
    common = _most_common(held)
    changed = budgets.changes(clock, cells)
    days = [moment.astimezone(zone).date() for moment in changed]
    if line is None or common is None:
        objective = float(common.objective) if common else None
        return Sentence("", "", "", [], objective, None, days)
    of = catalog.Clock.objects.select_related("start_stage", "stop_stage", "workflow").get(
        workflow_id=line, kind=clock.value
    )
    since = common.effective_from.astimezone(zone).date()
    text = (
        f"{of.start_stage.name} to {of.stop_stage.name.lower()} {_within(common)}, for "
        f"{wording.objective(float(common.objective))} % of transactions, since {_day(since)}."
    )
    return Sentence(
        text,
        of.workflow.owner_role,
        _others(held, common),
        [_change(moment, cells, clock, zone) for moment in changed],
        float(common.objective),
        _limit(common),
        days,
    )


def objective(cells: Cells, clock: metrics.Clock, *, now: datetime) -> float | None:
    """The objective that most of these cells have now."""
    common = _most_common(_in_force(cells, clock, now))
    return float(common.objective) if common else None


def _in_force(cells: Cells, clock: metrics.Clock, now: datetime) -> list[Promise]:
    known = promises()
    return [
        one
        for line in cells.workflow_ids
        for place in cells.zones
        for one in known.get((line, place, CLOCKS[clock]), ())
        if one.is_in_force(now)
    ]


def _terms(of: Promise) -> tuple[object, ...]:
    return of.measure, of.threshold_seconds, of.objective


def _most_common(held: Sequence[Promise]) -> Promise | None:
    if not held:
        return None
    most, _ = Counter(map(_terms, held)).most_common(1)[0]
    return next(one for one in held if _terms(one) == most)


def _within(of: Promise) -> str:
    length = wording.duration(of.threshold_seconds)
    if of.measure == ELAPSED:
        return f"within {length}"
    if of.measure == OPEN_HOURS:
        return f"within {length} of open hours"
    hour, rest = divmod(of.threshold_seconds, 3600)
    return f"by {hour:02d}:{rest // 60:02d} local time"


def _limit(of: Promise) -> timedelta | None:
    """Where a latency is over it; only elapsed time can be drawn as one line."""
    return timedelta(seconds=of.threshold_seconds) if of.measure == ELAPSED else None


def _others(held: Sequence[Promise], common: Promise) -> str:
    """The facilities that were promised something else."""
    others = [one for one in held if _terms(one) != _terms(common)]
    if not others:
        return ""
    first = _most_common(others)
    assert first is not None  # noqa: S101  there are some
    terms = f"{_within(first)}, {wording.objective(float(first.objective))} %"
    places = "1 facility has its" if len(others) == 1 else f"{len(others)} facilities have their"
    return f"{places} own target ({terms})."


def _change(moment: datetime, cells: Cells, clock: metrics.Clock, zone: ZoneInfo) -> str:
    """What a promise was before a moment, and since."""
    known = promises()
    pairs = Counter[tuple[str, str]]()
    for line in cells.workflow_ids:
        for place in cells.zones:
            held = known.get((line, place, CLOCKS[clock]), ())
            new = next((one for one in held if one.effective_from == moment), None)
            old = next((one for one in held if one.effective_to == moment), None)
            if new:
                pairs[_briefly(old), _briefly(new)] += 1
    (before, after), _ = pairs.most_common(1)[0]
    return f"The target changed on {_day(moment.astimezone(zone).date())}: {before} to {after}."


def _briefly(of: Promise | None) -> str:
    return f"{_within(of)} for {wording.objective(float(of.objective))} %" if of else "none"


def _day(of: date) -> str:
    return f"{of.day} {of:%b %Y}"
