"""CloudEvents 1.0 over HTTP: structured, batch and binary mode, and lines of structured events.

Two paths that accept the same events. The quick one hands the whole body to msgspec; what it
declines is read again item by item, with `strict` and every rule of the specification, so that one
bad event never sinks its neighbours and each refusal says what is wrong.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec

from apps.telemetry.formats import strict
from apps.telemetry.formats.events import TYPES, Instant, WireEvent
from apps.telemetry.formats.invalid import refuse_invalid
from apps.telemetry.refusals import Code, Refused


class Unreadable(msgspec.Struct, gc=False):
    """An event that could not be read, with as much of its document as could, and as it came."""

    refusal: Refused
    document: Any = None
    text: bytes = b""


Reading = WireEvent | Unreadable

_EXPECTED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encode = msgspec.json.Encoder().encode
_one: msgspec.json.Decoder[WireEvent] = msgspec.json.Decoder(WireEvent)
_many: msgspec.json.Decoder[list[WireEvent]] = msgspec.json.Decoder(list[WireEvent])
_texts: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])

_REQUIRED = ("specversion", "id", "source", "type")
# The attributes that mean something here; others are checked and then forgotten.
_KNOWN = ("specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema")
_MAX_LENGTH = 256
_INT32 = 2**31
_NAME = re.compile(r"[A-Za-z0-9]+")
_MEDIA_TYPE = re.compile(r"[\w.+!#$&^-]+/[\w.+!#$&^-]+\s*(;.*)?", re.ASCII)
_JSON_MEDIA = re.compile(r"[\w.-]+/([\w.-]+\+)?json\s*(;.*)?", re.ASCII | re.IGNORECASE)
# In the schemas of events, what is read as a decimal number; and such a member that looks odd.
_DECIMALS = ("amount", "value")
_ODD_DECIMALS = {
    name: re.compile(name + rb'\s*+:\s*+(?![-0-9n]|"-?[0-9]++(?:\.[0-9]++)?")')
    for name in (b'"amount"', b'"value"')
}
_NO_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?")


def structured(body: bytes, headers: Mapping[str, str]) -> list[Reading]:
    """One event as a JSON object."""
    reading = _read(body)
    if isinstance(reading, Unreadable) and not isinstance(reading.document, dict):
        raise reading.refusal
    return [reading]


def batch(body: bytes, headers: Mapping[str, str]) -> Iterable[Reading]:
    """A JSON array of events."""
    try:
        events = _many.decode(body)
        if _is_plain(body) and _nothing_was_dropped(body, events):
            return events
    except _EXPECTED:
        pass
    return map(_read, _items(body))


def lines(body: bytes, headers: Mapping[str, str]) -> Iterable[Reading]:
    """One event a line; empty lines do not count."""
    try:
        events = _one.decode_lines(body)
        if _is_plain(body) and _nothing_was_dropped(body, events, separators=len(events) - 1):
            return events
    except _EXPECTED:
        pass
    return (_read(line) for line in body.split(b"\n") if line.strip())


def binary(body: bytes, headers: Mapping[str, str]) -> list[Reading]:
    """One event: attributes in `ce-*` headers, its data as the body."""
    document: dict[str, Any] = {}
    try:
        for name, value in headers.items():
            if name.startswith("ce-"):
                document[name[3:]] = _header_text(value, name[3:])
        if media := headers.get("content-type"):
            document["datacontenttype"] = media
        strict.check(document)
        event_type = _check_envelope(document)
        if body and event_type in TYPES:
            document["data"] = _parse_data(body)
        return [_understand(document, event_type)]
    except Refused as refusal:
        return [Unreadable(refusal, document, _as_text(document, body))]


def understand(document: Any) -> WireEvent:
    """The event in a parsed document, by every rule of the specification."""
    return _understand(document, _check_envelope(document))


def _items(body: bytes) -> list[bytes]:
    try:
        return [bytes(text) for text in _texts.decode(body)]
    except _EXPECTED:
        return strict.split_array(body)


def _read(text: bytes) -> Reading:
    try:
        event = _one.decode(text)
        if _is_plain(text) and _nothing_was_dropped(text, event):
            return event
    except _EXPECTED:
        pass
    document = None
    try:
        document = strict.parse(text)
        _forget_free_text(document)
        strict.check(document)
        return understand(document)
    except Refused as refusal:
        return Unreadable(refusal, document, text)


def _forget_free_text(document: Any) -> None:
    """An error's message is never kept, so nothing in it, such as a line break, can be wrong."""
    match document:
        case {"data": {"error": {"message": str()} as error}}:
            del error["message"]


def _is_plain(body: bytes) -> bool:
    """Whether msgspec reads the body as strictly as we do: texts as safe, numbers as numbers.

    Texts with backslashes, rare and often odd, may hide anything and take the careful path.
    """
    if b"\\" in body or b"\x7f" in body:
        return False
    if not body.isascii() and strict.UNSAFE_UTF_8.search(body):
        return False
    return not any(name in body and odd.search(body) for name, odd in _ODD_DECIMALS.items())


def _nothing_was_dropped(body: bytes, events: object, *, separators: int = 0) -> bool:
    """Whether every member of the body is in what was decoded from it: no name came twice.

    Members and items are parted by commas, and re-encoding gives back exactly what was sent, so a
    member that was dropped shows as a missing comma. Without backslashes texts hold the same commas
    before and after.
    """
    return body.count(b",") + separators == _encode(events).count(b",")


