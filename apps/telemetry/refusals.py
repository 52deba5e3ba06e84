"""Why an event is refused. The codes are public: docs/ingest.md and the API page list them."""

from enum import StrEnum

import msgspec


def label_of(code: str) -> str:
    """A code in words."""
    return code.replace("_", " ").capitalize().replace("json", "JSON").replace("Phi", "PHI")


class Code(StrEnum):
    """The reasons, in the order in which an event is checked; each says how to mend it."""

    _help: str

    def __new__(cls, value: str, help: str = "") -> "Code":
        member = str.__new__(cls, value)
        member._value_ = value
        member._help = help
        return member

    @property
    def help(self) -> str:
        """What the sender should do."""
        return self._help

    @property
    def label(self) -> str:
        """The code in words."""
        return label_of(self.value)

    INVALID_JSON = (
        "invalid_json",
        "The text is not JSON (RFC 8259) in UTF-8. NaN and Infinity are not JSON.",
    )
    TOO_DEEP = "too_deep", "More than 32 levels of nesting. Send the flat fields of the schema."
    DUPLICATE_KEY = "duplicate_key", "An object names one member twice. Send it once."
    CONTROL_CHARACTER = (
        "control_character",
        "A text holds NUL, another control character, half a surrogate pair or a noncharacter.",
    )
    TOO_LARGE_NUMBER = "too_large_number", "A number is outside the range its field can hold."
    NOT_AN_OBJECT = "not_an_object", "An event is a JSON object."
    UNSUPPORTED_SPECVERSION = (
        "unsupported_specversion",
        "Send CloudEvents 1.0: specversion must be the text 1.0.",
    )
    MISSING_ATTRIBUTE = "missing_attribute", "A required attribute is absent, null or empty."
    INVALID_ATTRIBUTE = (
        "invalid_attribute",
        "A CloudEvents attribute has a name, type or form that the specification forbids.",
    )
    UNKNOWN_TYPE = (
        "unknown_type",
        "A valid CloudEvent, of a type that is not ours. Send throughline.*.v1.",
    )
    TIME_MISSING_OFFSET = "time_missing_offset", "time has no offset. End it with Z or +hh:mm."
    INVALID_DATA = "invalid_data", "The data does not fit the schema of its type."
    TIME_IN_FUTURE = (
        "time_in_future",
        "time lies ahead of our clock by more than the allowed skew. Check the sender's clock.",
    )
    TIME_TOO_OLD = "time_too_old", "time lies before the period that is kept."
    UNKNOWN_WORKFLOW = (
        "unknown_workflow",
        "No such workflow in the catalogue. Goes on by itself once it exists.",
    )
    UNKNOWN_STAGE = (
        "unknown_stage",
        "The workflow has no such stage. Goes on by itself once it exists.",
    )
    UNKNOWN_FACILITY = (
        "unknown_facility",
        "No such facility code or alias. Goes on by itself once the alias holds, which an"
        " integration lead may have to approve.",
    )
    UNKNOWN_INTERFACE = (
        "unknown_interface",
        "No such interface in the catalogue. Goes on by itself once it exists.",
    )
    FACILITY_FORBIDDEN = (
        "facility_forbidden",
        "The key may not speak for this facility. Use a key that may.",
    )
    INVALID_AMOUNT = (
        "invalid_amount",
        "An amount is a decimal with at most two places and at most 13 digits before them.",
    )
    UNSUPPORTED_CURRENCY = (
        "unsupported_currency",
        "Only one currency is kept. Convert, or ask for another installation.",
    )
    PHI_SUSPECTED = (
        "phi_suspected",
        "A field looks like a person's number or name. Do not send it at all.",
    )
    CONFLICT = (
        "conflict",
        "The source and id arrived before with other content. Send a correction under a new id.",
    )
    FOREIGN_TRANSACTION = (
        "foreign_transaction",
        "The transaction is at a facility that the key may not speak for.",
    )


# Found when events are counted, where their content is no longer at hand: nothing to correct here.
FOUND_LATE = (Code.CONFLICT, Code.FOREIGN_TRANSACTION)

# Reasons that the catalogue can remove without the sender: tried again when it changes.
MENDED_BY_CATALOGUE = (
    Code.UNKNOWN_WORKFLOW,
    Code.UNKNOWN_STAGE,
    Code.UNKNOWN_FACILITY,
    Code.UNKNOWN_INTERFACE,
)


class Refused(Exception):
    """One event cannot be accepted. The message never repeats what an unknown field held."""

    def __init__(self, code: Code, pointer: str, message: str, *, facility_id: int | None = None):
        super().__init__(message)
        self.code = code
        self.pointer = pointer
        self.message = message
        self.facility_id = facility_id


class Rejection(msgspec.Struct, kw_only=True):
    """One refused event, as the answer to the sender names it."""

    index: int
    id: str
    code: str
    pointer: str
    message: str


# What of an event nobody knew: what names the same is mended by the same entry of the catalogue.
NAMES: dict[str, str] = {
    Code.UNKNOWN_FACILITY: "facility",
    Code.UNKNOWN_WORKFLOW: "workflow",
    Code.UNKNOWN_STAGE: "stage",
    Code.UNKNOWN_INTERFACE: "interface",
}
