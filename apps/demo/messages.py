"""Facts as CloudEvents, ready for the wire."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from apps.demo.chance import uuid7
from apps.demo.hours import local_date
from apps.demo.journeys import Fact, Transaction

CURRENCY = "USD"
_encode = msgspec.json.Encoder().encode
# Invented numbers with as many digits as such numbers have; the first digit tells them apart.
_KEYS = {
    "account": (4_000_000_000, 999_999_937),
    "encounter": (70_000_000_000, 9_999_999_967),
    "claim": (81_000_000_000, 999_999_929),
    "remit": (520_000_000_000, 99_999_999_977),
    "authorization": (9_100_000_000, 99_999_989),
    "refund": (6_300_000, 999_983),
    "journal": (2_000_000, 999_979),
}


def encode_batch(facts: list[Fact]) -> bytes:
    """The facts as one CloudEvents batch."""
    return _encode([event(fact) for fact in facts])


def event(fact: Fact) -> dict[str, Any]:
    """A fact as a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": uuid7(fact.time, fact.number),
        "source": f"/network/{fact.leg.system}",
        "type": "throughline.stage.v1",
        "time": _timestamp(fact.time),
        "subject": fact.transaction.correlation,
        "data": _data(fact),
    }


def _data(fact: Fact) -> dict[str, Any]:
    transaction, step = fact.transaction, fact.leg.step
    data: dict[str, Any] = {
        "workflow": transaction.cell.workflow,
        "facility": transaction.facility,
        "stage": step.stage,
        "outcome": fact.outcome,
    }
    if step.interface:
        data["interface"] = step.interface
    if fact.attempt > 1:
        data["attempt"] = fact.attempt
    if fact.error:
        standard, code, location = fact.error
        data["error"] = {"standard": standard, "code": code, "location": location}
    if fact.is_first:
        _describe(data, transaction)
    elif transaction.corrected_cents and fact.outcome == "ok":
        _price(data, transaction, transaction.corrected_cents)
    return data


def _describe(data: dict[str, Any], transaction: Transaction) -> None:
    """What only the first event says: money, payer, business numbers and the day of service."""
    script = transaction.cell.script
    if transaction.cents:
        _price(data, transaction, transaction.cents)
    if transaction.payer:
        data["payer"] = transaction.payer
        service = local_date(transaction.start, transaction.cell.zone)
        data["service_date"] = str(service - timedelta(days=script.service_days))
    if script.keys:
        data["business_keys"] = {kind: _key(kind, transaction.number) for kind in script.keys}


def _price(data: dict[str, Any], transaction: Transaction, cents: int) -> None:
    script = transaction.cell.script
    assert script.amount  # noqa: S101  only workflows with money have amounts
    data["amount"] = f"{cents // 100}.{cents % 100:02}"
    data["currency"] = CURRENCY
    data["amount_kind"] = script.amount.kind


def _key(kind: str, number: int) -> str:
    first, count = _KEYS[kind]
    return str(first + number % count)


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _timestamp(moment: int) -> str:
    second, millisecond = divmod(moment, 1000)
    return f"{_second(second)}.{millisecond:03d}Z"
