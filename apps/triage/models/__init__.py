"""Cases, the causes they share, and what people do with them."""

from apps.triage.models.acts import Look, Mention, Pace, Pend, Skip, Ticket
from apps.triage.models.bulk import BulkItem, BulkOperation, SkipReason, Verb
from apps.triage.models.cases import (
    CLOSED,
    IS_OPEN,
    Case,
    CaseEvent,
    Condition,
    Dismissal,
    Group,
    ResolvedBy,
    Status,
    Substatus,
)
from apps.triage.models.clocks import ClockMark
from apps.triage.models.policy import PolicyRound, Turn
from apps.triage.models.storms import Storm, StormEvent, StormRound
from apps.triage.models.views import SavedView

__all__ = [
    "CLOSED",
    "IS_OPEN",
    "BulkItem",
    "BulkOperation",
    "Case",
    "CaseEvent",
    "ClockMark",
    "Condition",
    "Dismissal",
    "Group",
    "Look",
    "Mention",
    "Pace",
    "Pend",
    "PolicyRound",
    "ResolvedBy",
    "SavedView",
    "Skip",
    "SkipReason",
    "Status",
    "Storm",
    "StormEvent",
    "StormRound",
    "Substatus",
    "Ticket",
    "Turn",
    "Verb",
]
