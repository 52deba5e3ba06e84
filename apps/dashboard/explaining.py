"""How a figure is computed, as one reader may know it: the same page for every figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from apps.dashboard import figures, readings, wording
from apps.dashboard.feeds import NamedCells
from apps.dashboard.questions import Question
from apps.dashboard.readings import Before, Numbers
from apps.dashboard.scope import Scope
from apps.scorecards import histogram, tallies
from apps.scorecards.ages import Ages
from apps.scorecards.metrics import BUSINESS_KEY, MESSAGE_KEY, METRICS, Kind, Metric
from apps.scorecards.parts import AGES, Part, Role
from apps.telemetry.queries import Dropped, duplicates_dropped

ICONS = {Role.GOOD: "circle-check", Role.BAD: "alert-triangle", Role.EXCLUDED: "circle-minus"}
UNITS = {"%": "%", "points": "points"}
# What a change is the change of.
CHANGE_OF = {"change": "attainment", "business-change": "business-attainment"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of an explanation; with an address where it opens what it counts, or is explained."""

    label: str
    text: str
    address: str = ""
    is_explained: bool = False


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
class Explanation:
    """Everything the page shows."""

    metric: Metric
    subject: str
    value: float | None
    shown: str
    unit: str
    counted: str
    formula: str
    facts: Sequence[Fact]
    check: Check
    note: str
    opens: Sequence[Opens]
    named: NamedCells | None


def explain(question: Question, scope: Scope, *, sees_items: bool, now: datetime) -> Explanation:
    """The explanation of a figure, and what counting again says."""
    with tallies.one_state():
        numbers = readings.read(question, now=now)
    metric = question.metric
    dropped = duplicates_dropped() if scope.is_everything else None
    links = _Links(question) if sees_items else None
    return Explanation(
        metric,
        question.subject,
        numbers.value,
        ("≥" if numbers.is_censored else "") + figures.shown(metric.code, numbers.value),
        UNITS.get(metric.unit, "") if numbers.value is not None else "",
        _counted(question, figures.shown(metric.code, numbers.value), now),
        _formula(metric, numbers),
        _facts(question, numbers, dropped, links, now=now),
        _check(metric, numbers),
        _note(question, numbers),
        [_opens(part, numbers, links) for part in metric.parts] if links else [],
        numbers.named,
    )


def _counted(question: Question, shown: str, now: datetime) -> str:
    """Of what time the figure is, and what has become of the one that the page showed."""
    at = wording.clock_time(now, question.zone, now=now)
    if question.metric.is_standing:
        said = f"Counted as of {at}: what is so now has no past to count."
    else:
        said = f"Counted at {at}, with all that had arrived of this window by then."
    return f"{said} {since_then(question.seen, figures.seen(shown))}".strip()


def since_then(seen: str, now: str) -> str:
    """What a page showed, where that is something else by now: `412 on the page, 3 more since.`"""
    if not seen or not now or seen == now:
        return ""
    if "." in seen + now:
        return f"The page showed {seen}."
    more = int(now) - int(seen)
    change = f"{wording.count(abs(more))} {'more' if more > 0 else 'fewer'}"
    return f"The page showed {wording.count(int(seen))}: {change} since."


def _formula(metric: Metric, numbers: Numbers) -> str:
    """The formula with the numbers filled in, below its last line."""
    margin = " " * metric.formula.rpartition("\n")[2].index("=")
    return f"{metric.formula}\n{margin}= {_filled(metric, numbers)}"


def _filled(metric: Metric, numbers: Numbers) -> str:
    value = figures.shown(metric.code, numbers.value)
    match metric.kind:
        case Kind.SHARE | Kind.BUDGET | Kind.RATE | Kind.CHANGE:
            return _judged(metric, numbers, value)
        case Kind.QUANTILE:
            return f"{value}, of {wording.count(numbers.sum(Role.COUNTED))} latencies"
        case Kind.MONEY:
            return wording.money(int(numbers.value or 0))
        case _:
            return value


