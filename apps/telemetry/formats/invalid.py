"""What msgspec says of data that does not fit, in the words of a refusal: where, and what then."""

import re
from typing import Never, get_args

from apps.telemetry.formats import strict
from apps.telemetry.formats.events import AmountKind, Outcome
from apps.telemetry.refusals import Code, Refused

_PATH = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_FIELD = re.compile(r"`(?P<name>[^`]*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_CHOICES = {
    "/data/outcome": get_args(Outcome),
    "/data/amount_kind": get_args(AmountKind),
    "/data/side": ("source", "target"),
}
_AMOUNTS = ("/data/amount", "/data/value")


def refuse_invalid(error: str, event_type: str) -> Never:
    """Raise the refusal for a validation error. Its text never holds what was sent."""
    found = _PATH.search(error)
    pointer = _pointer(found["path"]) if found else ""
    problem = error[: found.start()] if found else error
    field = _FIELD.search(problem)
    if field and problem.startswith("Object contains unknown field"):
        name = strict.name_of(field["name"])
        message = f"{name} is not a field of {event_type}. Leave it out."
        raise Refused(Code.INVALID_DATA, f"{pointer}/{name}", message)
    if field and problem.startswith("Object missing required field"):
        raise _missing(f"{pointer}/{field['name']}")
    raise Refused(_code(problem, pointer), pointer, _message(problem, pointer))


def _pointer(path: str) -> str:
    """`$.data.error.code` as `/data/error/code`; a member whose name is data ends the way."""
    steps = [name or index for name, index in _STEP.findall(path)]
    return "".join(f"/{step}" for step in steps if step != "...")


def _missing(pointer: str) -> Refused:
    code = Code.INVALID_DATA if pointer.startswith("/data/") else Code.MISSING_ATTRIBUTE
    return Refused(code, pointer, f"{pointer.rsplit('/', 1)[1]} is required.")


def _code(problem: str, pointer: str) -> Code:
    if pointer in _AMOUNTS:
        return Code.INVALID_AMOUNT
    if "`int` <=" in problem or "out of range" in problem:
        return Code.TOO_LARGE_NUMBER
    return Code.INVALID_DATA if pointer.startswith("/data") else Code.INVALID_ATTRIBUTE


def _message(problem: str, pointer: str) -> str:
    name = pointer.rsplit("/", 1)[-1] or "The event"
    if pointer in _CHOICES:
        return f"{name} must be one of {', '.join(_CHOICES[pointer])}."
    if problem.startswith("Expected"):
        return f"{name} does not fit: {problem[0].lower()}{problem[1:].replace('`', '')}."
    return f"{name} does not fit: {_PLAIN.get(problem, 'not in the form the schema asks for')}."


_PLAIN = {
    "Invalid RFC3339 encoded date": "not a date such as 2026-03-02",
    "Invalid RFC3339 encoded datetime": "not a time of RFC 3339",
    "Invalid decimal string": "not a decimal number",
}
