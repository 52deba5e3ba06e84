"""Which figure is asked about: its cells and its time, as an address says them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, QueryDict

from apps.catalog.snapshot import SITES, Facility, Snapshot, Workflow
from apps.dashboard.figures import between, moment, seen
from apps.dashboard.scope import Scope
from apps.scorecards.metrics import METRICS, Metric
from apps.scorecards.parameters import BadParameter, read_window
from apps.scorecards.tallies import Cells


@dataclass(frozen=True, slots=True)
class Question:
    """Which figure, of which cells and when; understood, and within the reader's scope."""

    metric: Metric
    lines: Sequence[Workflow]
    places: Sequence[Facility]
    cells: Cells
    where: Mapping[str, str]
    zone: ZoneInfo
    catalogue: Snapshot
    # The facilities the reader may see at all.
    reach: frozenset[int]
    # What the page showed from which this was asked.
    seen: str = ""

    @property
    def subject(self) -> str:
        """Of what and where: `Charge posting at Tamarack Ferry`."""
        line = self.lines[0].name if self.where.get("workflow") else "All workflows"
        if self.where.get("facility"):
            return f"{line} at {self.places[0].name}"
        number = sum(place.kind in SITES for place in self.places)
        return f"{line} at {number} facilities"

    @property
    def period(self) -> str:
        """The time it is about."""
        if self.metric.is_standing:
            return "now"
        return f"{moment(self.cells.window.start)} to {moment(self.cells.window.end)}"

    @property
    def fixed(self) -> Mapping[str, str]:
        """The same question about the same time, whenever it is asked again."""
        if self.metric.is_standing:
            return self.where
        return self.at(self.cells)

    def at(self, cells: Cells) -> Mapping[str, str]:
        """Where these cells are asked about, in the time they say."""
        return {**self.where, **between(cells.window.start, cells.window.end)}


def read_question(request: HttpRequest, scope: Scope, metric: str, *, now: datetime) -> Question:
    """The question in an address. Elsewhere and nowhere are the same 404."""
    known = METRICS.get(metric)
    if known is None:
        raise Http404
    query = request.GET
    lines, places = _lines(scope, query.get("workflow")), _places(scope, request)
    window = read_window(query, now)
    cells = Cells(
        {place.id: place.time_zone for place in places}, [line.id for line in lines], window
    )
    where = {name: query[name] for name in ("workflow", "facility", "places") if query.get(name)}
    zone = ZoneInfo(places[0].time_zone) if len(places) == 1 else scope.zone
    return Question(
        known,
        lines,
        places,
        cells,
        where,
        zone,
        scope.catalogue,
        frozenset(scope.ids),
        _seen(query),
    )


def _seen(query: QueryDict) -> str:
    """The number that a page showed; text that is none would be repeated to the reader."""
    text = query.get("seen", "")
    if text != seen(text):
        raise BadParameter("seen", "The number that a page showed, for example 1234 or 98.2.")
    return text


def _lines(scope: Scope, code: str | None) -> Sequence[Workflow]:
    if not code:
        return scope.catalogue.document.workflows
    if code not in scope.catalogue.workflows:
        raise Http404
    return [scope.catalogue.workflows[code]]


def _places(scope: Scope, request: HttpRequest) -> Sequence[Facility]:
    """One place by itself, or a choice of places as on the page of the flow."""
    code = request.GET.get("facility")
    if not code:
        return scope.choice(request.GET.get("places", "")).facilities
    place = scope.catalogue.facilities.get(code)
    if place is None or place.id not in scope.ids:
        raise Http404
    return [place]
