"""Cases, the causes they share, and what people do with them."""

from apps.triage.models.cases import (
    CLOSED,
    IS_OPEN,
    Case,
    CaseEvent,
    Condition,
    Group,
    ResolvedBy,
    Status,
)
from apps.triage.models.clocks import ClockMark
from apps.triage.models.policy import PolicyRound, Turn

__all__ = [
    "CLOSED",
    "IS_OPEN",
    "Case",
    "CaseEvent",
    "ClockMark",
    "Condition",
    "Group",
    "PolicyRound",
    "ResolvedBy",
    "Status",
    "Turn",
]
