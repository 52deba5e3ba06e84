"""The state machine of a case, as data: which trigger leads where, from which states.

People's acts (apps.triage.services) move a case through `move`; the fold and the sweep move many at
once by statements that say the same, which tests hold against this table. What is not in it is a
conflict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from apps.triage.models import CLOSED, Case, Status, Substatus


class Trigger(StrEnum):
    """What may happen to a case."""

    TAKE = "take"
    RELEASE = "release"
    LAPSE = "lapse"
    ASSIGN = "assign"
    ESCALATE = "escalate"
    PEND = "pend"
    RETURN = "return"
    REPLAY = "replay"
    REPLAY_ARRIVED = "replay_arrived"
    REPLAY_FAILED = "replay_failed"
    RESOLVE = "resolve"
    RESOLVE_UNPROVEN = "resolve_unproven"
    NOT_CONFIRMED = "not_confirmed"
    TROUBLE_OVER = "trouble_over"
    TROUBLE_BACK = "trouble_back"
    CAUSE_ESCALATES = "cause_escalates"
    DISMISS = "dismiss"
    REOPEN = "reopen"
    MERGE = "merge"
    UNMERGE = "unmerge"


class Clock(StrEnum):
    """What becomes of the clock of our own promise."""

    RUNS = "runs"
    PAUSES = "pauses"
    RESUMES = "resumes"
    STOPS = "stops"
    RESTARTS = "restarts"


@dataclass(frozen=True)
class Move:
    """Where a trigger leads from some states; without `to`, it stays where it is."""

    sources: frozenset[Status]
    to: Status | None = None
    substatus: str = ""
    clock: Clock = Clock.RUNS


OPEN, IN_PROGRESS, PENDING = Status.OPEN, Status.IN_PROGRESS, Status.PENDING
REPLAYING, VERIFYING = Status.REPLAYING, Status.VERIFYING
RESOLVED, DISMISSED, MERGED = Status.RESOLVED, Status.DISMISSED, Status.MERGED
ANY_OPEN = frozenset(Status) - frozenset(CLOSED)


def _from(*sources: Status) -> frozenset[Status]:
    return frozenset(sources)


# A replay is judged where replays are; the states it leads through are part of the machine.
TABLE: Mapping[Trigger, Move] = {
    Trigger.TAKE: Move(_from(OPEN), IN_PROGRESS),
    Trigger.RELEASE: Move(_from(IN_PROGRESS), OPEN, Substatus.ONGOING),
    Trigger.LAPSE: Move(_from(IN_PROGRESS), OPEN, Substatus.ONGOING),
    Trigger.ASSIGN: Move(ANY_OPEN),
    Trigger.ESCALATE: Move(
        _from(OPEN, IN_PROGRESS, PENDING), OPEN, Substatus.ESCALATING, Clock.RESUMES
    ),
    Trigger.PEND: Move(_from(OPEN, IN_PROGRESS, PENDING), PENDING, clock=Clock.PAUSES),
    Trigger.RETURN: Move(_from(PENDING), OPEN, Substatus.RETURNED, Clock.RESUMES),
    Trigger.REPLAY: Move(_from(OPEN, IN_PROGRESS, PENDING), REPLAYING, clock=Clock.RESUMES),
    Trigger.REPLAY_ARRIVED: Move(_from(REPLAYING), VERIFYING),
    Trigger.REPLAY_FAILED: Move(_from(REPLAYING), OPEN, Substatus.ONGOING),
    Trigger.RESOLVE: Move(_from(OPEN, IN_PROGRESS, PENDING), RESOLVED, clock=Clock.STOPS),
    Trigger.RESOLVE_UNPROVEN: Move(
        _from(OPEN, IN_PROGRESS, PENDING), VERIFYING, clock=Clock.RESUMES
    ),
    Trigger.NOT_CONFIRMED: Move(_from(VERIFYING), OPEN, Substatus.UNCONFIRMED),
    Trigger.TROUBLE_OVER: Move(ANY_OPEN, RESOLVED, clock=Clock.STOPS),
    Trigger.TROUBLE_BACK: Move(
        _from(RESOLVED, DISMISSED), OPEN, Substatus.REGRESSED, Clock.RESTARTS
    ),
    Trigger.CAUSE_ESCALATES: Move(
        _from(DISMISSED), OPEN, Substatus.ESCALATING, Clock.RESTARTS
    ),
    Trigger.DISMISS: Move(ANY_OPEN, DISMISSED, clock=Clock.STOPS),
    Trigger.REOPEN: Move(_from(RESOLVED, DISMISSED), OPEN, Substatus.ONGOING, Clock.RESTARTS),
    Trigger.MERGE: Move(ANY_OPEN, MERGED, clock=Clock.STOPS),
    Trigger.UNMERGE: Move(_from(MERGED), OPEN, Substatus.ONGOING),
}  # fmt: skip


class Illegal(Exception):
    """The case is not in a state from which this can happen."""


def may(case: Case, trigger: Trigger) -> bool:
    """Whether the table knows a way."""
    return case.status in TABLE[trigger].sources


def move(case: Case, trigger: Trigger, at: datetime) -> Move:
    """Put a case (in memory) where the trigger leads; raises Illegal."""
    found = TABLE[trigger]
    if case.status not in found.sources:
        raise Illegal
    if found.to is None:
        return found
    was = case.status
    case.status, case.substatus = found.to, found.substatus
    if was == IN_PROGRESS:
        case.leased_by = case.leased_until = None
    if was == VERIFYING:
        case.verify_until = None
    if case.is_open:
        _open_again(case)
    else:
        case.resolved_at = at
    return found


def _open_again(case: Case) -> None:
    case.resolved_at, case.resolved_by, case.merged_into = None, "", None
    case.dismissal, case.review_at = "", None
