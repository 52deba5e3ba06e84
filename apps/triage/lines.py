"""Cases as a list says them: their kind by name, one fact, whose they are, what time is left."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from apps.catalog.models import MoneyDeadline
from apps.triage.models import Case, Condition, Status
from apps.triage.queue import Row
from apps.triage.reader import Reader
from apps.triage.words import OVERDUE, UNEXPLAINED

# How numbers are called where a column is narrow.
NUMBERS = {
    "account": "ACC", "authorization": "AUT", "claim": "CLM", "encounter": "ENC", "journal": "JNL",
    "refund": "RFD", "remit": "REM",
}  # fmt: skip
DEADLINES = {
    MoneyDeadline.FILING: "filing",
    MoneyDeadline.APPEAL: "appeal",
    MoneyDeadline.REFUND: "refund",
    MoneyDeadline.STATEMENT: "statement",
    MoneyDeadline.CLOSE: "close",
    MoneyDeadline.SERVICE: "visit",
}
PROMISE = "target"
# From which share of its time on a clock asks for attention, and how much time left does anyway.
WARN, ALARM = 0.55, 0.8
SHORT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Clock:
    """The deadline that matters: money's, or else what we promised. `also` says that the other one
    is past."""

    due_at: datetime
    which: str
    left: timedelta
    used: float
    tone: str
    also: str


@dataclass(frozen=True, slots=True)
class Line:
    """A case in the list."""

    row: Row
    title: str
    fact: str
    number: str
    facility: str
    workflow: str
    team: str
    clock: Clock | None
    state: str
    age: timedelta
    # What the case is about that has the dollars of this one in every sum; empty: this one has.
    counted_at: str

    @property
    def is_open(self) -> bool:
        return self.row.resolved_at is None

    @property
    def id(self) -> UUID:
        return self.row.id


def line(row: Row, reader: Reader) -> Line:
    catalogue = reader.catalogue
    stage = catalogue.stages_by_id.get(row.stage_id)
    place, work = catalogue.facilities_by_id[row.facility_id], catalogue.workflows_by_id
    name = f"at {_inside(stage.name)}" if stage else ""
    times = f", {row.occurrences:,} times" if row.occurrences > 1 else ""
    return Line(
        row=row,
        title=title(row, reader),
        fact=f"{name}{times}",
        number=number(row),
        facility=place.short_name,
        workflow=work[row.workflow_id].short_name,
        team=reader.team_name(row.team_id) if row.team_id else "",
        clock=clock(row, reader.minute),
        state=state(row),
        age=max(reader.minute - row.opened_at, timedelta()),
        counted_at=counted_at(row, reader),
    )


def _inside(name: str) -> str:
    """A name as it stands inside a sentence; `ERP` stays what it is."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def title(row: Row, reader: Reader) -> str:
    """In the words of today; what is over, in those of its day."""
    if row.kind_id is not None:
        return reader.words.title(row.kind_id, row.resolved_at or reader.now)
    return UNEXPLAINED if row.condition == Condition.FAILED else OVERDUE


def counted_at(row: Row, reader: Reader) -> str:
    """What the case is about that has the money; of what is not the reader's business, no more
    than that there is one."""
    if row.counted_condition is None or row.amount_minor is None:
        return ""
    if not reader.realm.covers(row.counted_kind_id):
        return "another case"
    if row.counted_kind_id is not None:
        return reader.words.title(row.counted_kind_id, reader.now)
    return "an unexplained case" if row.counted_condition == Condition.FAILED else OVERDUE


def number(row: Row) -> str:
    """The number it is called by, masked: `CLM ••7731`."""
    kind = NUMBERS.get(row.number_kind, row.number_kind[:3].upper())
    return f"{kind} ••{row.number.lstrip('•')}" if row.number else ""


def state(row: Row | Case) -> str:
    """Why it is open, or else its status."""
    return row.substatus or "ongoing" if row.status == Status.OPEN else row.status


def clock(row: Row, now: datetime) -> Clock | None:
    due_at = row.money_due_at or row.resolve_by
    if due_at is None:
        return None
    which = DEADLINES.get(MoneyDeadline(row.money_due_kind), "") if row.money_due_kind else PROMISE
    left, began = due_at - now, row.clock_from or row.opened_at
    used = 1.0 if left <= timedelta() else (now - began) / max(due_at - began, left)
    is_late = row.money_due_at is not None and row.resolve_by is not None and row.resolve_by < now
    return Clock(due_at, which, left, used, _tone(left, used), PROMISE if is_late else "")


def _tone(left: timedelta, used: float) -> str:
    if left <= timedelta() or used >= ALARM:
        return "bad"
    return "warn" if left < SHORT or used >= WARN else ""
