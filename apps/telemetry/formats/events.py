"""The events a source may send, as types: the decoder and the API description both read them.

Optional fields default to UNSET, not None: re-encoding an event then gives back exactly the members
that were sent, which is how `cloudevents` proves that none of them was sent twice.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Attribute = Annotated[str, Meta(min_length=1, max_length=256)]
Short = Annotated[str, Meta(min_length=1, max_length=64)]
Amount = Annotated[
    Decimal, Meta(description="Text or number, two decimals at most, 13 digits before them")
]
FacilityName = Annotated[
    str, Meta(min_length=1, max_length=80, description="Code, or alias in the sender's system")
]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339, offset required")]
Attempt = Annotated[int, Meta(ge=1, le=32767)]
Count = Annotated[int, Meta(ge=0, le=9_007_199_254_740_991)]
BusinessKeys = Annotated[
    dict[str, Annotated[str, Meta(min_length=1, max_length=128)]],
    Meta(max_length=16, description="Kind (account, claim, encounter, ...) to number"),
]
Outcome = Literal["ok", "retry", "failed", "dead_letter", "manual", "cancelled"]
AmountKind = Literal["gross", "expected_net", "paid"]


class NativeError(Struct, forbid_unknown_fields=True, gc=False):
    """What went wrong, in the words of the standard it went wrong in. The message is never kept."""

    standard: Short | UnsetType | None = UNSET
    code: Short | UnsetType | None = UNSET
    location: Short | UnsetType | None = UNSET
    message: Annotated[str, Meta(max_length=4096)] | UnsetType | None = UNSET


class StageData(Struct, forbid_unknown_fields=True, gc=False):
    """One stage of one transaction was reached, retried or failed."""

    workflow: Short
    facility: FacilityName
    stage: Short
    outcome: Outcome
    interface: Short | UnsetType | None = UNSET
    attempt: Attempt | UnsetType | None = UNSET
    amount: Amount | UnsetType | None = UNSET
    currency: Short | UnsetType | None = UNSET
    amount_kind: AmountKind | UnsetType | None = UNSET
    business_keys: BusinessKeys | UnsetType | None = UNSET
    payer: Short | UnsetType | None = UNSET
    service_date: date | UnsetType | None = UNSET
    error: NativeError | UnsetType | None = UNSET
    contract_version: Short | UnsetType | None = UNSET
    backfill: bool | UnsetType | None = UNSET
    test: bool | UnsetType | None = UNSET


class CheckpointData(Struct, forbid_unknown_fields=True, gc=False):
    """How many, and how much, one side of an interface counted for a business date."""

    workflow: Short
    facility: FacilityName
    business_date: date
    side: Literal["source", "target"]
    system: Short
    count: Count
    amount: Amount
    keys: Annotated[list[Attribute], Meta(max_length=1000)] | UnsetType | None = UNSET


class FinanceData(Struct, forbid_unknown_fields=True, gc=False):
    """One figure of the financial feed behind the KPIs."""

    facility: FacilityName
    date: date
    measure: Short
    value: Decimal


class HeartbeatData(Struct, forbid_unknown_fields=True, gc=False):
    """An interface is alive, and how much waits in it."""

    interface: Short
    queue_depth: Count | UnsetType | None = UNSET
    oldest_age_seconds: Count | UnsetType | None = UNSET
    status: Short | UnsetType | None = UNSET


class ContractData(Struct, forbid_unknown_fields=True, gc=False):
    """An interface speaks another version of its contract from some time on."""

    interface: Short
    version: Short
    digest: Attribute
    effective_at: Instant


class _Envelope(Struct, tag_field="type", forbid_unknown_fields=True, gc=False, kw_only=True):
    """The CloudEvents attributes that need no second look; others take the careful path."""

    specversion: Literal["1.0"]
    id: Attribute
    source: Attribute
    time: Instant
    datacontenttype: Literal["application/json"] | UnsetType | None = UNSET
    dataschema: Attribute | UnsetType | None = UNSET
    traceparent: Attribute | UnsetType | None = UNSET
    partitionkey: Attribute | UnsetType | None = UNSET
    sequence: Attribute | UnsetType | None = UNSET


class StageEvent(_Envelope, kw_only=True, tag="throughline.stage.v1"):
    """A stage event; its subject is the correlation id of the transaction."""

    subject: Attribute
    data: StageData


class CheckpointEvent(_Envelope, kw_only=True, tag="throughline.checkpoint.v1"):
    """A checkpoint event."""

    subject: Attribute | UnsetType | None = UNSET
    data: CheckpointData


class FinanceEvent(_Envelope, kw_only=True, tag="throughline.finance.v1"):
    """A finance event."""

    subject: Attribute | UnsetType | None = UNSET
    data: FinanceData


class HeartbeatEvent(_Envelope, kw_only=True, tag="throughline.heartbeat.v1"):
    """A heartbeat event."""

    subject: Attribute | UnsetType | None = UNSET
    data: HeartbeatData


class ContractEvent(_Envelope, kw_only=True, tag="throughline.contract.v1"):
    """A contract event."""

    subject: Attribute | UnsetType | None = UNSET
    data: ContractData


WireEvent = StageEvent | CheckpointEvent | FinanceEvent | HeartbeatEvent | ContractEvent
TYPES: dict[str, type[WireEvent]] = {
    str(event.__struct_config__.tag): event
    for event in (StageEvent, CheckpointEvent, FinanceEvent, HeartbeatEvent, ContractEvent)
}
