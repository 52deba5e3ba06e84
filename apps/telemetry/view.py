"""What may be shown, and kept, of a refused event: named fields only, business keys as tokens.

It is enough to correct the event and send it on its way without asking the sender again, and holds
nothing that an accepted event would not have held.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeGuard

import msgspec

from apps.telemetry.formats import Reading, Unreadable
from apps.telemetry.formats.events import TYPES
from apps.telemetry.formats.strict import UNSAFE
from apps.telemetry.resolve import Directory
from apps.telemetry.tokens import (
    BusinessKey,
    business_key,
    is_business_kind,
    looks_personal,
    record_token,
)

ENVELOPE = ("specversion", "id", "source", "type", "time", "subject")
MAX_BUSINESS_KEYS = 16
MAX_RECORDS = 1000
_MAX_TEXT = 256


def document_of(reading: Reading) -> Mapping[str, Any]:
    """The event as a document, whether it was understood or not; empty if it is no object."""
    document = reading.document if type(reading) is Unreadable else msgspec.to_builtins(reading)
    return document if isinstance(document, dict) else {}


def event_id_of(reading: Reading) -> str:
    """The sender's id of an event, as far as there is one."""
    return text_of(document_of(reading).get("id"))


def content_of(reading: Reading) -> bytes:
    """All that an event says, to know it by when it comes again. Never stored."""
    return reading.text if type(reading) is Unreadable else msgspec.json.encode(reading)


def is_marked_test(reading: Reading) -> bool:
    """Whether a refused event was only a test: answered, never kept."""
    data = document_of(reading).get("data")
    return isinstance(data, dict) and data.get("test") is True


def quarantine_view(reading: Reading, names: Directory) -> dict[str, Any]:
    """The masked view of a refused event, with the scope of the key that sent it."""
    document = document_of(reading)
    data = document.get("data")
    data = data if isinstance(data, dict) else {}
    return {
        "event": _visible(document, data),
        "business_keys": _business_keys(data.get("business_keys")),
        "records": _records(data.get("keys")),
        "scope": None if names.allowed is None else sorted(names.allowed),
    }


def facility_of(view: Mapping[str, Any], names: Directory) -> int | None:
    """The facility a refused event speaks of, if the catalogue knows it."""
    return names.facilities.get(view["event"].get("data", {}).get("facility"))


def text_of(value: object) -> str:
    """A text that every page and every row can hold, whatever was sent.

    What is no text, or a person's number, becomes the empty text.
    """
    if not isinstance(value, str) or looks_personal(value):
        return ""
    return UNSAFE.sub("\ufffd", value[:_MAX_TEXT])


def is_keepable(value: object) -> TypeGuard[str]:
    """Whether a value is a text that can be kept just as it is; only such a one has a token."""
    return bool(value) and text_of(value) == value


def _visible(document: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes and fields that have a name here, where they hold a plain value."""
    shown = _plain(document, ENVELOPE)
    schema = TYPES.get(shown.get("type", ""))
    if schema is not None:
        fields = schema.__annotations__["data"].__struct_fields__
        shown["data"] = _plain(data, fields)
        if isinstance(error := data.get("error"), dict):
            shown["data"]["error"] = _plain(error, ("standard", "code", "location"))
    return shown


def _plain(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    plain = {name: _scalar(values[name]) for name in names if name in values}
    return {name: value for name, value in plain.items() if value is not None}


def _scalar(value: object) -> Any:
    match value:
        case bool():
            return value
        case int():
            return value if abs(value) < 2**53 else None
        case Decimal():
            return str(value)[:_MAX_TEXT]
        case str():
            return text_of(value) or None
    return None


def _business_keys(keys: object) -> list[BusinessKey]:
    if not isinstance(keys, dict):
        return []
    return [
        business_key(kind, value)
        for kind, value in sorted(keys.items())[:MAX_BUSINESS_KEYS]
        if is_business_kind(kind) and is_keepable(value)
    ]


def _records(keys: object) -> list[str]:
    if not isinstance(keys, list):
        return []
    return [record_token(key) for key in keys[:MAX_RECORDS] if is_keepable(key)]
