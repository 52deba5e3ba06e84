"""GET /api/v1/transactions/{workflow}/{correlation_id}: one transaction with its events."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.accounts.access import api_user, facilities_for, needs
from apps.catalog.snapshot import Snapshot, snapshot
from apps.core.htmx import unless_unchanged
from apps.core.openapi import Parameter, operation
from apps.core.problem import problem
from apps.dashboard import queries
from apps.telemetry.canonical import transaction_id
from apps.telemetry.models import AmountKind, BusinessKey, Event, Outcome, Transaction


class Clock(msgspec.Struct):
    """One clock: pending, met, breached or excluded."""

    started_at: str | None
    due_at: str | None
    stopped_at: str | None
    state: str


class Clocks(msgspec.Struct):
    """Both clocks, which are never mixed."""

    integration: Clock
    business: Clock


class NativeError(msgspec.Struct):
    """An error in the words of the standard it comes from."""

    standard: str | None
    code: str | None
    location: str | None


class MaskedKey(msgspec.Struct):
    """An account, claim or remittance number of which the last characters are shown."""

    kind: str
    masked: str


class TransactionEvent(msgspec.Struct):
    """One event, in the order they occurred."""

    id: str
    source: str
    occurred_at: str
    received_at: str
    facility: str | None
    interface: str | None
    stage: str | None
    outcome: str
    attempt: int
    amount: str | None
    amount_kind: str | None
    error: NativeError | None
    backfill: bool


class TransactionAnswer(msgspec.Struct):
    """One piece of business across systems.

    One that was taken up again after its end is open: `settled_at` is null, `reopened_at` says
    since when, and `stage` is the farthest it reached since, null when that is none. Its clocks
    stay as they stopped, which is how they are counted.
    """

    id: str
    workflow: str
    facility: str
    correlation_id: str
    state: str
    stage: str | None
    first_at: str
    last_at: str
    settled_at: str | None
    reopened_at: str | None
    clocks: Clocks
    amount: str | None
    amount_kind: str | None
    currency: str
    payer: str | None
    service_date: str | None
    error: NativeError | None
    attempts: int
    retries: int
    manual_touches: int
    backfill: bool
    business_keys: list[MaskedKey]
    event_count: int
    events: list[TransactionEvent]


@operation(
    method="get",
    path="/api/v1/transactions/{workflow}/{correlation_id}",
    tag="Scorecards",
    summary="One transaction with its events",
    description="Business keys are masked. Events are those that retention has kept.",
    parameters=(
        Parameter("workflow", "Code of the workflow.", place="path"),
        Parameter("correlation_id", "The `subject` of its events.", place="path"),
    ),
    answers={200: TransactionAnswer, 304: None},
    problems={
        401: "No valid token.",
        403: "The role may not see single transactions.",
        404: "No such transaction, or not yours.",
    },
)
@require_safe
@api_user
@needs("accounts.view_transactions")
def transaction(request: HttpRequest, workflow: str, correlation_id: str) -> HttpResponse:
    catalogue = snapshot()
    found = _find(request, catalogue, workflow, correlation_id)
    if found is None:
        return problem(404, "not_found", "No such transaction, or not yours.")
    body = msgspec.json.encode(_answer(found, catalogue))
    return unless_unchanged(request, HttpResponse(body, "application/json"))


def _find(
    request: HttpRequest, catalogue: Snapshot, workflow: str, correlation_id: str
) -> Transaction | None:
    facilities = facilities_for(request.user)
    line = catalogue.workflows.get(workflow)
    if line is None:
        return None
    key = UUID(hex=transaction_id(line.id, correlation_id))
    return queries.transaction(facilities=facilities, id=key)


def _answer(of: Transaction, catalogue: Snapshot) -> TransactionAnswer:
    return TransactionAnswer(
        id=str(of.pk),
        workflow=catalogue.workflows_by_id[of.workflow_id].code,
        facility=catalogue.facilities_by_id[of.facility_id].code,
        correlation_id=of.correlation_id,
        state=_name(Transaction.State(of.state)),
        stage=_stage_code(of, catalogue),
        first_at=of.first_at.isoformat(),
        last_at=of.last_at.isoformat(),
        settled_at=None if of.is_open else _moment(of.settled_at),
        reopened_at=_moment(of.reopened_at) if queries.is_reopened(of) else None,
        clocks=_clocks(of),
        amount=_money(of.amount_minor),
        amount_kind=_name(AmountKind(of.amount_kind)) if of.amount_kind else None,
        currency=settings.THROUGHLINE_CURRENCY,
        payer=of.payer,
        service_date=of.service_date.isoformat() if of.service_date else None,
        error=_error(of),
        attempts=of.attempts,
        retries=of.retries,
        manual_touches=of.manual_touches,
        backfill=of.backfill,
        business_keys=[_key(key) for key in queries.business_keys(of)],
        event_count=of.events,
        events=[_event(event, catalogue) for event in queries.events(of)],
    )


def _clocks(of: Transaction) -> Clocks:
    return Clocks(
        integration=Clock(
            _moment(of.started_at),
            _moment(of.due_at),
            _moment(of.stopped_at),
            _name(Transaction.Sla(of.sla)),
        ),
        business=Clock(
            _moment(of.business_started_at),
            _moment(of.business_due_at),
            _moment(of.business_stopped_at),
            _name(Transaction.Sla(of.business_sla)),
        ),
    )


def _event(of: Event, catalogue: Snapshot) -> TransactionEvent:
    stage = catalogue.stages_by_id.get(of.stage_id)
    place = catalogue.facilities_by_id.get(of.facility_id)
    return TransactionEvent(
        id=of.event_id,
        source=of.ce_source,
        occurred_at=of.occurred_at.isoformat(),
        received_at=of.received_at.isoformat(),
        facility=place.code if place else None,
        interface=of.interface.code if of.interface else None,
        stage=stage.code if stage else None,
        outcome=_name(Outcome(of.outcome)),
        attempt=of.attempt,
        amount=_money(of.amount_minor),
        amount_kind=_name(AmountKind(of.amount_kind)) if of.amount_kind else None,
        error=_error(of),
        backfill=of.backfill,
    )


def _stage_code(of: Transaction, catalogue: Snapshot) -> str | None:
    """The farthest stage reached, since it was reopened if it was."""
    stage = queries.farthest_stage(of, catalogue)
    return stage.code if stage else None


def _error(of: Transaction | Event) -> NativeError | None:
    if of.error_code is None and of.error_standard is None:
        return None
    return NativeError(of.error_standard, of.error_code, of.error_location)


def _key(of: BusinessKey) -> MaskedKey:
    return MaskedKey(of.kind, of.masked)


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _money(minor: int | None) -> str | None:
    return None if minor is None else f"{Decimal(minor).scaleb(-2):.2f}"


def _name(member: Transaction.State | Transaction.Sla | AmountKind | Outcome) -> str:
    return member.name.lower()
