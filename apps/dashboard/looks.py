"""Every status and severity the product shows: one word, one icon, one tone, in this file alone.

Colour never carries the meaning: each has an icon of its own shape and a word. Pages ask for them
with `{% status %}` and `{% severity %}`.
"""

from dataclasses import dataclass, replace
from enum import Enum, unique

# How a bar of that tone is filled: what is well is quiet.
FILLS = {"ok": "f-mute", "warn": "f-warn", "bad": "f-bad", "info": "f-info", "mute": "f-line"}


@dataclass(frozen=True)
class Look:
    """How something is shown: tone (ok, warn, bad, info or mute), icon and word."""

    css: str
    icon: str
    word: str

    @property
    def fill(self) -> str:
        return FILLS[self.css]

    def saying(self, word: str) -> "Look":
        """The same look with more to say, as in "Late by 3 h"."""
        return replace(Look(self.css, self.icon, self.word), word=word)


@unique
class Status(Look, Enum):
    """The words of the product. A page that needs another adds it here."""

    # Whether something works.
    OK = "ok", "circle-check", "OK"
    BEHIND = "warn", "alert-triangle", "Behind"
    BROKEN = "bad", "circle-x", "Broken"

    # What an event told.
    RETRY = "warn", "refresh", "Retry"
    FAILED = "bad", "circle-x", "Failed"
    DEAD_LETTER = "bad", "mail-x", "Dead letter"
    BY_HAND = "info", "user", "By hand"
    CANCELLED = "mute", "circle-minus", "Cancelled"

    # How far a transaction is.
    IN_FLIGHT = "info", "progress", "In flight"
    RETRYING = "warn", "refresh", "Retrying"
    DEAD_LETTERED = "bad", "mail-x", "Dead-lettered"
    COMPLETED = "ok", "circle-check", "Completed"
    REJECTED = "warn", "circle-x", "Rejected"
    EXPIRED = "mute", "clock-pause", "Expired"
    REOPENED = "warn", "refresh", "Reopened"
    ON_HOLD = "mute", "hand-stop", "Waits"

    # How a clock stands.
    MET = "ok", "circle-check", "Met"
    DUE = "info", "clock", "Due"
    LATE = "bad", "circle-x", "Late"
    OVERDUE = "bad", "alert-triangle", "Overdue"
    NOT_STARTED = "mute", "circle", "Not started"
    NO_TARGET = "mute", "circle", "No target"
    EXCLUDED = "mute", "circle-minus", "Excluded"

    # How attainment stands against its objective.
    WELL_OVER = "ok", "circle-check", "Well over"
    SLIPPING = "warn", "trending-down", "Slipping"
    AT_RISK = "warn", "alert-triangle", "At risk"
    MISSED = "bad", "circle-x", "Missed"
    SILENT = "mute", "volume-off", "Silent"
    TOO_FEW = "mute", "circle", "Too few to judge"
    NOTHING_DUE = "mute", "circle", "Nothing due"

    # What an error budget asks for.
    PAGE = "bad", "flame", "Page"
    TICKET = "warn", "ticket", "Ticket"
    WATCH = "mute", "eye", "Watch"

    # Where work, keys and permissions are.
    WAITING = "info", "clock", "Waiting"
    COUNTED = "ok", "circle-check", "Counted"
    OPEN = "mute", "circle", "Open"
    RESUBMITTED = "ok", "circle-check", "Resubmitted"
    REDRIVEN = "ok", "checks", "Redriven"
    RESOLVED = "ok", "circle-check", "Resolved"
    DISCARDED = "mute", "circle-minus", "Discarded"
    ACTIVE = "ok", "circle-check", "Active"
    PENDING = "mute", "clock-pause", "Pending"
    APPROVED = "ok", "checks", "Approved"
    REFUSED = "bad", "circle-x", "Refused"
    REVOKED = "mute", "circle-minus", "Revoked"
    SWITCHED_OFF = "mute", "player-pause", "Switched off"

    # Where a case stands; of an open one, why it is open.
    CASE_NEW = "info", "circle-dot", "New"
    CASE_ESCALATING = "warn", "trending-up", "Escalating"
    CASE_REGRESSED = "bad", "arrow-back-up", "Regressed"
    CASE_RETURNED = "info", "corner-down-left", "Returned"
    CASE_UNCONFIRMED = "warn", "alert-triangle", "Unconfirmed"
    CASE_IN_PROGRESS = "info", "progress", "In progress"
    CASE_REPLAYING = "info", "refresh", "Replaying"
    CASE_VERIFYING = "ok", "circle-dashed-check", "Verifying"
    CASE_DISMISSED = "mute", "circle-minus", "Dismissed"
    CASE_STORM = "bad", "flame", "Storm"
    CASE_STORM_OVER = "mute", "clock-pause", "Over"
    CASE_MERGED = "mute", "arrow-merge", "Merged"


class Severity(Enum):
    """How much is at stake: the number decides the bars, red is for the first alone."""

    S1 = 1, "Critical"
    S2 = 2, "High"
    S3 = 3, "Moderate"
    S4 = 4, "Low"

    def __init__(self, rank: int, word: str) -> None:
        self.rank = rank
        self.word = word


def look_of(what: "Look | str") -> Look:
    """A look as it is, or by its name as it stands in a template or a column: `in_flight`."""
    return what if isinstance(what, Look) else Status[what.upper()]
