"""A scorecard: how well a promise is kept, by one workflow, at one facility, or by all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import compress
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.dashboard import figures, promised, scorecard_charts, wording
from apps.dashboard.charts import Chart
from apps.dashboard.heat import Tone, tone_of
from apps.dashboard.promised import Sentence
from apps.dashboard.scorecard_lines import Row, age_of, lines
from apps.dashboard.subjects import PERIODS, Subject
from apps.dashboard.tiles import Tile
from apps.scorecards import budgets, cards, tallies
from apps.scorecards.budgets import Budget
from apps.scorecards.cards import Age, Card, Day, Prior
from apps.scorecards.metrics import METRICS
from apps.scorecards.parts import AGES

QUANTILES = (0.99, 0.95, 0.5)
# From which age on each step of the backlog is, and its colour once that is beyond the limit.
SINCE = (0, 4, 24, 3 * 24, 7 * 24)
FILLS = ("f-mute", "f-warn", "f-warn", "f-bad", "f-bad")


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
        lines(subject, found.now, found.before, found.days),
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
    age = age_of(whole, subject.now)
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