def _check_envelope(document: Any) -> str:
    """The type of a well-formed CloudEvent; whether it is ours is another question."""
    if not isinstance(document, dict):
        raise Refused(Code.NOT_AN_OBJECT, "", "An event is a JSON object.")
    _check_specversion(document.get("specversion"))
    for name in _REQUIRED:
        if document.get(name) in (None, ""):
            raise Refused(Code.MISSING_ATTRIBUTE, f"/{name}", f"{name} is required.")
    for name, value in document.items():
        if name not in ("data", "data_base64") and value is not None:
            _check_attribute(name, value)
    if document.get("data") is not None and document.get("data_base64") is not None:
        message = "An event has data or data_base64, not both."
        raise Refused(Code.INVALID_ATTRIBUTE, "/data_base64", message)
    return str(document["type"])


def _check_specversion(value: Any) -> None:
    if value in (None, ""):
        raise Refused(Code.MISSING_ATTRIBUTE, "/specversion", "specversion is required.")
    if value != "1.0":
        message = 'Only CloudEvents 1.0 is understood: specversion must be the text "1.0".'
        raise Refused(Code.UNSUPPORTED_SPECVERSION, "/specversion", message)


def _check_attribute(name: str, value: Any) -> None:
    shown = f"/{strict.name_of(name)}"
    if not _NAME.fullmatch(name):
        message = "Attribute names consist of the letters a to z and digits."
        raise Refused(Code.INVALID_ATTRIBUTE, shown, message)
    if isinstance(value, str):
        _check_text_attribute(name, value, shown)
    elif name in _KNOWN:
        raise Refused(Code.INVALID_ATTRIBUTE, shown, f"{name} must be text.")
    elif isinstance(value, int) and not -_INT32 <= value < _INT32:
        message = "A whole number in an attribute must fit 32 bits. Send it as text."
        raise Refused(Code.TOO_LARGE_NUMBER, shown, message)
    elif isinstance(value, Decimal | dict | list):
        message = "An attribute is a text, a whole number or a truth value."
        raise Refused(Code.INVALID_ATTRIBUTE, shown, message)


def _check_text_attribute(name: str, value: str, shown: str) -> None:
    if name not in _KNOWN:
        return
    if not value:
        raise Refused(Code.INVALID_ATTRIBUTE, shown, f"{name} must not be empty; leave it out.")
    if len(value) > _MAX_LENGTH:
        message = f"{name} is longer than {_MAX_LENGTH} characters."
        raise Refused(Code.INVALID_ATTRIBUTE, shown, message)
    if name == "datacontenttype" and not _MEDIA_TYPE.fullmatch(value):
        message = "datacontenttype must be a media type such as application/json."
        raise Refused(Code.INVALID_ATTRIBUTE, shown, message)
    if name == "time":
        _check_time(value)


def _check_time(value: str) -> None:
    if _NO_OFFSET.fullmatch(value):
        message = "time has no offset from UTC. End it with Z or an offset such as -05:00."
        raise Refused(Code.TIME_MISSING_OFFSET, "/time", message)
    try:
        msgspec.convert({"at": value}, dict[str, Instant])
    except msgspec.ValidationError:
        message = "time must be a date and time of RFC 3339, such as 2026-03-02T09:30:00-05:00."
        raise Refused(Code.INVALID_ATTRIBUTE, "/time", message) from None


def _as_text(attributes: dict[str, Any], body: bytes) -> bytes:
    """A request in binary mode as one text, to know it by."""
    return repr(sorted(attributes.items())).encode("utf-8", "surrogatepass") + body


def _understand(document: dict[str, Any], event_type: str) -> WireEvent:
    """The event, if its type is ours and its data fits the schema of that type."""
    schema = TYPES.get(event_type)
    if schema is None:
        message = "A valid CloudEvent, but not of a type kept here (throughline.*.v1)."
        raise Refused(Code.UNKNOWN_TYPE, "/type", message)
    known = {name: document[name] for name in _KNOWN if document.get(name) is not None}
    known.pop("datacontenttype", None)
    known["data"] = data = _data(document)
    for name in _DECIMALS:
        if isinstance(data, dict) and isinstance(data.get(name), str):
            strict.check_number(data[name], f"/data/{name}")
    try:
        return msgspec.convert(known, schema)
    except msgspec.ValidationError as error:
        refuse_invalid(str(error), event_type)


def _data(document: dict[str, Any]) -> Any:
    media = document.get("datacontenttype")
    if media is not None and not _JSON_MEDIA.fullmatch(media):
        message = "The data of this type is JSON; datacontenttype must say so or be left out."
        raise Refused(Code.INVALID_DATA, "/datacontenttype", message)
    if (encoded := document.get("data_base64")) is not None:
        return _parse_data(_unbase64(encoded))
    if (data := document.get("data")) is None:
        raise Refused(Code.MISSING_ATTRIBUTE, "/data", "data is required.")
    return data


def _parse_data(text: bytes) -> Any:
    try:
        data = strict.parse(text)
    except Refused as refusal:
        raise Refused(refusal.code, "/data", refusal.message) from None
    _forget_free_text({"data": data})
    strict.check(data, "/data")
    return data


def _unbase64(encoded: Any) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, TypeError, ValueError):
        message = "data_base64 is not Base64 (RFC 4648)."
        raise Refused(Code.INVALID_DATA, "/data_base64", message) from None


def _header_text(value: str, name: str) -> str:
    """The attribute in a header: quotes off, then percent-decoded, as the HTTP binding says."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        message = f"The header ce-{strict.name_of(name)} is not percent-encoded UTF-8."
        raise Refused(Code.INVALID_ATTRIBUTE, f"/{strict.name_of(name)}", message) from None
