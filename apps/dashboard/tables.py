"""Tables of the pages as they are exported: what a page shows, exact and with its units."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from apps.accounts.models import User
from apps.catalog.snapshot import Facility, Snapshot, Workflow
from apps.core.exports import Column, Table, money
from apps.dashboard import behind, board, listing, queries
from apps.dashboard.flow.board import judged_cells
from apps.dashboard.heat import Tone
from apps.dashboard.questions import Question
from apps.dashboard.scope import Scope
from apps.dashboard.scorecard import Scorecard
from apps.dashboard.scorecard_lines import Row
from apps.dashboard.subjects import Subject
from apps.dashboard.timeline import OUTCOMES, STATES, sla_look
from apps.scorecards.messages import Message
from apps.scorecards.parts import Part
from apps.scorecards.queries import Glance
from apps.telemetry.models import Event, Outcome, Transaction

# Rows read at once from the cursor on the server.
CHUNK = 1_000
P50, P95, P99 = 0.5, 0.95, 0.99
Judged = tuple[Workflow, Facility, Glance, Tone]
# Of fewer, a figure is as good as a single transaction: the smallest cell that CMS lets out.
FEWEST = 11
Few = TypeVar("Few")


@dataclass(frozen=True, slots=True)
class Reveals:
    """Whether who takes a table may see single transactions; others get no figure of a few."""

    few: bool

    @classmethod
    def to(cls, reader: User | AnonymousUser) -> Self:
        return cls(reader.has_perm("accounts.view_transactions"))

    def count(self, number: int) -> int | str:
        return number if self.few or not number or number >= FEWEST else f"under {FEWEST}"

    def of(self, number: int, figure: Few) -> Few | None:
        """A figure that was made of so many."""
        return figure if self.few or number >= FEWEST else None


def transactions(
    catalogue: Snapshot, line: Workflow, place: Facility, *, is_recent: bool, now: datetime
) -> Table[Transaction]:
    """The transactions of a cell: what is open, or what is new."""
    read = queries.recent_in_cell if is_recent else queries.open_in_cell
    found = read(facility_id=place.id, workflow_id=line.id)
    zone = ZoneInfo(place.time_zone)
    columns = [
        Column[Transaction]("Transaction", lambda one: one.correlation_id),
        Column("Workflow", lambda one: line.name),
        Column("Facility", lambda one: place.name),
        Column("State", lambda one: STATES[Transaction.State(one.state)].word),
        Column("Farthest stage", lambda one: listing.stage_name(one, catalogue)),
        Column("Started", lambda one: one.first_at.astimezone(zone)),
        Column("Last event", lambda one: one.last_at.astimezone(zone)),
        Column("Due", lambda one: one.due_at and one.due_at.astimezone(zone)),
        Column("Integration clock", lambda one: sla_look(one, now=now).word),
        Column("Attempts", lambda one: one.attempts),
        Column(_in_currency("Amount"), lambda one: money(one.amount_minor), is_money=True),
        Column("Kind of amount", listing.amount_kind, is_money=True),
        Column("Error standard", lambda one: one.error_standard),
        Column("Error code", lambda one: one.error_code),
        Column("Number", lambda one: one.pk),
    ]
    return Table(
        f"transactions {line.code} {place.code}",
        f"{line.name} at {place.name}",
        columns,
        lambda most: found[:most].iterator(chunk_size=CHUNK),
    )


def events(catalogue: Snapshot, of: Transaction) -> Table[Event]:
    """Every event of a transaction in the order it occurred."""
    zone = ZoneInfo(catalogue.facilities_by_id[of.facility_id].time_zone)
    found = queries.all_events(of)
    columns = [
        Column[Event]("Occurred", lambda one: one.occurred_at.astimezone(zone)),
        Column("Received", lambda one: one.received_at.astimezone(zone)),
        Column("Stage", lambda one: _stage(one, catalogue)),
        Column("Outcome", lambda one: OUTCOMES[Outcome(one.outcome)].word or "OK"),
        Column("Attempt", lambda one: one.attempt),
        Column(_in_currency("Amount"), lambda one: money(one.amount_minor), is_money=True),
        Column("Error standard", lambda one: one.error_standard),
        Column("Error code", lambda one: one.error_code),
        Column("Error location", lambda one: one.error_location),
        Column("Interface", lambda one: one.interface.code if one.interface else None),
        Column("Source", lambda one: one.source.code),
        Column("Event id", lambda one: one.event_id),
    ]
    return Table(
        f"events {of.pk}",
        "Events of one transaction",
        columns,
        lambda most: found[:most].iterator(chunk_size=CHUNK),
    )


def behind_figure(question: Question, part: Part, *, now: datetime) -> Table[Transaction]:
    """The transactions of one part of a figure, in the order of its list."""
    catalogue = question.catalogue
    zones = {key: ZoneInfo(zone) for key, zone in question.cells.zones.items()}

    def local(of: Transaction, moment: datetime | None) -> datetime | None:
        return moment and moment.astimezone(zones[of.facility_id])

    columns = [
        Column[Transaction]("Transaction", lambda one: one.correlation_id),
        Column("Workflow", lambda one: catalogue.workflows_by_id[one.workflow_id].name),
        Column("Facility", lambda one: catalogue.facilities_by_id[one.facility_id].name),
        Column("Counted", lambda one: local(one, getattr(one, part.order))),
        Column("State", lambda one: STATES[Transaction.State(one.state)].word),
        Column("Farthest stage", lambda one: listing.stage_name(one, catalogue)),
        Column("Started", lambda one: local(one, one.first_at)),
        Column("Due", lambda one: local(one, one.due_at)),
        Column("Integration clock", lambda one: sla_look(one, now=now).word),
        Column(_in_currency("Amount"), lambda one: money(one.amount_minor), is_money=True),
        Column("Number", lambda one: one.pk),
    ]
    return Table(
        f"{question.metric.code} {part.code}",
        f"{question.metric.name}: {part.name}, {question.subject}",
        columns,
        lambda most: behind.everything(question, part, most),
    )


def messages_behind_figure(question: Question, part: Part) -> Table[Message]:
    """The messages of one part of a figure, newest first."""
    catalogue = question.catalogue
    zones = {key: ZoneInfo(zone) for key, zone in question.cells.zones.items()}
    columns = [
        Column[Message]("Transaction", lambda one: one.correlation_id),
        Column("Workflow", lambda one: catalogue.workflows_by_id[one.workflow_id].name),
        Column("Facility", lambda one: catalogue.facilities_by_id[one.facility_id].name),
        Column("Happened", lambda one: one.occurred_at.astimezone(zones[one.facility_id])),
        Column("Received", lambda one: one.received_at.astimezone(zones[one.facility_id])),
        Column("Stage", lambda one: _stage(one, catalogue)),
        Column("Outcome", lambda one: OUTCOMES[Outcome(one.outcome)].word or "OK"),
        Column("Attempt", lambda one: one.attempt),
        Column("Error code", lambda one: one.error_code),
        Column("Number", lambda one: one.id),
    ]
    return Table(
        f"{question.metric.code} {part.code}",
        f"{question.metric.name}: {part.name}, {question.subject}",
        columns,
        lambda most: behind.every_message(question, part, most),
    )


def scorecard(subject: Subject, found: Scorecard, reveals: Reveals) -> Table[Row]:
    """The lines of a scorecard."""

    def due(one: Row, name: str) -> float | None:
        return reveals.of(one.values["due"], one.values[name])

    def open_(one: Row, name: str) -> Any:
        return reveals.of(one.values["open"], one.values[name])

    columns = [
        Column[Row](subject.heads[0].label, lambda one: one.name),
        Column("Started", lambda one: reveals.count(one.values["started"])),
        Column("Within SLA, %", lambda one: _percent(due(one, "attainment"))),
        Column("Points since the window before", lambda one: _rounded(due(one, "change"))),
        Column("p95, ms",
               lambda one: _rounded(reveals.of(one.values["latencies"], one.values["p95"]))),
        Column("Backlog", lambda one: reveals.count(one.values["open"])),
        Column("Oldest open since", lambda one: _since(open_(one, "oldest"))),
        Column(_in_currency("Waiting"), lambda one: money(open_(one, "amount")), is_money=True),
        Column("Standing", lambda one: one.tone.word),
    ]  # fmt: skip
    return Table(
        f"scorecard {subject.crumb} {subject.period}",
        f"Scorecard: {subject.crumb}",
        columns,
        lambda most: found.rows[:most],
    )


def cells(
    scope: Scope, chosen: board.Selection, reveals: Reveals, *, now: datetime
) -> Table[Judged]:
    """The cells of the matrix, one a row."""
    count = reveals.count

    def quantile(one: Judged, fraction: float) -> float | None:
        return reveals.of(one[2].latencies, _quantile(one[2], fraction))

    def waiting(one: Judged, amount: int) -> Decimal | None:
        return money(reveals.of(one[2].open, amount))

    columns = [
        Column[Judged]("Workflow", lambda one: one[0].name),
        Column("Facility", lambda one: one[1].name),
        Column("Standing", lambda one: one[3].word),
        Column("Attainment, %", lambda one: _percent(reveals.of(one[2].due, one[2].attainment))),
        Column("Met", lambda one: count(one[2].met)),
        Column("Missed", lambda one: count(one[2].breached)),
        Column("Started", lambda one: count(one[2].started)),
        Column("Events", lambda one: count(one[2].events)),
        Column("Open", lambda one: count(one[2].open)),
        Column("Overdue", lambda one: count(one[2].overdue)),
        Column("Failed or dead-lettered", lambda one: count(one[2].troubled)),
        Column("Oldest open since", lambda one: reveals.of(one[2].open, one[2].oldest_at)),
        Column("p50, ms", lambda one: quantile(one, P50)),
        Column("p95, ms", lambda one: quantile(one, P95)),
        Column("p99, ms", lambda one: quantile(one, P99)),
        Column(_in_currency("Open"), lambda one: waiting(one, one[2].amount_open), is_money=True),
        Column(_in_currency("At risk"), lambda one: waiting(one, one[2].amount_at_risk),
               is_money=True),
    ]  # fmt: skip

    def rows(most: int) -> Iterable[Judged]:
        return list(judged_cells(scope, chosen, now=now))[:most]

    return Table(f"flow {chosen.window}", "Flow health", columns, rows)


def _in_currency(label: str) -> str:
    return f"{label}, {settings.THROUGHLINE_CURRENCY}"


def _stage(of: Event | Message, catalogue: Snapshot) -> str:
    stage = catalogue.stages_by_id.get(of.stage_id)
    return stage.name if stage else f"Stage {of.rank}"


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 4)


def _since(order: float | None) -> datetime | None:
    """The moment a line is sorted by."""
    return None if order is None else datetime.fromtimestamp(-order, UTC)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _quantile(cell: Glance, fraction: float) -> float | None:
    [found] = cell.quantiles(fraction)
    return None if found is None else round(found)
