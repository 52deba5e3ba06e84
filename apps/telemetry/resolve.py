"""From what a sender said to what the catalogue knows: codes become ids, words become numbers.

The one place where an event that could be read is still refused. It runs a million times an hour,
so the way of a good stage event is a handful of dictionary look-ups and three hashes.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

import msgspec
from msgspec import UNSET, UnsetType

from apps.telemetry.canonical import CanonicalEvent, Kind, event_key, transaction_id
from apps.telemetry.formats.events import (
    CheckpointEvent,
    ContractEvent,
    FinanceEvent,
    HeartbeatEvent,
    NativeError,
    StageEvent,
    WireEvent,
)
from apps.telemetry.refusals import Code, Refused
from apps.telemetry.tokens import (
    BusinessKey,
    business_key,
    is_business_kind,
    is_word,
    looks_personal,
    record_token,
)

OUTCOMES = {"ok": 1, "retry": 2, "failed": 3, "dead_letter": 4, "manual": 5, "cancelled": 6}
AMOUNT_KINDS = {"gross": 1, "expected_net": 2, "paid": 3}

# Fifteen digits of minor units; whatever does not fit raises instead of rounding.
_MONEY = Context(prec=15, Emax=14, traps=[Inexact, InvalidOperation, Overflow])
_MINOR = Decimal(100)
_UNWANTED = re.compile(r"[^A-Za-z0-9 ._:;/^*#+()\[\]-]")
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2100


class Stage(msgspec.Struct, frozen=True, gc=False):
    """What a stage's code stands for."""

    workflow_id: int
    stage_id: int
    rank: int


class Kept(msgspec.Struct):
    """The tokens of an event that lay in quarantine, where the numbers themselves were not kept."""

    business_keys: list[BusinessKey]
    records: list[str]


class Directory(msgspec.Struct, frozen=True):
    """What of the catalogue one sender may name, by the names it uses, and which times."""

    source_id: int
    stages: Mapping[tuple[str, str], Stage]
    workflows: Mapping[str, int]
    facilities: Mapping[str, int]
    interfaces: Mapping[str, int]
    systems: Mapping[str, int]
    allowed: frozenset[int] | None
    version: int
    earliest: int
    latest: int
    currency: str

    @property
    def scope(self) -> list[int] | None:
        """The facilities the sender may speak for, None for all."""
        return None if self.allowed is None else sorted(self.allowed)


def resolve(event: WireEvent, names: Directory, kept: Kept | None = None) -> CanonicalEvent:
    """The canonical event; refused with the first reason found."""
    if type(event) is StageEvent:
        return _stage(event, names, kept)
    return _signal(event, names, kept)


def is_test(event: WireEvent) -> bool:
    """Test events are acknowledged and never kept."""
    return type(event) is StageEvent and event.data.test is True


def microseconds(moment: datetime) -> int:
    """A time as microseconds since 1970; exact, the float carries 2^53 of them."""
    return round(moment.timestamp() * 1e6)


def _stage(event: StageEvent, names: Directory, kept: Kept | None) -> CanonicalEvent:
    data = event.data
    subject = event.subject
    at = _time(event, names)
    stage = names.stages.get((data.workflow, data.stage)) or _unknown_stage(data.workflow, names)
    facility_id = _facility(data.facility, names)
    if looks_personal(subject):
        raise _personal("/subject")
    minor = None
    if data.amount is not UNSET and data.amount is not None:
        minor = _money(data.amount, data.currency or names.currency, names)
    return CanonicalEvent(
        Kind.STAGE,
        event_key(names.source_id, event.source, event.id),
        transaction_id(stage.workflow_id, subject),
        at,
        stage.workflow_id,
        facility_id,
        _interface(data.interface, names) if data.interface else None,
        stage.stage_id,
        stage.rank,
        OUTCOMES[data.outcome],
        data.attempt or 1,
        minor,
        AMOUNT_KINDS[data.amount_kind] if data.amount_kind else None,
        event.id,
        event.source,
        subject,
        _error(data.error) if data.error else None,
        _payer(data.payer) if data.payer else None,
        _date(data.service_date, "/data/service_date") if data.service_date else None,
        _business_keys(data.business_keys, kept),
        data.contract_version or None,
        data.backfill is True,
        None,
    )


def _signal(event: WireEvent, names: Directory, kept: Kept | None) -> CanonicalEvent:
    """A fact about no stage: its figures travel in `data`, already resolved."""
    at = _time(event, names)
    workflow_id = facility_id = 0
    interface_id = None
    match event:
        case CheckpointEvent(data=data):
            kind, facts = Kind.CHECKPOINT, _checkpoint(event, names, kept)
            workflow_id = _workflow(data.workflow, names)
            facility_id = _facility(data.facility, names)
        case FinanceEvent(data=data):
            kind, facts = Kind.FINANCE, _finance(event)
            facility_id = _facility(data.facility, names)
        case HeartbeatEvent(data=data):
            kind, facts = Kind.HEARTBEAT, _heartbeat(event)
            interface_id = _interface(data.interface, names)
        case ContractEvent(data=data):
            kind, facts = Kind.CONTRACT, _contract(event)
            interface_id = _interface(data.interface, names)
    return CanonicalEvent(
        kind=kind,
        event_key=event_key(names.source_id, event.source, event.id),
        transaction_id="",
        occurred_at=at,
        workflow_id=workflow_id,
        facility_id=facility_id,
        interface_id=interface_id,
        stage_id=0,
        rank=0,
        outcome=0,
        attempt=0,
        amount_minor=None,
        amount_kind=None,
        event_id=event.id,
        ce_source=event.source,
        correlation_id="",
        error=None,
        payer=None,
        service_date=None,
        business_keys=None,
        contract_version=None,
        backfill=False,
        data=facts,
    )


