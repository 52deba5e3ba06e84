"""Figures that count feeds or budgets and not transactions: each of them, named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.safestring import SafeString

from apps.catalog.snapshot import Facility, Workflow
from apps.core.markup import markup
from apps.dashboard import figures, wording
from apps.dashboard.figures import between
from apps.dashboard.questions import Question
from apps.scorecards import burn, queries
from apps.scorecards.burn import Burn, Level
from apps.scorecards.queries import SilentCell
from apps.scorecards.windows import HOUR, MINUTE, QUARTER_HOUR, ceil, floor

WEEK = timedelta(days=7)
EMPTY = SafeString()
LEVELS = {Level.TICKET: "Ticket", Level.PAGE: "Page"}


@dataclass(frozen=True, slots=True)
class NamedCell:
    """A workflow at a facility, and what is told of it; figures lead to their explanations."""

    line: str
    site: str
    address: str
    told: Sequence[str | SafeString]


@dataclass(frozen=True, slots=True)
class NamedCells:
    """All that a figure counts, of how many."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[NamedCell]
    of: int


def named(question: Question, *, now: datetime) -> NamedCells:
    """What a figure of this kind counts."""
    return {"silent": silent, "burning": burning}[question.metric.code](question, now)


def silent(question: Question, now: datetime) -> NamedCells:
    """Feeds that are quiet in an hour that is usually busy, the busiest first."""
    zones = dict(question.cells.zones)
    lines = [line.id for line in question.lines]
    found = queries.silent_cells(facility_ids=list(zones), since=now - HOUR, now=now)
    known = [one for one in found if one.workflow_id in lines]
    used = queries.glance(zones=zones, workflow_ids=lines, window=question.cells.window).cells
    rows = [_silent(question, one, now) for one in sorted(known, key=lambda one: -one.usual)]
    return NamedCells("Silent feeds", ("Last heard", "Usual"), rows, len(used))


def burning(question: Question, now: datetime) -> NamedCells:
    """Budgets that page somebody or open a ticket, the most urgent first."""
    found = burn.burns(
        facility_ids=frozenset(question.cells.zones), now=now, version=question.catalogue.version
    )
    lines = {line.id for line in question.lines}
    held = [one for one in found if one.workflow_id in lines]
    rows = [_burning(question, one, now) for one in held if one.level in LEVELS]
    return NamedCells("Burning budgets", ("Alert", "1 h", "6 h", "28 d %"), rows, len(held))


def _silent(question: Question, of: SilentCell, now: datetime) -> NamedCell:
    heard = f"{wording.duration(now - of.heard_at)} ago" if of.heard_at else "over a day ago"
    since = floor(now - HOUR, QUARTER_HOUR) - WEEK
    where = _where(question, of) | between(since, floor(now, QUARTER_HOUR) - WEEK)
    usual = figures.figure(wording.count(of.usual), "events", **where)
    return _cell(question, of, (heard, usual))


def _burning(question: Question, of: Burn, now: datetime) -> NamedCell:
    line, place = _line(question, of), _place(question, of)
    hour, six_hours, budget = figures_of(of, line, place, now=now)
    alert = markup("{} {}", LEVELS[of.level], decided_of(of, line, place, now=now))
    return _cell(question, of, (alert, hour, six_hours, budget))


def decided_of(of: Burn, line: Workflow, place: Facility, *, now: datetime) -> SafeString:
    """By which windows an alert was told: often others than the two that are always shown."""
    where = {"workflow": line.code, "facility": place.code}
    told = [
        markup(
            "{} {}",
            wording.duration(one.length),
            figures.figure(
                figures.shown("burn", one.rate),
                "burn",
                **where,
                **between(one.since, ceil(now, MINUTE)),
            ),
        )
        for one in of.decided
    ]
    return markup('<small class="sub">{}</small>', SafeString(", ".join(told))) if told else EMPTY


def figures_of(
    of: Burn, line: Workflow, place: Facility, *, now: datetime
) -> tuple[SafeString, SafeString, SafeString]:
    """How fast a budget burned in an hour and in six, and the share in time it is about."""
    where = {"workflow": line.code, "facility": place.code}
    budget, hour, six_hours = (
        where | between(since, ceil(now, MINUTE)) for since in burn.shown_since(now)
    )
    return (
        figures.figure(figures.shown("burn", of.hour), "burn", **hour),
        figures.figure(figures.shown("burn", of.six_hours), "burn", **six_hours),
        figures.figure(figures.shown("attainment", of.budget.share), "attainment", **budget),
    )


def _cell(question: Question, of: SilentCell | Burn, told: Sequence[str | SafeString]) -> NamedCell:
    line, place = _line(question, of), _place(question, of)
    address = reverse("dashboard:cell", args=[line.code, place.code])
    return NamedCell(line.short_name, place.short_name, address, told)


def _where(question: Question, of: SilentCell | Burn) -> dict[str, str]:
    return {"workflow": _line(question, of).code, "facility": _place(question, of).code}


def _line(question: Question, of: SilentCell | Burn) -> Workflow:
    return question.catalogue.workflows_by_id[of.workflow_id]


def _place(question: Question, of: SilentCell | Burn) -> Facility:
    return question.catalogue.facilities_by_id[of.facility_id]
