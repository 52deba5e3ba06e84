"""Cells of the lists of cases, which a page has hundreds of."""

from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from django import template
from django.utils.safestring import SafeString

from apps.catalog.models import ErrorClass
from apps.core.addresses import address
from apps.core.markup import markup
from apps.dashboard import icons, wording
from apps.dashboard.icons import icon
from apps.dashboard.looks import Status
from apps.dashboard.templatetags.throughline import severity
from apps.triage import bulk_words
from apps.triage.lines import Clock, Line
from apps.triage.models import BulkItem, BulkOperation
from apps.triage.seen_storms import Line as StormLine

register = template.Library()

CLOCK = (
    '<span class="clock {}" title="{}"><span><b>{}</b><span>{}</span></span>'
    '<svg aria-hidden="true"><rect width="{}%" height="100%"/></svg></span>'
)
OWNER = '<span class="own"><span class="avatar" aria-hidden="true">{}</span>{}</span>'
STATES = {
    one.name.removeprefix("CASE_").lower(): one for one in Status if one.name.startswith("CASE_")
} | {"ongoing": Status.OPEN, "pending": Status.PENDING, "resolved": Status.RESOLVED}

BULK_STATES = {
    BulkOperation.State.PREVIEWED: Status.NOT_STARTED,
    BulkOperation.State.CREATED: Status.WAITING,
    BulkOperation.State.ACTIVE: Status.IN_FLIGHT,
    BulkOperation.State.SUSPENDED: Status.SWITCHED_OFF,
    BulkOperation.State.COMPLETED: Status.OK,
    BulkOperation.State.PARTIALLY_COMPLETED: Status.BEHIND,
    BulkOperation.State.FAILED: Status.BROKEN,
    BulkOperation.State.CANCELLED: Status.CANCELLED,
    BulkOperation.State.UNDOING: Status.IN_FLIGHT,
    BulkOperation.State.UNDONE: Status.CASE_RETURNED,
}
ITEM_STATES = {
    BulkItem.State.ACTIVE: Status.WAITING,
    BulkItem.State.COMPLETED: Status.OK,
    BulkItem.State.SKIPPED: Status.CANCELLED,
    BulkItem.State.FAILED: Status.BROKEN,
    BulkItem.State.CANCELLED: Status.CANCELLED,
    BulkItem.State.UNDOING: Status.WAITING,
    BulkItem.State.RESTORED: Status.RESUBMITTED,
    BulkItem.State.KEPT: Status.BEHIND,
}
CELL = '<td class="c-{}{}">{}</td>'
CLASSES = dict(ErrorClass.choices)


@register.simple_tag(takes_context=True)
def asks(context: dict[str, Any], **changes: str) -> str:
    """The query of an address that asks what the page does, with some changes."""
    found: str = context["question"].address(**changes)
    return found


@register.simple_tag(takes_context=True)
def opens(context: dict[str, Any], by: str, code: str) -> str:
    """The query that asks for the rows of one group."""
    found: str = context["question"].address(**{"group": "", by: code})
    return found


# The row is made here and not in a template, which would take three times as long for fifty.
ROW = (
    '<tr class="case{}" id="case-{}" data-case="{}" data-amount="{}">'
    '<td class="c"><input type="checkbox" name="case" value="{}" form="picked" data-pick'
    ' aria-label="Select {}"></td>'
    '{}<th scope="row" class="t"><a href="{}">{}</a> <span class="sub">{}</span></th>{}</tr>'
)
SEVERITY = '<td class="c-severity">{}</td>'


@register.simple_tag
def case_row(line: Line, columns: Sequence[str]) -> SafeString:
    """A case in the list: its severity and its title stand before the other columns."""
    id = line.id.hex
    first = markup(SEVERITY, _severity(line.row.severity)) if "severity" in columns else ""
    cells = (markup(CELL, name, *_cell(name, line)) for name in columns if name in CELLS)
    return markup(
        ROW, "" if line.is_open else " over", id, id, line.row.at_risk or 0, id,
        f"{line.title}, {line.number}" if line.number else line.title, SafeString(first),
        address("dashboard:case", line.row.id), line.title, line.fact,
        SafeString("".join(cells)),
    )  # fmt: skip


STORM_ROW = (
    '<tr class="case storm"><td class="c">{}</td>{}'
    '<th scope="row" class="t"><a href="{}">{}</a> <span class="sub">{}</span></th>{}</tr>'
)


@register.simple_tag
def storm_row(storm: StormLine, columns: Sequence[str]) -> SafeString:
    """A storm in the list of cases, in the same columns."""
    part = storm.part
    first = markup(SEVERITY, _severity(part.severity)) if "severity" in columns else ""
    cells = (markup(CELL, name, *_storm_cell(name, storm)) for name in columns if name in CELLS)
    return markup(
        STORM_ROW, icon("flame"), SafeString(first), address("triage:storm", part.id),
        storm.title, storm.fact, SafeString("".join(cells)),
    )  # fmt: skip


