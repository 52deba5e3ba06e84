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

    standard: Short | None | UnsetType = UNSET
    code: Short | None | UnsetType = UNSET
    location: Short | None | UnsetType = UNSET
    message: Annotated[str, Meta(max_length=4096)] | None | UnsetType = UNSET


class StageData(Struct, forbid_unknown_fields=True, gc=False):
    """One stage of one transaction was reached, retried or failed."""

    workflow: Short
    facility: Short
    stage: Short
    outcome: Outcome
    interface: Short | None | UnsetType = UNSET
    attempt: Attempt | None | UnsetType = UNSET
    amount: Decimal | None | UnsetType = UNSET
    currency: Short | None | UnsetType = UNSET
    amount_kind: AmountKind | None | UnsetType = UNSET
    business_keys: BusinessKeys | None | UnsetType = UNSET
    payer: Short | None | UnsetType = UNSET
    service_date: date | None | UnsetType = UNSET
    error: NativeError | None | UnsetType = UNSET
    contract_version: Short | None | UnsetType = UNSET
    backfill: bool | None | UnsetType = UNSET
    test: bool | None | UnsetType = UNSET


class CheckpointData(Struct, forbid_unknown_fields=True, gc=False):
    """How many, and how much, one side of an interface counted for a business date."""

    workflow: Short
    facility: Short
    business_date: date
    side: Literal["source", "target"]
    system: Short
    count: Count
    amount: Decimal
    keys: Annotated[list[Attribute], Meta(max_length=1000)] | None | UnsetType = UNSET


class FinanceData(Struct, forbid_unknown_fields=True, gc=False):
    """One figure of the financial feed behind the KPIs."""

    facility: Short
    date: date
    measure: Short
    value: Decimal


class HeartbeatData(Struct, forbid_unknown_fields=True, gc=False):
    """An interface is alive, and how much waits in it."""

    interface: Short
    queue_depth: Count | None | UnsetType = UNSET
    oldest_age_seconds: Count | None | UnsetType = UNSET
    status: Short | None | UnsetType = UNSET


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
    datacontenttype: Literal["application/json"] | None | UnsetType = UNSET
    dataschema: Attribute | None | UnsetType = UNSET
    traceparent: Attribute | None | UnsetType = UNSET
    partitionkey: Attribute | None | UnsetType = UNSET
    sequence: Attribute | None | UnsetType = UNSET


class StageEvent(_Envelope, kw_only=True, tag="throughline.stage.v1"):
    """A stage event; its subject is the correlation id of the transaction."""

    subject: Attribute
    data: StageData


class CheckpointEvent(_Envelope, kw_only=True, tag="throughline.checkpoint.v1"):
    """A checkpoint event."""

    subject: Attribute | None | UnsetType = UNSET
    data: CheckpointData


class FinanceEvent(_Envelope, kw_only=True, tag="throughline.finance.v1"):
    """A finance event."""

    subject: Attribute | None | UnsetType = UNSET
    data: FinanceData


class HeartbeatEvent(_Envelope, kw_only=True, tag="throughline.heartbeat.v1"):
    """A heartbeat event."""

    subject: Attribute | None | UnsetType = UNSET
    data: HeartbeatData


class ContractEvent(_Envelope, kw_only=True, tag="throughline.contract.v1"):
    """A contract event."""

    subject: Attribute | None | UnsetType = UNSET
    data: ContractData


WireEvent = StageEvent | CheckpointEvent | FinanceEvent | HeartbeatEvent | ContractEvent
TYPES: dict[str, type[WireEvent]] = {
    str(event.__struct_config__.tag): event
    for event in (StageEvent, CheckpointEvent, FinanceEvent, HeartbeatEvent, ContractEvent)
}
