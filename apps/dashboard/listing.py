"""Rows of lists as they are shown: transactions of a cell; events and receipts of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from apps.catalog.snapshot import Snapshot
from apps.dashboard import wording
from apps.dashboard.looks import Look, Status
from apps.dashboard.queries import PAGE, Mark, Receipt, Sibling, farthest_stage
from apps.dashboard.timeline import OUTCOMES, STATES, sla_look
from apps.telemetry.models import AmountKind, Event, IngestBatch, Outcome, Transaction
from apps.telemetry.search import Hit
from apps.telemetry.services.searches import Recent

BATCH_STATES = {
    IngestBatch.State.WAITING: Status.WAITING,
    IngestBatch.State.FOLDED: Status.COUNTED,
    IngestBatch.State.FAILED: Status.FAILED,
}
WAYS = {
    "batch": "Batch",
    "cell": "Name",
    "correlation": "Correlation id",
    "message": "Message id",
    "transaction": "Transaction number",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A transaction in the list of its cell."""

    id: UUID
    correlation_id: str
    state: Look
    stage: str
    started: str
    age: str
    sla: Look
    amount: str
    error: str


@dataclass(frozen=True, slots=True)
class HitRow:
    """A transaction that was searched, with what it was found by."""

    row: TransactionRow
    workflow: str
    facility: str
    found_by: str


@dataclass(frozen=True, slots=True)
class RecentRow:
    """A search that can be run again."""

    token: str
    label: str
    found_by: str
    hits: int


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event in the order it occurred, with when we learned of it."""

    occurred: str
    received: str
    lag: str
    stage: str
    look: Look
    word: str
    attempt: int
    source: str
    error: str
    standard: str
    location: str
    event_id: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A batch that brought events of this transaction, and how many of its events came again."""

    id: UUID
    source: str
    received: str
    events: int
    duplicates: int
    look: Look
    is_open: bool


@dataclass(frozen=True, slots=True)
class SiblingRow:
    """Other business with the same number."""

    id: UUID
    workflow: str
    facility: str
    number: str
    started: str
    look: Look


def transaction_rows(
    found: Sequence[Transaction], *, catalogue: Snapshot, zone: ZoneInfo, now: datetime
) -> list[TransactionRow]:
    """One page of a cell's list."""
    return [_transaction_row(one, catalogue, zone, now) for one in found[:PAGE]]


def hit_rows(found: Sequence[Hit], *, catalogue: Snapshot, now: datetime) -> list[HitRow]:
    """Transactions of any cell, each in the time of its facility."""
    return [_hit_row(hit, catalogue, now) for hit in found]


def recent_rows(found: Sequence[Recent]) -> list[RecentRow]:
    """What a person searched lately."""
    return [
        RecentRow(one.token, one.label, ways_in_words(one.found.split()), one.hits) for one in found
    ]


def ways_in_words(ways: Sequence[str]) -> str:
    """Kinds of numbers as people say them."""
    return ", ".join(WAYS.get(way, way.replace("_", " ").capitalize()) for way in ways)


def next_mark(found: Sequence[Transaction]) -> str:
    """Where the next page begins; nothing when there is none."""
    if len(found) <= PAGE:
        return ""
    last = found[PAGE - 1]
    return f"{(last.first_at - EPOCH) // timedelta(microseconds=1)}-{last.pk.hex}"


def read_mark(text: str) -> Mark | None:
    """A mark from an address; what is none means the first page."""
    moment, _, key = text.partition("-")
    try:
        return Mark(EPOCH + timedelta(microseconds=int(moment)), UUID(key))
    except (ValueError, OverflowError):
        return None


def event_rows(
    found: Sequence[Event], *, catalogue: Snapshot, zone: ZoneInfo, now: datetime
) -> list[EventRow]:
    """Every event of a transaction."""
    return [_event_row(one, catalogue, zone, now) for one in found]


def receipt_rows(found: Sequence[Receipt], *, zone: ZoneInfo, now: datetime) -> list[ReceiptRow]:
    """The batches of a transaction."""
    return [
        ReceiptRow(
            one.id,
            one.source,
            wording.clock_time(one.received_at, zone, now=now),
            one.events,
            one.duplicates or 0,
            BATCH_STATES[IngestBatch.State(one.state)],
            one.is_open,
        )
        for one in found
    ]


def sibling_rows(
    found: Sequence[Sibling], *, catalogue: Snapshot, zone: ZoneInfo, now: datetime
) -> list[SiblingRow]:
    """Other business of the same account, claim or the like."""
    return [
        SiblingRow(
            one.id,
            catalogue.workflows_by_id[one.workflow_id].short_name,
            catalogue.facilities_by_id[one.facility_id].short_name,
            f"{one.kind.replace('_', ' ').capitalize()} {one.masked}",
            wording.clock_time(one.first_at, zone, now=now),
            STATES[Transaction.State(one.state)],
        )
        for one in found
    ]


def amount(of: Transaction) -> str:
    """The amount of a transaction; nothing when no event named one."""
    return "" if of.amount_minor is None else wording.money(of.amount_minor)


def amount_kind(of: Transaction) -> str:
    return AmountKind(of.amount_kind).label.lower() if of.amount_kind else ""


def _transaction_row(
    of: Transaction, catalogue: Snapshot, zone: ZoneInfo, now: datetime
) -> TransactionRow:
    return TransactionRow(
        of.pk,
        of.correlation_id,
        STATES[Transaction.State(of.state)],
        stage_name(of, catalogue),
        wording.clock_time(of.first_at, zone, now=now),
        wording.duration(max((now if of.is_open else of.last_at) - of.first_at, timedelta())),
        sla_look(of, now=now),
        amount(of),
        of.error_code or "",
    )


def _hit_row(hit: Hit, catalogue: Snapshot, now: datetime) -> HitRow:
    of = hit.transaction
    place = catalogue.facilities_by_id[of.facility_id]
    return HitRow(
        _transaction_row(of, catalogue, ZoneInfo(place.time_zone), now),
        catalogue.workflows_by_id[of.workflow_id].short_name,
        place.short_name,
        ways_in_words(hit.ways),
    )


def stage_name(of: Transaction, catalogue: Snapshot) -> str:
    """The farthest stage of a transaction, by name."""
    stage = farthest_stage(of, catalogue)
    return stage.name if stage else wording.NOTHING


def _event_row(of: Event, catalogue: Snapshot, zone: ZoneInfo, now: datetime) -> EventRow:
    stage = catalogue.stages_by_id.get(of.stage_id)
    look = OUTCOMES[Outcome(of.outcome)]
    return EventRow(
        wording.clock_time(of.occurred_at, zone, now=now),
        wording.clock_time(of.received_at, zone, now=now),
        wording.duration(max(of.received_at - of.occurred_at, timedelta())),
        stage.name if stage else f"Stage {of.rank}",
        look,
        look.word,
        of.attempt,
        of.source.name,
        of.error_code or "",
        of.error_standard or "",
        of.error_location or "",
        of.event_id,
    )
