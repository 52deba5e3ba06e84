"""JSON as the standard has it, and no further: the careful path of every JSON format.

`json.loads` takes NaN, doubled members and half surrogates, and dies of deep nesting. Here each of
them becomes a refusal that says where it is.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from apps.telemetry.refusals import Code, Refused

MAX_DEPTH = 32
# Deeper than any sender means: not worth finding where such an item ends.
HOPELESS_DEPTH = 100_000
# Longer digits fit no bigint and are never an amount, a count or an attempt.
MAX_DIGITS = 18

# A string (or what an unclosed one leaves), a bracket or a comma. Possessive: linear in the text.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
# What CloudEvents forbids in a text: control characters, half surrogate pairs, noncharacters.
_SURROGATES = "\ud800-\udfff"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane | 0xFFFE)}{chr(plane | 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f{_SURROGATES}{_NONCHARACTERS}]")
# The same in UTF-8, from DEL on: what stands below can stand in no JSON text, and no half pairs.
UNSAFE_UTF_8 = re.compile(
    rb"\x7f|\xc2[\x80-\x9f]|\xef(?:\xb7[\x90-\xaf]|\xbf[\xbe\xbf])"
    rb"|[\xf0-\xf4][\x8f\x9f\xaf\xbf]\xbf[\xbe\xbf]"
)
# A decimal in ASCII: Python's own reader also takes 1_0, spaces and the digits of any script.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_SPACE = b" \t\r\n"


class _Doubled(dict[str, Any]):
    """An object that named a member twice."""

    member = ""


class _NotFinite:
    """Stands where NaN or Infinity was."""


class _TooLarge:
    """Stands where a number was that nothing here can hold."""


def parse(text: bytes) -> Any:
    """The document in `text`, in which `check` finds what the standard or our tables forbid."""
    if _depth(text) > MAX_DEPTH:
        raise Refused(Code.TOO_DEEP, "", f"The event nests more than {MAX_DEPTH} levels deep.")
    try:
        return json.loads(text.decode(), **_HOOKS)
    except UnicodeDecodeError as error:
        raise Refused(
            Code.INVALID_JSON, "", f"The text is not UTF-8 at byte {error.start}."
        ) from None
    except json.JSONDecodeError as error:
        raise Refused(
            Code.INVALID_JSON, "", f"Not JSON at character {error.pos}: {error.msg}."
        ) from None


def split_array(text: bytes) -> list[bytes]:
    """The items of a JSON array as texts, whatever is wrong inside them."""
    text = text.strip(_SPACE)
    if not (text.startswith(b"[") and text.endswith(b"]")):
        raise Refused(Code.INVALID_JSON, "", "A batch is one JSON array of events.")
    inner = text[1:-1]
    cuts, level = [-1], 0
    for token, level in _brackets(inner):
        if token[0] == b"," and level == 0:
            cuts.append(token.start())
    if level:
        raise Refused(Code.INVALID_JSON, "", "The array's brackets are not closed.")
    return [inner[left + 1 : right] for left, right in pairwise([*cuts, len(inner)])]


def name_of(member: str) -> str:
    """A member's name if it is an ordinary one: a strange name may itself be somebody's data."""
    return member if _PLAIN_NAME.fullmatch(member) else "?"


def check(value: Any, pointer: str = "") -> None:
    """Refuse the first thing in a document that JSON or PostgreSQL would not take."""
    match value:
        case _Doubled():
            message = f"{name_of(value.member)} is named twice in one object. Send it once."
            raise Refused(Code.DUPLICATE_KEY, f"{pointer}/{name_of(value.member)}", message)
        case _NotFinite():
            raise Refused(Code.INVALID_JSON, pointer, "NaN and Infinity are not JSON.")
        case _TooLarge():
            raise Refused(Code.TOO_LARGE_NUMBER, pointer, "The number is too large to be kept.")
        case str():
            _check_text(value, pointer)
        case dict():
            for member, inner in value.items():
                _check_text(member, pointer)
                check(inner, f"{pointer}/{name_of(member)}")
        case list():
            for index, inner in enumerate(value):
                check(inner, f"{pointer}/{index}")


def check_number(text: str, pointer: str) -> None:
    """Refuse a text that is no number, before something more tolerant reads it."""
    if not _NUMBER.fullmatch(text):
        message = "An amount is a decimal number in the digits 0 to 9, such as 1250.00."
        raise Refused(Code.INVALID_AMOUNT, pointer, message)


def _check_text(text: str, pointer: str) -> None:
    if found := UNSAFE.search(text):
        message = f"The text holds {_name(found[0])}. Leave it out."
        raise Refused(Code.CONTROL_CHARACTER, pointer, message)


def _name(unsafe: str) -> str:
    if unsafe < "\ud800":
        return "a control character"
    return "half a surrogate pair" if unsafe <= "\udfff" else "a noncharacter of Unicode"


def _depth(text: bytes) -> int:
    """How deep the brackets go; their mere number where that is already shallow enough."""
    bound = text.count(b"{") + text.count(b"[")
    if bound <= MAX_DEPTH:
        return bound
    return max(level for _, level in _brackets(text))


def _brackets(text: bytes) -> Iterator[tuple[re.Match[bytes], int]]:
    """Every bracket, comma and string, with the level of nesting after it."""
    level = 0
    for token in _TOKEN.finditer(text):
        first = token[0]
        if first in (b"{", b"["):
            level += 1
        elif first in (b"}", b"]"):
            level -= 1
        if not 0 <= level <= HOPELESS_DEPTH:
            code = Code.INVALID_JSON if level < 0 else Code.TOO_DEEP
            raise Refused(code, "", "The brackets do not match, or nest without end.")
        yield token, level


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    doubled = _Doubled(members)
    seen: set[str] = set()
    for member, _ in pairs:
        if member in seen:
            doubled.member = member
        seen.add(member)
    return doubled


def _integer(digits: str) -> Any:
    return int(digits) if len(digits.lstrip("-")) <= MAX_DIGITS else _TooLarge()


def _decimal(digits: str) -> Any:
    try:
        return Decimal(digits)
    except InvalidOperation:
        return _TooLarge()


def _constant(_: str) -> Any:
    return _NotFinite()


_HOOKS: dict[str, Any] = {
    "object_pairs_hook": _object,
    "parse_int": _integer,
    "parse_float": _decimal,
    "parse_constant": _constant,
}
