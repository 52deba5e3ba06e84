"""What the flow page shows below the board: charts over time, the backlog, error budgets."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.urls import reverse

from apps.core.htmx import etag_of
from apps.core.kept import Kept
from apps.dashboard import figures, wording
from apps.dashboard.board import Selection
from apps.dashboard.charts import Chart, Column, Key
from apps.dashboard.charts.figures import band_lines, latency_lines, local
from apps.dashboard.flow.board import address_of, glance
from apps.dashboard.flow.budgets import Backlog, Budgets, backlog, budgets, burns_of
from apps.dashboard.flow.compare import past
from apps.dashboard.scope import Scope
from apps.scorecards import queries
from apps.scorecards.ages import ages
from apps.scorecards.objectives import Targets, targets_at
from apps.scorecards.queries import Scorecards, State
from apps.scorecards.trends import STEPS, Point, Step, trend
from apps.scorecards.usual import Band
from apps.scorecards.windows import HOUR, MINUTE, QUARTER_HOUR, Window, floor, named_window

QUANTILES = ("p50", "p95", "p99")
LATENCY_KEYS = tuple(Key(f"ln l{n}", name) for n, name in enumerate(QUANTILES, start=1))
UNITS = {MINUTE: "minute", QUARTER_HOUR: "15 min", HOUR: "hour", 4 * HOUR: "4 h", 24 * HOUR: "day"}
DOWNLOAD = "dashboard:flow-chart-table"
Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Trends:
    """The lower part of the page in one state."""

    charts: Sequence[Chart]
    backlog: Backlog
    budgets: Budgets
    backlog_explained: str
    budgets_explained: str

    @property
    def version(self) -> str:
        """What names it to those who ask again: all that is shown, and what is drawn from it."""
        drawn = [(one.heading, one.aside, one.summary, one.rows) for one in self.charts]
        below = (repr(self.backlog), repr(self.budgets), self.backlog_explained)
        return etag_of(msgspec.json.encode((drawn, below)))

    def named(self, name: str) -> Chart | None:
        return next((chart for chart in self.charts if chart.name == name), None)


@dataclass(frozen=True, slots=True)
class Course:
    """What the charts are drawn from."""

    points: Sequence[Point]
    step: Step
    cards: Scorecards
    zone: ZoneInfo
    chosen: Selection
    now: datetime

    def is_over(self, moment: datetime) -> bool:
        """Whether the step that begins then has ended."""
        return moment + self.step.length <= self.now

    @property
    def times(self) -> list[str]:
        return local([point.bucket for point in self.points], self.zone)

    @property
    def shared(self) -> str:
        return reverse("dashboard:flow-charts") + self.chosen.query

    def explained(self, code: str) -> str:
        """Where a metric of the window is explained."""
        return figures.address(code, **self.chosen.counted(code, self.now))

    def address(self, name: str) -> str:
        return reverse("dashboard:flow-chart", args=[name]) + self.chosen.query

    def when(self, moment: datetime) -> str:
        """A step's begin, with its day where a window has several."""
        shown = moment.astimezone(self.zone)
        if self.step.length >= timedelta(days=1):
            return f"{moment.day} {moment:%b}"
        return f"{shown:%H:%M}" if len(self.points) <= 97 else f"{shown.day} {shown:%b %H:%M}"


# Trends as they were last shown with their versions, some ten kilobytes each.
_kept: Kept[tuple[Trends, str]] = Kept(32)
# Steps that ended so long ago are of the past.
LIVELY = timedelta(hours=3)
_older: Kept[list[Point]] = Kept(64)


def trends(scope: Scope, chosen: Selection, *, now: datetime) -> tuple[Trends, str]:
    """The trends of this minute and their version; computed only when something has changed."""
    state = queries.state()
    name: Hashable = (
        (state.name, floor(now, MINUTE), scope.catalogue.version, scope.ids),
        (chosen.window, chosen.places.value),
    )
    return _kept.answer(name, lambda: _made(scope, chosen, state, now))


def _made(scope: Scope, chosen: Selection, state: State, now: datetime) -> tuple[Trends, str]:
    places = [place.id for place in chosen.places.facilities]
    lines = [line.id for line in scope.catalogue.document.workflows]
    burns = burns_of(scope, chosen, now=now)
    made = Trends(
        _charts(scope, chosen, state, now),
        backlog(ages(facility_ids=places, workflow_ids=lines), chosen, now=now),
        budgets(burns, scope, address_of(chosen), now=now),
        figures.address("open", **chosen.where),
        figures.address("burning", **chosen.counted("burning", now)),
    )
    return made, made.version


def _charts(scope: Scope, chosen: Selection, state: State, now: datetime) -> list[Chart]:
    window, step = named_window(chosen.window, end=None, now=now), STEPS[chosen.window]
    cards = glance(scope, chosen, state, now=now)
    points = _points(scope, chosen, window, now)
    course = Course(points, step, cards, scope.zone, chosen, now)
    return [
        throughput(course, past(scope, chosen, now=now).bands),
        latency(course, usual_limit(cards, targets_at(now))),
    ]


