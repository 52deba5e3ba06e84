"""Reads of single transactions, always within a scope of facilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.catalog.snapshot import Snapshot, Stage
from apps.core.db import fetch_all
from apps.telemetry.models import BusinessKey, Event, Transaction

PAGE = 50
# More events than any real transaction has; beyond it the page says so.
EVENTS_SHOWN = 500
SIBLINGS_SHOWN, SIBLINGS_LOOKED_AT = 12, 200
# A journal row's id is made a moment after its received_at.
RECEIPT_SLACK = timedelta(seconds=2)

# The journal rows that brought a transaction's events: an event carries the row's source and time
# of receipt, and a row's id starts with its time, so each receipt is a short range of the primary
# key. Journal days are dropped after a while; then nothing is found.
RECEIPTS = """
SELECT b.id, b.received_at, b.events, b.duplicates, b.state, b.folded_at, s.name AS source,
       %(everywhere)s OR COALESCE(b.scope <@ %(facilities)s::integer[], false) AS is_open
  FROM unnest(%(sources)s::integer[], %(moments)s::timestamptz[], %(lowest)s::uuid[],
              %(highest)s::uuid[]) AS receipt (source_id, at, lowest, highest)
  JOIN telemetry_ingestbatch b ON b.id >= receipt.lowest AND b.id <= receipt.highest
   AND b.source_id = receipt.source_id AND b.received_at = receipt.at
  JOIN telemetry_source s ON s.id = b.source_id
 ORDER BY b.id
"""


# Other business that carries one of its numbers, in scope, newest first. A number that thousands
# carry (a batch of payments) is looked at only so far.
SIBLINGS = """
WITH own AS (
    SELECT token, kind, masked FROM telemetry_businesskey WHERE transaction_id = %(id)s
), other AS (
    SELECT DISTINCT ON (b.transaction_id) b.transaction_id, own.kind, own.masked
      FROM own
     CROSS JOIN LATERAL (
           SELECT transaction_id FROM telemetry_businesskey
            WHERE token = own.token AND transaction_id <> %(id)s LIMIT %(looked_at)s) AS b
     ORDER BY b.transaction_id, own.kind
)
SELECT t.id, t.workflow_id, t.facility_id, t.state, t.first_at, other.kind, other.masked
  FROM other JOIN telemetry_transaction t ON t.id = other.transaction_id
 WHERE t.facility_id = ANY(%(facilities)s)
 ORDER BY t.first_at DESC, t.id
 LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Sibling:
    """Other business with the same number: which number, and how far it is."""

    id: UUID
    workflow_id: int
    facility_id: int
    state: int
    first_at: datetime
    kind: str
    masked: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A batch in which events of a transaction arrived."""

    id: UUID
    received_at: datetime
    events: int
    duplicates: int | None
    state: int
    folded_at: datetime | None
    source: str
    # Whether its reader sees all that its sender speaks for, and so the batch itself.
    is_open: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page of a list begins: after the transaction with this start and id."""

    first_at: datetime
    id: UUID


def transaction(*, facilities: Sequence[int], id: UUID) -> Transaction | None:
    """One transaction; None when there is none, or none at these facilities."""
    return Transaction.objects.filter(pk=id, facility_id__in=facilities).first()


def events(of: Transaction) -> list[Event]:
    """Its events as they occurred. The bounds name the few partitions they lie in."""
    return list(all_events(of)[:EVENTS_SHOWN])


def all_events(of: Transaction) -> QuerySet[Event]:
    """The same, however many there are."""
    found = Event.objects.filter(
        transaction_id=of.pk, occurred_at__gte=of.first_at, occurred_at__lte=of.last_at
    )
    return found.select_related("source", "interface").order_by("occurred_at", "rank", "attempt")


def business_keys(of: Transaction) -> list[BusinessKey]:
    """Its account, claim or remittance numbers, masked."""
    return list(BusinessKey.objects.filter(transaction_id=of.pk).order_by("kind", "masked"))


def siblings(of: Transaction, *, facilities: Sequence[int]) -> list[Sibling]:
    """Other business at these facilities with one of its numbers."""
    params = {
        "id": of.pk,
        "facilities": list(facilities),
        "looked_at": SIBLINGS_LOOKED_AT,
        "limit": SIBLINGS_SHOWN,
    }
    return fetch_all(SIBLINGS, params, row=Sibling)


def receipts(
    found: Sequence[Event], *, facilities: Sequence[int], everywhere: bool
) -> list[Receipt]:
    """The batches in which these events arrived, as far as the journal still has them."""
    arrivals = sorted({(event.source_id, event.received_at) for event in found})
    params = {
        "sources": [source for source, _ in arrivals],
        "moments": [at for _, at in arrivals],
        "lowest": [_journal_id(at - RECEIPT_SLACK, 0) for _, at in arrivals],
        "highest": [_journal_id(at + RECEIPT_SLACK, (1 << 80) - 1) for _, at in arrivals],
        "facilities": list(facilities),
        "everywhere": everywhere,
    }
    return fetch_all(RECEIPTS, params, row=Receipt)


def farthest_stage(of: Transaction, catalogue: Snapshot) -> Stage | None:
    """The farthest stage it reached, in success or in trouble.

    What a reopened one reached before is history: only what came since counts, if anything did.
    """
    reached = ((of.progress_rank, of.progress_at), (of.trouble_rank, of.trouble_at))
    since = of.reopened_at if is_reopened(of) else None
    ranks = [rank for rank, at in reached if rank and at and (since is None or at >= since)]
    key = (of.workflow_id, max(ranks, default=0))
    return next(
        (one for one in catalogue.document.stages if (one.workflow_id, one.rank) == key), None
    )


def is_reopened(of: Transaction) -> bool:
    """Whether it had come to its end and was taken up again since."""
    return of.is_open and of.settled_at is not None and of.reopened_at is not None


def open_transactions(
    *, facility_id: int, workflow_id: int, after: Mark | None
) -> list[Transaction]:
    """What is open in a cell, oldest first; one more than a page, to know if another follows."""
    found = open_in_cell(facility_id=facility_id, workflow_id=workflow_id)
    if after:
        found = found.filter(
            Q(first_at__gt=after.first_at) | Q(first_at=after.first_at, pk__gt=after.id),
            first_at__gte=after.first_at,
        )
    return list(found[: PAGE + 1])


def open_in_cell(*, facility_id: int, workflow_id: int) -> QuerySet[Transaction]:
    """Everything open in a cell, oldest first."""
    found = Transaction.objects.filter(
        workflow_id=workflow_id, facility_id=facility_id, state__lt=Transaction.State.COMPLETED
    )
    return found.order_by("first_at", "pk")


def recent_transactions(
    *, facility_id: int, workflow_id: int, after: Mark | None
) -> list[Transaction]:
    """What started last in a cell, newest first; one more than a page."""
    found = recent_in_cell(facility_id=facility_id, workflow_id=workflow_id)
    if after:
        found = found.filter(
            Q(first_at__lt=after.first_at) | Q(first_at=after.first_at, pk__lt=after.id),
            first_at__lte=after.first_at,
        )
    return list(found[: PAGE + 1])


def recent_in_cell(*, facility_id: int, workflow_id: int) -> QuerySet[Transaction]:
    """Everything in a cell, newest first."""
    found = Transaction.objects.filter(workflow_id=workflow_id, facility_id=facility_id)
    return found.order_by("-first_at", "-pk")


def _journal_id(moment: datetime, rest: int) -> UUID:
    """The lowest or highest journal id of a millisecond."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | rest)
