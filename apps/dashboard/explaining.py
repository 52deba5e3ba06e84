"""How a figure is computed, as one reader may know it: the same page for every figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from apps.dashboard import figures, wording
from apps.dashboard.questions import Question
from apps.dashboard.scope import Scope
from apps.scorecards import budgets, histogram, queries, tallies
from apps.scorecards.budgets import Budget
from apps.scorecards.metrics import BUSINESS_KEY, METRICS, Clock, Kind, Metric
from apps.scorecards.parts import Part, Role
from apps.scorecards.queries import SilentCell
from apps.scorecards.tallies import Cells, Recount, Tally
from apps.scorecards.windows import HOUR
from apps.telemetry.queries import Dropped, duplicates_dropped

OVERDUE = {Clock.INTEGRATION: METRICS["overdue"], Clock.BUSINESS: METRICS["business-overdue"]}
ICONS = {Role.GOOD: "circle-check", Role.BAD: "alert-triangle", Role.EXCLUDED: "circle-minus"}
# What a quantile is off by at most, half a bucket, and on average.
QUANTILE_LIMIT = "A percentile is 1 to 2 % off on average, 8.9 % at most where there are few."


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of an explanation; with an address where it opens what it counts."""

    label: str
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What counting again said, as a status and in words."""

    css: str
    icon: str
    text: str


@dataclass(frozen=True, slots=True)
class Opens:
    """A list behind the figure."""

    icon: str
    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was read for one explanation, all of one state of the database."""

    found: Sequence[Tally]
    value: float | None
    budget: Budget | None
    is_censored: bool
    counted: Mapping[str, Recount] | None
    exact: float | None
    waiting: int | None
    silent: Sequence[SilentCell]
    reach: datetime

    def sum(self, role: Role) -> int:
        """How many play this role in all cells together."""
        return sum(one.of(role) for one in self.found)

    @property
    def amount(self) -> int:
        return sum(one.amount for one in self.found)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything the page shows."""

    metric: Metric
    subject: str
    shown: str
    unit: str
    formula: str
    facts: Sequence[Fact]
    check: Check
    note: str
    opens: Sequence[Opens]


def explain(question: Question, scope: Scope, *, sees_items: bool, now: datetime) -> Explanation:
    """The explanation of a figure, and what counting again says."""
    with tallies.one_state():
        numbers = _numbers(question, now)
    metric = question.metric
    dropped = duplicates_dropped() if _sees_all(scope) else None
    links = _Links(question) if sees_items else None
    return Explanation(
        metric,
        question.subject,
        ("≥" if numbers.is_censored else "") + figures.shown(metric.code, numbers.value),
        metric.unit if metric.unit == "%" and numbers.value is not None else "",
        _formula(metric, numbers),
        _facts(question, numbers, dropped, links, now=now),
        _check(metric, numbers),
        _note(question, numbers),
        [_opens(part, numbers, links) for part in metric.parts] if links else [],
    )


def _numbers(question: Question, now: datetime) -> Numbers:
    metric, cells = question.metric, question.cells
    reach = queries.state().reach(now)
    found = tallies.tallies(metric, cells)
    budget = budgets.budget_of(metric, cells, found, now=now) if _is_budget(metric) else None
    is_affordable = tallies.is_affordable(metric, found)
    counted = None
    if is_affordable or metric.is_counted_now:
        counted = {part.code: tallies.recount(part, cells) for part in metric.parts}
    value = _value(metric, cells, found, budget, now)
    if counted and metric.is_counted_now:
        value = counted[metric.parts[0].code].number
    return Numbers(
        found,
        value,
        budget,
        _is_censored(metric, cells, found),
        counted,
        tallies.exact_quantile(metric, cells) if is_affordable and metric.fraction else None,
        _waiting(metric, cells),
        _silent(cells, now) if cells.window.is_live else [],
        reach,
    )


def _is_budget(metric: Metric) -> bool:
    return metric.kind is Kind.BUDGET


def _value(
    metric: Metric, cells: Cells, found: Sequence[Tally], budget: Budget | None, now: datetime
) -> float | None:
    good, bad = (sum(one.of(role) for one in found) for role in (Role.GOOD, Role.BAD))
    match metric.kind:
        case Kind.SHARE:
            return good / (good + bad) if good + bad else None
        case Kind.BUDGET:
            return budget.left if budget else None
        case Kind.MONEY:
            return sum(one.amount for one in found)
        case Kind.AGE:
            first = tallies.oldest(cells)
            return (now - first).total_seconds() if first else None
        case Kind.QUANTILE:
            return _quantile(metric, cells, sum(one.counted for one in found))
        case Kind.COUNT:
            return sum(one.counted for one in found)


def _quantile(metric: Metric, cells: Cells, number: int) -> float | None:
    packed = tallies.histogram_of(metric, cells)
    [found] = histogram.tail_quantiles(packed, number, (metric.fraction,))
    return found


def _is_censored(metric: Metric, cells: Cells, found: Sequence[Tally]) -> bool:
    """Whether so many are late and still open that a percentile is only a lower bound."""
    if not metric.fraction or not found or not cells.window.is_live:
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


def _sees_all(scope: Scope) -> bool:
    return len(scope.ids) == len(scope.catalogue.document.facilities)


def _formula(metric: Metric, numbers: Numbers) -> str:
    """The formula with the numbers filled in."""
    return f"{metric.formula}\n{_filled(metric, numbers)}"


def _filled(metric: Metric, numbers: Numbers) -> str:
    good, bad = numbers.sum(Role.GOOD), numbers.sum(Role.BAD)
    value = figures.shown(metric.code, numbers.value)
    match metric.kind:
        case Kind.SHARE:
            parts = f"{wording.count(good)} / {wording.count(good + bad)}"
            return f"      = {parts} = {value} %" if good + bad else "      = no data: nothing due"
        case Kind.BUDGET:
            if not numbers.budget:
                return "        = no data: nothing due"
            allowed, late = wording.count(numbers.budget.allowed), wording.count(bad)
            return f"        = {allowed} - {late} = {value}"
        case Kind.QUANTILE:
            return f"      = {value}, of {wording.count(numbers.sum(Role.COUNTED))} latencies"
        case Kind.MONEY:
            return f"      = {wording.money(numbers.amount)}"
        case _:
            return f"      = {value}"


def _facts(
    question: Question,
    numbers: Numbers,
    dropped: Dropped | None,
    links: "_Links | None",
    *,
    now: datetime,
) -> list[Fact]:
    metric = question.metric
    facts = [
        Fact("Window", _window_text(question, now)),
        Fact("Counted", metric.attribution),
        *_part_facts(metric, numbers, links),
        Fact("One transaction is", BUSINESS_KEY),
    ]
    if metric.of_role(Role.BAD):
        waiting = numbers.waiting
        text = "too many to count here" if waiting is None else f"{waiting:,}, not counted"
        facts.append(Fact("Open, not yet due", text))
    if metric.not_counted:
        facts.append(Fact("Not counted", metric.not_counted))
    facts += [
        Fact("Duplicates dropped", _dropped_text(dropped, question.zone, now)),
        Fact("Data to", wording.clock_time(numbers.reach, question.zone, now=now)),
        Fact("Feeds behind", _behind(question, numbers)),
    ]
    if metric.fraction:
        facts.append(Fact("How exact", QUANTILE_LIMIT))
    return facts


def _part_facts(metric: Metric, numbers: Numbers, links: "_Links | None") -> list[Fact]:
    """The numerator, the denominator, what was left out."""
    if not metric.of_role(Role.BAD):
        return []
    good, bad, out = (numbers.sum(role) for role in (Role.GOOD, Role.BAD, Role.EXCLUDED))
    excluded = metric.of_role(Role.EXCLUDED)
    address = links.to(excluded) if links and excluded and out else ""
    return [
        Fact("Numerator", f"{wording.count(good)} in time"),
        Fact("Denominator", f"{wording.count(good + bad)} due"),
        Fact("Excluded", wording.count(out), address),
    ]


def _window_text(question: Question, now: datetime) -> str:
    zone = question.zone
    if question.metric.is_standing:
        return f"now, {wording.clock_time(now, zone, now=now)} {now.astimezone(zone):%Z}"
    window = question.cells.window
    start, end = (
        moment.astimezone(zone) for moment in (window.start, now if window.is_live else window.end)
    )
    return f"{_local(start)} to {_local(end)} {end:%Z}"


def _local(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %H:%M}"


def _dropped_text(dropped: Dropped | None, zone: ZoneInfo, now: datetime) -> str:
    """They are counted where they arrive, before anybody knows what they are about."""
    if dropped is None:
        return "known for the whole network only"
    if dropped.since is None:
        return "the journal is empty"
    since = wording.clock_time(dropped.since, zone, now=now)
    return f"{wording.count(dropped.number)} from all sources since {since}"


def _behind(question: Question, numbers: Numbers) -> str:
    names = {line.id: line.short_name for line in question.lines}
    sites = {place.id: place.short_name for place in question.places}
    told = [f"{names[one.workflow_id]} at {sites[one.facility_id]}" for one in numbers.silent[:3]]
    more = len(numbers.silent) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "") or "none"


def _note(question: Question, numbers: Numbers) -> str:
    """How far late data could still move the figure."""
    missing = sum(one.usual for one in numbers.silent)
    if not missing or question.metric.is_standing:
        return ""
    late = f"{len(numbers.silent)} silent: up to {wording.count(missing)} events may still arrive."
    good, due = numbers.sum(Role.GOOD), numbers.sum(Role.GOOD) + numbers.sum(Role.BAD)
    if question.metric.kind is not Kind.SHARE or not due:
        return late
    low, high = good / (due + missing), (good + missing) / (due + missing)
    return f"{late} Range {wording.percent(low)} to {wording.percent(high)} %."


def _check(metric: Metric, numbers: Numbers) -> Check:
    """Whether counting the transactions one by one gives the same."""
    if numbers.counted is None:
        text = "Not recounted here: too many to count while you wait. “verify” recounts all."
        return Check("mute", "clock", text)
    if metric.is_counted_now:
        return Check("ok", "circle-check", "Counted just now; nothing but the transactions has it.")
    total = sum(one.number for one in numbers.counted.values())
    wrong = [part for part in metric.parts if not _agrees(part, metric, numbers)]
    if wrong:
        return Check("bad", "alert-triangle", f"Recounted just now: {total:,}, not the same.")
    exact = f" Exactly {wording.latency(numbers.exact)}." if numbers.exact is not None else ""
    return Check("ok", "circle-check", f"Recounted just now: {total:,}, the same.{exact}")


def _agrees(part: Part, metric: Metric, numbers: Numbers) -> bool:
    assert numbers.counted is not None  # noqa: S101  asked for only where it was counted
    counted = numbers.counted[part.code]
    is_same = part.is_bounded or counted.number == numbers.sum(part.role)
    return is_same and (metric.kind is not Kind.MONEY or counted.amount == numbers.amount)


def _opens(part: Part, numbers: Numbers, links: "_Links") -> Opens:
    known = numbers.counted[part.code].number if numbers.counted else None
    number = known if part.is_bounded else numbers.sum(part.role)
    count = "what is" if number is None else f"the {wording.count(number)}"
    return Opens(ICONS.get(part.role, "list-search"), f"Open {count} {part.name}", links.to(part))


@dataclass(frozen=True, slots=True)
class _Links:
    """Addresses of the lists behind a figure, of the very same time."""

    question: Question

    def to(self, part: Part) -> str:
        path = reverse("dashboard:explained", args=[self.question.metric.code, part.code])
        query = urlencode(self.question.fixed)
        return f"{path}?{query}" if query else path
