"""The charts of the flow page, of the places and the window a reader chose."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse

from apps.core.htmx import etag_of
from apps.dashboard import wording
from apps.dashboard.board import Selection
from apps.dashboard.charts import Chart, Column, Key
from apps.dashboard.charts.figures import latency_lines, local
from apps.dashboard.scope import Scope
from apps.scorecards import queries
from apps.scorecards.kept import Kept
from apps.scorecards.objectives import Targets, targets_at
from apps.scorecards.queries import Scorecards
from apps.scorecards.trends import STEPS, Point, Step, trend
from apps.scorecards.windows import MINUTE, floor, named_window

QUANTILES = ("p50", "p95", "p99")
LATENCY_KEYS = tuple(Key(f"ln l{n}", name) for n, name in enumerate(QUANTILES, start=1))
Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts of one state, and what names them to those who ask again."""

    charts: Sequence[Chart]
    version: str

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

    @property
    def times(self) -> list[str]:
        return local([point.bucket for point in self.points], self.zone)

    def address(self, name: str) -> str:
        return reverse("dashboard:flow-chart", args=[name]) + self.chosen.query

    def when(self, moment: datetime) -> str:
        """A step's begin, with its day where a window has several."""
        shown = moment.astimezone(self.zone)
        if self.step.length >= timedelta(days=1):
            return f"{moment.day} {moment:%b}"
        return f"{shown:%H:%M}" if len(self.points) <= 97 else f"{shown.day} {shown:%b %H:%M}"


# Charts as they were last shown, a few kilobytes each.
_kept: Kept[Charts] = Kept(32)


def flow_charts(scope: Scope, chosen: Selection, *, now: datetime) -> Charts:
    """The charts of this minute; computed only when something they depend on has changed."""
    name: Hashable = (
        (queries.state().name, floor(now, MINUTE), scope.catalogue.version, scope.ids),
        (chosen.window, chosen.places.value),
    )
    if kept := _kept.get(name):
        return kept
    made = _made(scope, chosen, now)
    return _kept.put(name, Charts(made, etag_of(repr(made).encode())))


def _made(scope: Scope, chosen: Selection, now: datetime) -> list[Chart]:
    window, step = named_window(chosen.window, end=None, now=now), STEPS[chosen.window]
    zones = {place.id: place.time_zone for place in chosen.places.facilities}
    lines = [line.id for line in scope.catalogue.document.workflows]
    cards = queries.glance(zones=zones, workflow_ids=lines, window=window)
    points = trend(zones=zones, workflow_ids=lines, window=window, step=step)
    course = Course(points, step, cards, scope.zone, chosen)
    return [latency(course, usual_limit(cards, targets_at(now)))]


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
