"""The queue as it is exported: exact, and with its units."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from apps.catalog.models import ErrorClass, MoneyDeadline
from apps.core.exports import Column, Table, money
from apps.triage import queue
from apps.triage.bulk_words import Result, results
from apps.triage.filters import STATES
from apps.triage.lines import Line, line
from apps.triage.models import BulkOperation
from apps.triage.questions import Question
from apps.triage.reader import Reader


def cases(reader: Reader, question: Question) -> Table[Line]:
    """Every row of a question in its order, whatever page is shown."""
    zones = {one.id: ZoneInfo(one.time_zone) for one in reader.catalogue.document.facilities}

    def local(one: Line, moment: datetime | None) -> datetime | None:
        return moment and moment.astimezone(zones[one.row.facility_id])

    columns = [
        Column[Line]("Severity", lambda one: f"S{one.row.severity}"),
        Column("What happened", lambda one: one.title),
        Column("Where", lambda one: one.fact),
        Column("Account / claim", lambda one: one.number),
        Column("Facility", lambda one: one.facility),
        Column("Workflow", lambda one: one.workflow),
        Column("Payer", lambda one: one.row.payer),
        Column("Class", lambda one: ErrorClass(one.row.error_class).label),
        Column(f"At risk, {settings.THROUGHLINE_CURRENCY}",
               lambda one: money(one.row.at_risk), is_money=True),
        Column(f"Amount, {settings.THROUGHLINE_CURRENCY}",
               lambda one: money(one.row.amount_minor), is_money=True),
        Column("Counted at", lambda one: one.counted_at),
        Column("Money deadline", lambda one: local(one, one.row.money_due_at)),
        Column("Which", lambda one: _deadline(one.row.money_due_kind)),
        Column("Promised until", lambda one: local(one, one.row.resolve_by)),
        Column("First seen", lambda one: local(one, one.row.opened_at)),
        Column("Times", lambda one: one.row.occurrences),
        Column("Team", lambda one: one.team),
        Column("Owner", lambda one: one.row.owner or "Unassigned"),
        Column("State", lambda one: STATES.get(one.state, one.state)),
        Column("Case", lambda one: one.row.id),
    ]  # fmt: skip

    def rows(most: int) -> Iterator[Line]:
        found = queue.everything(reader, question.asked, question.order, most)
        return (line(one, reader) for one in found)

    return Table(
        f"exceptions {question.view.code}",
        f"Exceptions: {question.view.name}",
        columns,
        rows,
    )


def bulk_items(reader: Reader, operation: BulkOperation, state: str) -> Table[Result]:
    """What became of each case of an act on many."""
    columns = [
        Column[Result]("What happened", lambda one: one.line.title),
        Column("Account / claim", lambda one: one.line.number),
        Column("Facility", lambda one: one.line.facility),
        Column("Workflow", lambda one: one.line.workflow),
        Column(f"At risk, {settings.THROUGHLINE_CURRENCY}",
               lambda one: money(one.item.amount_minor), is_money=True),
        Column("Result", lambda one: one.item.get_state_display()),
        Column("Why", lambda one: one.why),
        Column("Case", lambda one: one.line.id),
    ]  # fmt: skip

    def rows(most: int) -> Iterator[Result]:
        return iter(results(operation, reader, state=state, most=most))

    name = operation.get_verb_display()
    return Table(f"operation {operation.verb}", f"Many cases: {name}", columns, rows)


def _deadline(code: str) -> str:
    return MoneyDeadline(code).label if code else ""
