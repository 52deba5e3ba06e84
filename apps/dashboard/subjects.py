"""What a scorecard is about and how it is looked at: all that its address says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import LiteralString
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils.safestring import SafeString

from apps.catalog.snapshot import Facility, Workflow
from apps.dashboard import figures
from apps.dashboard.scope import Scope
from apps.scorecards.cards import BY_FACILITY, BY_WORKFLOW
from apps.scorecards.metrics import Clock
from apps.scorecards.tallies import Cells
from apps.scorecards.windows import named_window

PERIODS = {
    "1h": ("1 h", "last hour", 14),
    "24h": ("24 h", "last 24 hours", 14),
    "7d": ("7 d", "last 7 days", 14),
    "28d": ("28 d", "last 28 days", 28),
    "90d": ("90 d", "last 90 days", 90),
}
# What has used up most of its error budget first.
DEFAULT_PERIOD, DEFAULT_SORT = "28d", "-status"
# A cell is entered from the flow of today.
CELL_PERIOD = "24h"


CLOCKS = {Clock.INTEGRATION: "Integration clock", Clock.BUSINESS: "Business clock"}
HEADS = (
    ("name", "", False), ("started", "Started", True), ("attainment", "Within SLA %", True),
    ("", "14 days", False), ("change", "vs prior", True), ("p95", "p95", True),
    ("open", "Backlog", True), ("oldest", "Oldest", True), ("amount", "Waiting, $", True),
    ("status", "Status", False),
)  # fmt: skip

SORTS = tuple(name for name, _, _ in HEADS if name)


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to look at a scorecard."""

    label: str
    name: str
    query: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column; with a query where the table can be sorted by it."""

    label: str
    is_number: bool
    query: str = ""
    sorted: str = ""


@dataclass(frozen=True)
class Subject:
    """What a scorecard is about, and how its reader looks at it: all that its address says."""

    line: Workflow | None
    place: Facility | None
    lines: Sequence[Workflow]
    places: Sequence[Facility]
    key: LiteralString
    period: str
    clock: Clock
    sort: str
    zone: ZoneInfo
    now: datetime

    @property
    def lines_name(self) -> str:
        """What the table has a line for."""
        return "Facilities" if self.key == BY_FACILITY else "Workflows"

    @property
    def crumb(self) -> str:
        """What the page is called in the path."""
        names = [one.short_name for one in (self.line, self.place) if one]
        return " at ".join(names) or "Scorecards"

    @property
    def table_query(self) -> str:
        """The query string under which the table is a file."""
        return f"?{urlencode(self.where)}&{self.query().removeprefix('?')}"

    @property
    def explained(self) -> str:
        """Where the first figure of the page is explained."""
        return self.address(self.metric("attainment"))

    @property
    def choices_of_clock(self) -> list[Choice]:
        """The two clocks of a workflow, never mixed."""
        return [
            Choice(words, words, self.query(clock=clock.value), clock is self.clock)
            for clock, words in CLOCKS.items()
        ]

    @property
    def choices_of_lines(self) -> list[Choice]:
        """Where a page is about everything, what it has lines for."""
        by = {"": "Workflows", "facility": "Facilities"}
        return [
            Choice(words, words, self.query(by=value), words == self.lines_name)
            for value, words in by.items()
        ]

    @property
    def choices_of_period(self) -> list[Choice]:
        return [
            Choice(label, name, self.query(window=value), value == self.period)
            for value, (label, name, _) in PERIODS.items()
            if value != "1h" or (self.line and self.place)
        ]

    @property
    def order(self) -> str:
        """In what order the lines are, in words."""
        by = self.sort.removeprefix("-")
        if by == "status":
            used = "most" if self.sort.startswith("-") else "least"
            return f"{used} of the error budget used up first, too little data last"
        label = next(label for name, label, _ in HEADS if name == by) or "name"
        return f"by {label}, {'falling' if self.sort.startswith('-') else 'rising'}"

    @property
    def heads(self) -> list[Head]:
        """The heads of the table, each a link that sorts by it, the other way where it does."""
        return [self._head(*one) for one in HEADS]

    def _head(self, name: str, label: str, is_number: bool) -> Head:
        label = label or ("Facility" if self.key == BY_FACILITY else "Workflow")
        if not name:
            return Head(label, is_number)
        is_up, is_down = self.sort == name, self.sort == f"-{name}"
        query = self.query(sort=f"-{name}" if is_up else name)
        return Head(
            label, is_number, query, "ascending" if is_up else "descending" if is_down else ""
        )

    @property
    def where(self) -> dict[str, str]:
        """The part of a figure's address that says where."""
        found = {"workflow": self.line.code} if self.line else {}
        return found | ({"facility": self.place.code} if self.place else {})

    @cached_property
    def cells(self) -> Cells:
        window = named_window(self.period, end=None, now=self.now)
        zones = {place.id: place.time_zone for place in self.places}
        return Cells(zones, [line.id for line in self.lines], window)

    def metric(self, name: str) -> str:
        """The code of a figure of the clock that is looked at."""
        return f"business-{name}" if self.clock is Clock.BUSINESS else name

    def figure(self, text: str, code: str, **where: str) -> SafeString:
        counted = figures.counted_in(self.cells.window, {**self.where, **where}, code)
        return figures.figure(text, code, **counted)

    def address(self, code: str, text: str = "") -> str:
        counted = figures.counted_in(self.cells.window, self.where, code)
        return figures.address(code, **counted, seen=figures.seen(text))

    def query(self, **changed: str) -> str:
        """The query string of the same page, looked at in another way."""
        said = {
            "window": self.period, "clock": self.clock.value, "sort": self.sort,
            "by": "facility" if self.key == BY_FACILITY and not (self.line or self.place) else "",
        } | changed  # fmt: skip
        plain = {"window": "", "clock": "integration", "sort": DEFAULT_SORT, "by": ""}
        kept = {name: value for name, value in said.items() if value != plain[name]}
        return f"?{urlencode(kept)}" if kept else ""


def read_subject(
    request: HttpRequest,
    scope: Scope,
    line: Workflow | None,
    place: Facility | None,
    *,
    now: datetime,
) -> Subject:
    """The subject of an address; what cannot be chosen falls back to the default."""
    query = request.GET
    by_facility = bool(line) or (query.get("by") == "facility" and not place)
    default = CELL_PERIOD if line and place else DEFAULT_PERIOD
    clock = query.get("clock", "")
    return Subject(
        line, place,
        [line] if line else scope.catalogue.document.workflows,
        [place] if place else scope.places,
        BY_FACILITY if by_facility else BY_WORKFLOW,
        query["window"] if query.get("window") in PERIODS else default,
        Clock.BUSINESS if clock == Clock.BUSINESS else Clock.INTEGRATION,
        query["sort"] if query.get("sort", "").removeprefix("-") in SORTS else DEFAULT_SORT,
        ZoneInfo(place.time_zone) if place else scope.zone, now,
    )  # fmt: skip