def _storm_cell(name: str, storm: StormLine) -> tuple[str, object]:
    cell = STORM_CELLS.get(name)
    return CELLS[name][0], cell(storm) if cell else _dim("")


def _past_due(storm: StormLine) -> SafeString:
    late = storm.part.past_due
    return markup('<span class="st bad">{} past due</span>', f"{late:,}") if late else _dim("")


def _cell(name: str, line: Line) -> tuple[str, object]:
    css, cell = CELLS[name]
    return css, cell(line)


_severity = cache(severity)


@register.simple_tag
@cache
def case_state(code: str) -> SafeString:
    """Icon and word of where a case stands."""
    look = STATES.get(code, Status.OPEN)
    return markup('<span class="st {}">{}{}</span>', look.css, icon(look.icon), look.word)


def money_clock(clock: Clock | None) -> SafeString:
    """How much time is left until which deadline, and how much of it is used up."""
    if clock is None:
        return markup('<span class="dim">{}</span>', wording.NOTHING)
    is_over = clock.left <= timedelta()
    left = wording.duration(abs(clock.left))
    which = f"{clock.which}, {clock.also} missed" if clock.also else clock.which
    return markup(
        CLOCK,
        clock.tone,
        f"{which.capitalize()} {clock.due_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        f"{wording.MINUS}{left}" if is_over else left,
        markup("{}<em>{}</em>", clock.which, "late") if clock.also else clock.which,
        round(100 * min(clock.used, 1.0)),
    )


def owner(line: Line) -> SafeString:
    """Initials and name of who works it."""
    return _person(line.row.owner)


def _person(name: str) -> SafeString:
    if not name:
        return markup('<span class="own dim">{}</span>', "Unassigned")
    words = name.replace(".", " ").replace("-", " ").split()
    letters = "".join(word[0] for word in words[:2]).upper()
    short = f"{words[0]} {words[-1][0]}." if len(words) > 1 else words[0]
    return markup(OWNER, letters, short)


@register.filter
def in_short(operation: BulkOperation) -> str:
    """What became of an act on many cases, in a line."""
    return bulk_words.in_short(operation)


@register.simple_tag
def bulk_state(operation: BulkOperation) -> SafeString:
    """How far an act on many cases is: icon and word."""
    look = BULK_STATES[BulkOperation.State(operation.state)]
    return icons.status(look, operation.get_state_display(), pill=True)


@register.simple_tag
def item_state(item: BulkItem) -> SafeString:
    """What became of one case of it."""
    return icons.status(ITEM_STATES[BulkItem.State(item.state)], item.get_state_display())


@register.simple_tag
def form_id() -> str:
    """Sent twice, a form with it happens once."""
    return str(uuid4())


@register.filter
def exact_money(minor: int | None) -> str:
    """For a column of figures: `18,912.40`; a dash where none is known."""
    return wording.NOTHING if minor is None else wording.money(minor).replace("$", "")


@register.filter
def whole_money(minor: int) -> str:
    """For a headline: `$186,410`."""
    return f"${minor // 100:,}"


@register.filter
def brief_age(length: timedelta) -> str:
    """One unit: `19 d`, `5 h`, `41 min`, or `now`."""
    if length < timedelta(minutes=1):
        return "now"
    return wording.latency(length.total_seconds() * 1000)


def amount(line: Line) -> SafeString | str:
    """What waits; dim where it is in the sums at another case of the same transaction."""
    told = exact_money(line.row.amount_minor)
    if not line.counted_at:
        return told
    return markup('<span class="dim">{}</span> <span class="sub">counted at {}</span>', told,
                  line.counted_at)  # fmt: skip


def _dim(text: str | None) -> Any:
    return text or markup('<span class="dim">{}</span>', wording.NOTHING)


CELLS: dict[str, tuple[str, Callable[[Line], object]]] = {
    "number": (" mono ink2", lambda line: _dim(line.number)),
    "facility": ("", lambda line: line.facility),
    "workflow": (" ink2", lambda line: line.workflow),
    "payer": (" ink2", lambda line: _dim(line.row.payer)),
    "class": (" ink2", lambda line: CLASSES.get(line.row.error_class, line.row.error_class)),
    "team": (" ink2", lambda line: _dim(line.team)),
    "amount": (" num m", amount),
    "due": (" d", lambda line: money_clock(line.clock)),
    "age": (" num ink2", lambda line: brief_age(line.age)),
    "owner": ("", owner),
    "state": ("", lambda line: case_state(line.state)),
}
STORM_CELLS: dict[str, Callable[[StormLine], object]] = {
    "facility": lambda storm: storm.facility,
    "class": lambda storm: CLASSES.get(storm.part.error_class, storm.part.error_class),
    "amount": lambda storm: exact_money(storm.part.amount),
    "due": _past_due,
    "age": lambda storm: brief_age(storm.age),
    "owner": lambda storm: _person(storm.owner),
    "state": lambda storm: case_state(storm.state),
}
