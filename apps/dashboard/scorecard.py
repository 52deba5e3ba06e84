"""A scorecard: how well a promise is kept, by one workflow, at one facility, or by all."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from math import inf
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.catalog.snapshot import Facility, Workflow
from apps.core.addresses import address
from apps.core.markup import markup
from apps.dashboard import figures, glyphs, promised, scorecard_charts, wording
from apps.dashboard.charts import Chart
from apps.dashboard.heat import ENOUGH, Tone, tone_of
from apps.dashboard.icons import status
from apps.dashboard.promised import Sentence
from apps.dashboard.scope import columns
from apps.dashboard.subjects import DEFAULT_SORT, PERIODS, Subject
from apps.dashboard.tiles import Tile
from apps.scorecards import budgets, cards, tallies
from apps.scorecards.budgets import Budget
from apps.scorecards.cards import BY_WORKFLOW, Age, Card, Day, Prior
from apps.scorecards.metrics import METRICS
from apps.scorecards.parts import AGES
from apps.scorecards.tallies import Cells

SPARK_DAYS = 14
TREND = "Attainment of 14 days, percent"
QUANTILES = (0.99, 0.95, 0.5)
# From which age on each step of the backlog is, and its colour once that is beyond the limit.
SINCE = (0, 4, 24, 3 * 24, 7 * 24)
FILLS = ("f-mute", "f-warn", "f-warn", "f-bad", "f-bad")


# A line of the table: a loop in a template takes longer than reading what it shows.
LINE = (
    '<tr><th scope="row"><a href="{}">{}</a></th><td class="num">{}</td><td class="num {}">{}</td>'
    '<td>{}</td><td class="num">{}</td><td class="num">{}</td><td class="num">{}</td>'
    '<td class="num">{}</td><td class="num">{}</td><td>{}</td></tr>'
)
EMPHASIS = {"q4": "bad", "few": "dim"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, written out; `values` are what the table is sorted by."""

    name: str
    markup: SafeString
    tone: Tone
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the backlog's age: items to the left, dollars to the right."""

    label: str
    number: SafeString
    items: int
    dollars: SafeString
    amount: int
    fill: str


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The backlog by age, the oldest on top."""

    steps: Sequence[Step]
    most_items: int
    most_amount: int
    limit: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Everything a scorecard shows."""

    tiles: Sequence[Tile]
    promised: Sentence
    charts: Sequence[Chart]
    pyramid: Pyramid
    rows: Sequence[Row]
    tone: Tone
    objective: float | None
    facts: Sequence[tuple[str, SafeString]]


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read for one scorecard, all of one state of the database."""

    now: Mapping[int | None, Card]
    before: Mapping[int | None, Prior]
    days: Sequence[Day]
    ages: Sequence[Age]
    budgets: Mapping[int, Budget]


def scorecard(subject: Subject) -> Scorecard:
    """The scorecard of a subject."""
    with tallies.one_state():
        found = _read(subject)
    cells = subject.cells
    line = subject.line.id if subject.line else None
    said = promised.sentence(line, cells, subject.clock, subject.zone, now=subject.now)
    whole = found.now[None]
    return Scorecard(
        _tiles(subject, found, said),
        said,
        charts(subject, found.days, whole, said),
        _pyramid(found.ages, subject, said, whole.overdue),
        _sorted(_rows(subject, found), subject.sort),
        tone_of(whole.due, whole.bad, said.objective),
        said.objective,
        _facts(subject, whole),
    )


def _facts(subject: Subject, whole: Card) -> list[tuple[str, SafeString]]:
    """The figures that need no tile."""
    overdue = subject.metric("overdue")
    found = {
        "started": ("Started", whole.started),
        overdue: ("Overdue", whole.overdue),
        "amount-at-risk": ("Dollars at risk", whole.amount_at_risk),
        "retried": ("Retries", whole.retried),
        "manual-touches": ("Done by hand", whole.manual_touches),
    }
    return [
        (label, subject.figure(figures.shown(code, value), code))
        for code, (label, value) in found.items()
    ]


def _read(subject: Subject) -> _Read:
    cells, clock = subject.cells, subject.clock
    number = PERIODS[subject.period][2]
    metric = METRICS[subject.metric("budget")]
    return _Read(
        cards.cards(cells, clock, subject.key),
        cards.prior(tallies.before(cells, now=subject.now), clock, subject.key),
        cards.days(cells, clock, subject.key, number=number, now=subject.now),
        cards.ages(cells),
        budgets.budgets(metric, cells, tallies.tallies(metric, cells), now=subject.now),
    )


def charts(subject: Subject, days: Sequence[Day], whole: Card, said: Sentence) -> list[Chart]:
    """The charts of a scorecard, each with an address of its own."""
    said_of = subject.where | {"window": subject.period, "clock": subject.clock.value}
    address = f"{reverse('dashboard:scorecard-chart')}?{urlencode(said_of)}"
    return [
        scorecard_charts.attainment(
            days, said, address, subject.address(subject.metric("attainment"))
        ),
        scorecard_charts.spread(whole, said, address, subject.address(subject.metric("p95"))),
    ]


def charts_of(subject: Subject) -> list[Chart]:
    """The charts alone, for who asks for one."""
    with tallies.one_state():
        cells, clock = subject.cells, subject.clock
        whole = cards.cards(cells, clock, subject.key)[None]
        number = PERIODS[subject.period][2]
        days = cards.days(cells, clock, subject.key, number=number, now=subject.now)
    line = subject.line.id if subject.line else None
    said = promised.sentence(line, cells, clock, subject.zone, now=subject.now)
    return charts(subject, days, whole, said)


def _tiles(subject: Subject, found: _Read, said: Sentence) -> list[Tile]:
    whole, before = found.now[None], found.before[None]
    quantiles = zip(("p99", "p95", "p50"), whole.quantiles(*QUANTILES),
                    before.quantiles(*QUANTILES), QUANTILES, strict=True)  # fmt: skip
    return [
        _share_tile(subject, whole, said),
        _budget_tile(subject, found),
        *reversed([_quantile_tile(subject, whole, *one) for one in quantiles]),
        _open_tile(subject, whole),
    ]


def _tile(subject: Subject, code: str, label: str, value: float | None, **more: Any) -> Tile:
    text, _, unit = figures.shown(code, value).partition(wording.NARROW)
    return Tile(
        label, more.pop("mark", "") + text, more.pop("unit", unit),
        address=subject.address(code, text), metric=code, **more,
    )  # fmt: skip


def _share_tile(subject: Subject, whole: Card, said: Sentence) -> Tile:
    target = f"; target {wording.objective(said.objective)}" if said.objective else ""
    foot = f"{wording.count(whole.good)} of {wording.count(whole.due)}" if whole.due else ""
    is_missed = bool(said.objective and whole.due and whole.good < said.objective * whole.due)
    return _tile(
        subject, subject.metric("attainment"), f"Within SLA, {PERIODS[subject.period][0]}",
        whole.attainment, unit="%" if whole.due else "", foot=(foot or "nothing was due") + target,
        icon="alert-triangle" if is_missed else "",
    )  # fmt: skip


def _budget_tile(subject: Subject, found: _Read) -> Tile:
    each = found.budgets.values()
    allowed, late = sum(one.allowed for one in each), sum(one.late for one in each)
    gone = scorecard_charts.gone_since(found.days, allowed, late) if late > allowed else None
    foot = f"{wording.count(late)} late" + (f", gone since {gone.day} {gone:%b}" if gone else "")
    return _tile(
        subject, subject.metric("budget"), "Error budget left", allowed - late if each else None,
        unit=f"of {wording.count(allowed)}" if each else "",
        foot=foot if each else "nothing was due",
    )  # fmt: skip


def _quantile_tile(
    subject: Subject, whole: Card, code: str, value: float | None, was: float | None, at: float
) -> Tile:
    foot = f"was {wording.latency(was)}" if was is not None else "no data before"
    mark = "≥" if value is not None and whole.is_censored(at) else ""
    return _tile(subject, subject.metric(code), code, value, foot=foot, mark=mark)


def _open_tile(subject: Subject, whole: Card) -> Tile:
    amount = subject.figure(wording.brief_money(whole.amount_open), "amount-open")
    age = _age(whole, subject.now)
    foot = amount if age is None else format_html(
        "{}, oldest {}", amount, subject.figure(figures.shown("oldest", age), "oldest")
    )  # fmt: skip
    return _tile(subject, "open", "Backlog", whole.open, foot=foot)


def _pyramid(found: Sequence[Age], subject: Subject, said: Sentence, overdue: int) -> Pyramid:
    by_step = {one.step: one for one in found}
    numbers = [by_step[step].number if step in by_step else 0 for step in range(len(AGES))]
    fills = _fills(numbers, said.limit, overdue)
    steps = []
    for number, part in enumerate(AGES):
        of = by_step.get(number, Age(number, 0, 0))
        text = wording.count(of.number)
        steps.append(
            Step(
                part.name.removeprefix("open "),
                subject.figure(text, part.code),
                of.number,
                subject.figure(wording.brief_money(of.amount), f"amount-{part.code}"),
                of.amount,
                fills[number],
            )
        )
    limit = wording.duration(said.limit) if said.limit else ""
    most = max((one.amount for one in steps), default=0), max(one.items for one in steps)
    return Pyramid(steps[::-1], most[1], most[0], limit)


def _fills(numbers: Sequence[int], limit: timedelta | None, overdue: int) -> list[str]:
    """Colour says late: an age beyond the limit. Where a clock stops before the work ends, most of
    what is older is in time and waits for something else, so then all of it stays grey."""
    beyond = [limit is not None and timedelta(hours=since) >= limit for since in SINCE]
    are_late = sum(compress(numbers, beyond)) <= overdue
    return [
        css if are_late and is_beyond else "f-mute"
        for css, is_beyond in zip(FILLS, beyond, strict=True)
    ]


def _rows(subject: Subject, found: _Read) -> list[Row]:
    trends = _trends(subject, found.days)
    return [
        _row(subject, key, name, address, found, trends.get(key, []))
        for key, name, address in _lines(subject, found)
    ]


def _lines(subject: Subject, found: _Read) -> list[tuple[int, str, str]]:
    """What the table has a line for: what was ever used, and every active site."""
    query = subject.query(sort=DEFAULT_SORT, by="")
    if subject.key == BY_WORKFLOW:
        return [
            (one.id, one.name, _address_of(subject, one, subject.place) + query)
            for one in subject.lines if one.id in found.now
        ]  # fmt: skip
    used = {key for key in found.now if key is not None}
    return [
        (one.id, one.name, _address_of(subject, subject.line, one) + query)
        for one in columns(subject.places, used)
    ]


def _address_of(subject: Subject, line: Workflow | None, place: Facility | None) -> str:
    if line and place:
        return address("dashboard:cell", line.code, place.code)
    if line:
        return address("dashboard:scorecard", line.code)
    assert place is not None  # noqa: S101  a line is of a workflow or a place
    return address("dashboard:facility-scorecard", place.code)


def _row(
    subject: Subject, key: int, name: str, address: str, found: _Read, trend: Sequence[float | None]
) -> Row:
    card = found.now.get(key) or NOTHING
    before = found.before.get(key)
    where = _code_of(subject, key)
    objective = _objective(subject, key)
    [p95] = card.quantiles(0.95)
    mark = "≥" if p95 is not None and card.is_censored(0.95) else ""
    change = _change(card, before)
    tone = tone_of(card.due, card.bad, objective)

    def figure(code: str, value: float | None, mark: str = "") -> SafeString:
        return subject.figure(mark + figures.shown(code, value), code, **where)

    line = markup(
        LINE, address, name, figure("started", card.started),
        EMPHASIS.get(tone.css, ""), figure(subject.metric("attainment"), card.attainment),
        glyphs.spark(trend, 100 * objective if objective else None, label=TREND),
        figure(subject.metric("change"), change), figure(subject.metric("p95"), p95, mark),
        figure("open", card.open), figure("oldest", _age(card, subject.now)),
        figure("amount-open", card.amount_open), status(tone.status),
    )  # fmt: skip
    return Row(
        name, line, tone,
        {
            "name": name, "started": card.started, "attainment": card.attainment,
            "change": change, "p95": p95, "open": card.open,
            "oldest": -card.oldest if card.oldest else None, "amount": card.amount_open,
            "status": _used(card, objective),
            "due": card.due, "latencies": card.latencies,
        },
    )  # fmt: skip


def _used(card: Card, objective: float | None) -> float | None:
    """How much of its error budget a line has used up: 80 % hurt where 95 are promised, and are
    nothing where 70 are. None where too little was due to say."""
    if card.due < ENOUGH or objective is None:
        return None
    allowed = (1 - objective) * card.due
    return card.bad / allowed if allowed > 0 else inf if card.bad else 0.0


def _age(card: Card, now: datetime) -> float | None:
    """For how many seconds the oldest has been open."""
    return (now - card.oldest_at).total_seconds() if card.oldest_at else None


def _code_of(subject: Subject, key: int) -> dict[str, str]:
    if subject.key == BY_WORKFLOW:
        return {"workflow": next(one.code for one in subject.lines if one.id == key)}
    return {"facility": next(one.code for one in subject.places if one.id == key)}


def _objective(subject: Subject, key: int) -> float | None:
    """The objective of a line: its own, or what most of its cells have."""
    cells = subject.cells
    own = (
        Cells(cells.zones, [key], cells.window)
        if subject.key == BY_WORKFLOW
        else Cells({key: cells.zones[key]}, cells.workflow_ids, cells.window)
    )
    return promised.objective(own, subject.clock, now=subject.now)


def _change(card: Card, before: Prior | None) -> float | None:
    """Percentage points since the window before; where one of them is small there is none."""
    if before is None or card.due < ENOUGH or before.due < ENOUGH:
        return None
    return 100 * (card.good / card.due - before.good / before.due)


def _trends(subject: Subject, found: Sequence[Day]) -> Mapping[int, Sequence[float | None]]:
    """Attainment of the last 14 days of every line; a day without due work is a gap."""
    by_line: dict[int, dict[object, float]] = defaultdict(dict)
    for one in found:
        if one.good + one.bad:
            by_line[one.key][one.day] = 100 * one.good / (one.good + one.bad)
    last = max((one.day for one in found), default=subject.now.date())
    days = [last - timedelta(days=back) for back in range(SPARK_DAYS - 1, -1, -1)]
    return {key: [shares.get(day) for day in days] for key, shares in by_line.items()}


NOTHING = Card(None, 0, 0, 0, 0, 0, "0", 0, 0, 0, 0, 0, 0, None)


def _sorted(rows: Sequence[Row], sort: str) -> list[Row]:
    """By a column, ascending or with a minus descending; what has no value comes last, and so does
    a share of too little. Among equals, the dollars that wait decide, then the name."""
    by = sort.removeprefix("-")
    ordered = sorted(rows, key=lambda row: (-row.values["amount"], row.name))
    known = [row for row in ordered if _is_known(row, by)]
    rest = [row for row in ordered if not _is_known(row, by)]
    return sorted(known, key=lambda row: row.values[by] or 0, reverse=sort.startswith("-")) + rest


def _is_known(row: Row, by: str) -> bool:
    return row.values[by] is not None and (by != "attainment" or row.values["due"] >= ENOUGH)