def _points(scope: Scope, chosen: Selection, window: Window, now: datetime) -> list[Point]:
    """The steps of a window. Those that ended hours ago hardly change: they are read again every
    quarter-hour, and only the others with each new state."""
    step = STEPS[chosen.window]
    start, cut = floor(window.start, step.length), floor(now - LIVELY, step.length)
    choice = (chosen.window, chosen.places.value)
    name = (scope.catalogue.version, scope.ids, choice, cut, floor(now, QUARTER_HOUR))
    past = Window(start, max(start, cut), False)
    older = _older.answer(name, lambda: _read(scope, chosen, past))
    live = _read(scope, chosen, Window(max(start, cut), window.end, window.is_live))
    return [*(point for point in older if point.bucket >= start), *live]


def _read(scope: Scope, chosen: Selection, window: Window) -> list[Point]:
    zones = {place.id: place.time_zone for place in chosen.places.facilities}
    lines = [line.id for line in scope.catalogue.document.workflows]
    return trend(zones=zones, workflow_ids=lines, window=window, step=STEPS[chosen.window])


def throughput(course: Course, bands: Mapping[datetime, Band]) -> Chart:
    """Messages step by step, over what the same hour of the week usually brings."""
    usual = [bands.get(point.bucket) for point in course.points]
    rows = [
        (point.bucket, point.events, *((band.low, band.high) if band else (None, None)))
        for point, band in zip(course.points, usual, strict=True)
    ]
    # The step under way is not over, and would always look like a fall.
    counts = [n if course.is_over(moment) else None for moment, n, *_ in rows]
    times, lows, highs = course.times, [row[2] for row in rows], [row[3] for row in rows]
    return Chart(
        name="throughput",
        heading="Throughput",
        aside=f"messages per {UNITS[course.step.length]}",
        summary=_throughput_in_words(course, usual),
        columns=[
            Column("From", course.when, is_number=False),
            Column("Messages", wording.count),
            Column("Usual from", _rounded),
            Column("to", _rounded),
        ],
        rows=rows,
        drawing=partial(band_lines, times, counts, lows=lows, highs=highs),
        address=course.address("throughput"),
        explained=course.explained("events"),
        download=DOWNLOAD,
        shared=course.shared,
        legend=(Key("l4", "usual"),) if any(usual) else (),
    )


def _rounded(value: float) -> str:
    return wording.count(round(value))


def _throughput_in_words(course: Course, usual: Sequence[Band | None]) -> str:
    # The window's own: its first step began before it.
    total = course.cards.total.events
    if not total:
        return "No messages in this window."
    said = f"{wording.count(total)} messages"
    judged = [
        (point, band)
        for point, band in zip(course.points, usual, strict=True)
        if band and course.is_over(point.bucket)
    ]
    if not judged:
        return f"{said}; no usual yet, which takes two weeks of history."
    under = [point for point, band in judged if point.events < band.low]
    over = [point for point, band in judged if point.events > band.high]
    if not under and not over:
        return f"{said}, within what is usual in each of {len(judged)} steps."
    odd = f"{said}; {len(under)} of {len(judged)} steps under what is usual, {len(over)} over it"
    return f"{odd}, the last from {course.when(max(point.bucket for point in under + over))}."


def usual_limit(cards: Scorecards, targets: Targets) -> timedelta | None:
    """The limit that most of what was due had: work of many workflows has no single one."""
    due: Counter[timedelta] = Counter()
    for key, cell in cards.cells.items():
        if key in targets:
            due[targets[key].length] += cell.due
    return max(due, key=lambda length: due[length], default=None)


def latency(course: Course, limit: timedelta | None) -> Chart:
    """How long work took, step by step, on a log axis: a mean would hide what this shows."""
    quantiles = [point.quantiles(0.99, 0.95, 0.5)[::-1] for point in course.points]
    rows = [(point.bucket, *found) for point, found in zip(course.points, quantiles, strict=True)]
    by_name = dict(zip(QUANTILES, map(list, zip(*quantiles, strict=True)), strict=True))
    milliseconds = limit.total_seconds() * 1000 if limit else None
    return Chart(
        name="latency",
        heading="Latency",
        aside="log scale" + (f", dotted: {wording.duration(limit)}" if limit else ""),
        summary=_latency_in_words(course, rows, limit),
        columns=[
            Column("From", course.when, is_number=False),
            *(Column(name, wording.latency) for name in QUANTILES),
        ],
        rows=rows,
        drawing=partial(latency_lines, course.times, by_name, limit_ms=milliseconds),
        address=course.address("latency"),
        explained=course.explained("p95"),
        download=DOWNLOAD,
        shared=course.shared,
        legend=LATENCY_KEYS,
    )


def _latency_in_words(course: Course, rows: Rows, limit: timedelta | None) -> str:
    p95, p50 = course.cards.total.quantiles(0.95, 0.5)
    if p95 is None:
        return "Nothing was finished in this window."
    worst = max((row for row in rows if row[2] is not None), key=lambda row: row[2])
    said = (
        f"Half took {wording.latency(p50)} or less, 95 of 100 took {wording.latency(p95)} or less;"
        f" worst from {course.when(worst[0])} with a p95 of {wording.latency(worst[2])}"
    )
    return f"{said}. Most of what was due had {wording.duration(limit)}." if limit else f"{said}."