def _checkpoint(event: CheckpointEvent, names: Directory, kept: Kept | None) -> dict[str, object]:
    data = event.data
    if data.system not in names.systems:
        raise Refused(Code.INVALID_DATA, "/data/system", "No system has this code.")
    facts: dict[str, object] = {
        "business_date": _date(data.business_date, "/data/business_date"),
        "side": data.side,
        "system_id": names.systems[data.system],
        "count": data.count,
        "amount_minor": _money(data.amount, names.currency, names),
    }
    if records := kept.records if kept else [record_token(key) for key in data.keys or ()]:
        facts["keys"] = records
    return facts


def _finance(event: FinanceEvent) -> dict[str, object]:
    data = event.data
    if not data.value.is_finite() or abs(data.value.adjusted()) > 15:
        message = "value must be a finite decimal of at most 16 digits before the point."
        raise Refused(Code.INVALID_AMOUNT, "/data/value", message)
    return {
        "date": _date(data.date, "/data/date"),
        "measure": _clean(data.measure),
        "value": f"{data.value:f}",
    }


def _heartbeat(event: HeartbeatEvent) -> dict[str, object]:
    data = event.data
    facts = {
        "queue_depth": data.queue_depth,
        "oldest_age_seconds": data.oldest_age_seconds,
        "status": _clean(data.status) if data.status else None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None and fact is not UNSET}


def _contract(event: ContractEvent) -> dict[str, object]:
    data = event.data
    return {
        "version": _clean(data.version),
        "digest": _clean(data.digest),
        "effective_at": microseconds(data.effective_at),
    }


def _time(event: WireEvent, names: Directory) -> int:
    at = round(event.time.timestamp() * 1e6)
    if at > names.latest:
        message = "time lies further ahead of our clock than the allowed skew."
        raise Refused(Code.TIME_IN_FUTURE, "/time", message)
    if at < names.earliest:
        raise Refused(Code.TIME_TOO_OLD, "/time", "time lies before the period that is kept.")
    return at


def _workflow(code: str, names: Directory) -> int:
    workflow_id = names.workflows.get(code)
    if workflow_id is None:
        raise Refused(Code.UNKNOWN_WORKFLOW, "/data/workflow", "No workflow has this code.")
    return workflow_id


def _unknown_stage(workflow: str, names: Directory) -> Stage:
    _workflow(workflow, names)
    raise Refused(Code.UNKNOWN_STAGE, "/data/stage", "This workflow has no stage of this code.")


def _facility(name: str, names: Directory) -> int:
    facility_id = names.facilities.get(name)
    if facility_id is None:
        message = "No facility has this code, nor this alias in the sender's system."
        raise Refused(Code.UNKNOWN_FACILITY, "/data/facility", message)
    if names.allowed is not None and facility_id not in names.allowed:
        message = "The key may not speak for this facility."
        raise Refused(Code.FACILITY_FORBIDDEN, "/data/facility", message, facility_id=facility_id)
    return facility_id


def _interface(code: str, names: Directory) -> int:
    interface_id = names.interfaces.get(code)
    if interface_id is None:
        raise Refused(Code.UNKNOWN_INTERFACE, "/data/interface", "No interface has this code.")
    return interface_id


def _money(amount: Decimal, currency: str, names: Directory) -> int:
    if currency != names.currency:
        message = f"Amounts are kept in {names.currency} only."
        raise Refused(Code.UNSUPPORTED_CURRENCY, "/data/currency", message)
    try:
        exact = _MONEY.multiply(amount, _MINOR)
        minor = int(exact)
    except (ArithmeticError, ValueError):
        raise _bad_amount() from None
    if minor != exact:
        raise _bad_amount()
    return minor


def _bad_amount() -> Refused:
    message = "An amount has at most two decimals and 13 digits before them."
    return Refused(Code.INVALID_AMOUNT, "/data/amount", message)


def _date(day: date, pointer: str) -> str:
    if not _EARLIEST_YEAR <= day.year < _LATEST_YEAR:
        message = f"A date lies between {_EARLIEST_YEAR} and {_LATEST_YEAR}."
        raise Refused(Code.INVALID_DATA, pointer, message)
    return day.isoformat()


def _payer(payer: str) -> str:
    if looks_personal(payer):
        raise _personal("/data/payer")
    return _clean(payer)


def _error(error: NativeError) -> tuple[str, str, str, str]:
    """The error without its message: free text is where names and numbers of people hide."""
    return (
        _clean(error.standard or ""),
        _clean(error.code or ""),
        _clean(error.location or ""),
        "",
    )


def _clean(text: str) -> str:
    """A code or a path, without the characters that neither needs."""
    return _UNWANTED.sub("", text)


def _business_keys(
    keys: dict[str, str] | UnsetType | None, kept: Kept | None
) -> list[BusinessKey] | None:
    if kept:
        return kept.business_keys or None
    if not keys:
        return None
    found = []
    for kind, value in keys.items():
        if not is_business_kind(kind) or looks_personal(value):
            raise _bad_business_key(kind)
        found.append(business_key(kind, value))
    found.sort()
    return found


def _bad_business_key(kind: str) -> Refused:
    if not is_word(kind):
        message = "The kind of a business key is a short word such as account or claim."
        return Refused(Code.INVALID_DATA, "/data/business_keys", message)
    return _personal(f"/data/business_keys/{kind}")


def _personal(pointer: str) -> Refused:
    message = "This looks like a person's number or name. It must not be sent."
    return Refused(Code.PHI_SUSPECTED, pointer, message)
