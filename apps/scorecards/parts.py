"""The sets of transactions and of messages that figures count: one predicate each, and one place.

The recount of `verification`, the explanation of a figure and the list behind it all read these,
so they cannot mean different things. `measure` names the column of the rollups (or of the backlog)
that holds the same count, kept by the fold without reading a transaction.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import LiteralString

IS_SETTLED = "state IN (5, 6, 7)"
IS_COMPLETED = "state = 5"
IS_OPEN = "state < 5"
IS_TROUBLED = "state IN (3, 4)"
IS_OVERDUE = "state < 5 AND sla = 2 AND stopped_at IS NULL"
IS_BUSINESS_OVERDUE = "state < 5 AND business_sla = 2 AND business_stopped_at IS NULL"
IS_AT_RISK = f"({IS_TROUBLED} OR {IS_OVERDUE} OR {IS_BUSINESS_OVERDUE})"
# A moment that lies in a window is there; what began before its clock did has no latency.
ALWAYS = "TRUE"
MESSAGE_TABLE = "telemetry_event"
LATENCY_MS = "scorecards_latency_ms(started_at, stopped_at)"
BUSINESS_LATENCY_MS = "scorecards_latency_ms(business_started_at, business_stopped_at)"


class Role(StrEnum):
    """What a part does to the figure."""

    GOOD = "good"
    BAD = "bad"
    COUNTED = "counted"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Part:
    """Transactions of one kind, or messages.

    They are counted where `at` lies in the window; without it, if they are so now. The oldest come
    first where they wait, the newest otherwise.
    """

    code: str
    name: str
    role: Role
    measure: LiteralString
    condition: LiteralString
    at: LiteralString = ""
    amount: LiteralString = ""
    # Whether `measure` is only an upper bound, because the backlog keeps the dollars alone.
    is_bounded: bool = False
    # Whether rollups or backlog keep it; what none keeps is counted whenever somebody asks.
    is_kept: bool = True
    table: LiteralString = "telemetry_transaction"

    @property
    def is_standing(self) -> bool:
        """Whether it is what is so now, whatever the window."""
        return not self.at

    @property
    def is_of_messages(self) -> bool:
        """Whether it is made of single messages, of which a transaction takes several."""
        return self.table == MESSAGE_TABLE

    @property
    def things(self) -> str:
        """What its list is of."""
        return "messages" if self.is_of_messages else "transactions"

    @property
    def order(self) -> LiteralString:
        """The column a list is in order of."""
        return self.at or "first_at"


STARTED = Part(
    "started", "started", Role.COUNTED, "started", ALWAYS, "first_at", amount="amount_started"
)
SETTLED = Part(
    "settled", "settled", Role.COUNTED, "settled", IS_SETTLED, "settled_at",
    amount="amount_settled",
)  # fmt: skip
COMPLETED = Part(
    "completed", "completed", Role.COUNTED, "completed", IS_COMPLETED, "settled_at",
    amount="amount_completed",
)  # fmt: skip
FAILED = Part("failed", "failed", Role.COUNTED, "failed", ALWAYS, "failed_at")
DEAD_LETTERED = Part(
    "dead-lettered", "dead-lettered", Role.COUNTED, "dead_lettered", ALWAYS, "dead_lettered_at"
)
MET = Part("good", "in time", Role.GOOD, "met", "sla = 1", "due_at")
LATE = Part("bad", "late", Role.BAD, "breached", "sla = 2", "due_at")
EXCUSED = Part("excluded", "excluded", Role.EXCLUDED, "excluded", "sla = 3", "due_at")
BUSINESS_MET = Part(
    "good", "in time", Role.GOOD, "business_met", "business_sla = 1", "business_due_at"
)
BUSINESS_LATE = Part(
    "bad", "late", Role.BAD, "business_breached", "business_sla = 2", "business_due_at"
)
BUSINESS_EXCUSED = Part(
    "excluded", "excluded", Role.EXCLUDED, "business_excluded", "business_sla = 3",
    "business_due_at",
)  # fmt: skip
TIMED = Part("timed", "timed", Role.COUNTED, "latencies", "started_at IS NOT NULL", "stopped_at")
BUSINESS_TIMED = Part(
    "timed", "timed", Role.COUNTED, "business_latencies", "business_started_at IS NOT NULL",
    "business_stopped_at",
)  # fmt: skip
OPEN = Part("open", "open", Role.COUNTED, "open", IS_OPEN, amount="amount_open")
OVERDUE = Part("overdue", "overdue", Role.COUNTED, "overdue", IS_OVERDUE)
BUSINESS_OVERDUE = Part("overdue", "overdue", Role.COUNTED, "business_overdue", IS_BUSINESS_OVERDUE)
TROUBLED = Part("troubled", "failed or dead-lettered", Role.COUNTED, "troubled", IS_TROUBLED)
# The backlog in steps of age. Only what is open at all is kept as a number.
AGES = tuple(
    Part(code, name, Role.COUNTED, "open", condition, amount="amount_open", is_bounded=True,
         is_kept=False)
    for code, name, condition in (
        ("open-4h", "open 0 to 4 h", "state < 5 AND first_at > now() - interval '4 hours'"),
        ("open-1d", "open 4 to 24 h", "state < 5 AND first_at <= now() - interval '4 hours'"
                                      " AND first_at > now() - interval '24 hours'"),
        ("open-3d", "open 1 to 3 d", "state < 5 AND first_at <= now() - interval '24 hours'"
                                     " AND first_at > now() - interval '3 days'"),
        ("open-7d", "open 3 to 7 d", "state < 5 AND first_at <= now() - interval '3 days'"
                                     " AND first_at > now() - interval '7 days'"),
        ("open-over-7d", "open over 7 d", "state < 5 AND first_at <= now() - interval '7 days'"),
    )
)  # fmt: skip
AT_RISK = Part(
    "at-risk", "at risk", Role.COUNTED, "open", IS_AT_RISK, amount="amount_at_risk",
    is_bounded=True,
)  # fmt: skip
MESSAGES, RETRIES, TOUCHES = (
    Part(code, name, Role.COUNTED, measure, condition, "occurred_at", table=MESSAGE_TABLE)
    for code, name, measure, condition in (
        ("messages", "messages", "events", ALWAYS),
        ("retries", "retries", "retried", "outcome = 2"),
        ("by-hand", "done by hand", "manual_touches", "outcome = 5"),
    )
)