def _judged(metric: Metric, numbers: Numbers, value: str) -> str:
    """What was made of in time and late."""
    bad, due = numbers.sum(Role.BAD), numbers.due
    if numbers.value is None:
        return "no data: nothing due" if not due else "no data: too little was due"
    if metric.kind is Kind.BUDGET and numbers.budget:
        return f"{wording.count(numbers.budget.allowed)} - {wording.count(bad)} = {value}"
    if metric.kind is Kind.CHANGE and numbers.before and numbers.before.value is not None:
        now = wording.percent((due - bad) / due)
        return f"{now} % - {wording.percent(numbers.before.value)} % = {value}"
    if metric.kind is Kind.RATE:
        allowed = wording.brief(bad / numbers.value) if numbers.value else "what is allowed"
        return f"{wording.count(bad)} / {allowed} = {value}"
    return f"{wording.count(due - bad)} / {wording.count(due)} = {value} %"


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
        *_key_facts(metric),
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
    if metric.fraction and numbers.value is not None:
        facts.append(Fact("How exact", _exactness(numbers.value)))
    if numbers.before:
        facts.append(_before_fact(question, numbers.before))
    if numbers.photographed:
        facts.append(Fact("On the flow page", _photograph(metric, numbers.photographed, question)))
    return facts


def _key_facts(metric: Metric) -> list[Fact]:
    """What makes two the same."""
    if metric.kind is Kind.CELLS:
        return []
    if metric.is_of_messages:
        return [Fact("One message is", MESSAGE_KEY)]
    return [Fact("One transaction is", BUSINESS_KEY)]


def _exactness(milliseconds: float) -> str:
    """Between which two latencies the exact percentile lies: those of its bucket."""
    low, high = (wording.latency(edge) for edge in histogram.bucket_of(milliseconds))
    return f"the exact one lies between {low} and {high}; 1 to 2 % off on average"


def _before_fact(question: Question, before: Before) -> Fact:
    """The window before, which opens the same explanation of that time."""
    code = CHANGE_OF.get(question.metric.code, question.metric.code)
    address = figures.address(code, **question.at(before.cells))
    unit = " %" if METRICS[code].kind is Kind.SHARE else ""
    text = f"{figures.shown(code, before.value)}{unit}, of {wording.count(before.due)}"
    text = "no data" if before.value is None else text
    return Fact("Window before", text, address, is_explained=True)


def _photograph(metric: Metric, of: Ages, question: Question) -> str:
    """What the flow page shows of a backlog that is counted anew here."""
    place = next(n for n, part in enumerate(AGES) if part is metric.parts[0])
    number = of.amounts[place] or 0 if metric.kind is Kind.MONEY else of.counts[place]
    assert of.taken_at is not None  # noqa: S101  it is fresh
    at = of.taken_at.astimezone(question.zone)
    return f"{figures.shown(metric.code, number)}, photographed at {at:%H:%M}"


def _part_facts(metric: Metric, numbers: Numbers, links: "_Links | None") -> list[Fact]:
    """The numerator, the denominator, what was left out."""
    if numbers.named:
        return [
            Fact("Numerator", wording.count(len(numbers.named.rows))),
            Fact("Denominator", f"{wording.count(numbers.named.of)} {metric.unit}"),
        ]
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
    if numbers.kept_since:
        day = wording.clock_time(numbers.kept_since, question.zone, now=numbers.reach)
        return f"Single messages are kept since {day}: the list begins there."
    missing = sum(one.usual for one in numbers.silent)
    if not missing or question.metric.is_standing:
        return ""
    late = f"{len(numbers.silent)} silent: up to {wording.count(missing)} events may still arrive."
    good, due = numbers.sum(Role.GOOD), numbers.due
    if question.metric.kind is not Kind.SHARE or not due:
        return late
    low, high = good / (due + missing), (good + missing) / (due + missing)
    return f"{late} Range {wording.percent(low)} to {wording.percent(high)} %."


def _check(metric: Metric, numbers: Numbers) -> Check:
    """Whether counting one by one gives the same."""
    if numbers.named:
        return Check("ok", "circle-check", "Each is named below, and its figures open in turn.")
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
