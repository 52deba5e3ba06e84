"""What every figure on a page means: its definition, its version, and the transactions behind it.

A page shows no figure that is not in `METRICS`. A definition that changes gets a new version here,
with the day it came into force and why; the one before it stays below as history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from apps.scorecards import parts
from apps.scorecards.parts import Part, Role


class Kind(StrEnum):
    """How the figure comes from its parts."""

    COUNT = "count"
    SHARE = "share"
    BUDGET = "budget"
    QUANTILE = "quantile"
    MONEY = "money"
    AGE = "age"
    CHANGE = "change"
    RATE = "rate"
    CELLS = "cells"


class Clock(StrEnum):
    """Which of the two clocks of a workflow a figure is about, if it is about one."""

    NONE = ""
    INTEGRATION = "integration"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class Version:
    """One wording of a definition: its number, its first day, and what it changed."""

    number: int
    since: date
    why: str


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure: what it is called, what it means, and of which parts it is made."""

    code: str
    name: str
    kind: Kind
    definition: str
    formula: str
    attribution: str
    parts: Sequence[Part]
    not_counted: str = ""
    unit: str = ""
    clock: Clock = Clock.NONE
    fraction: float = 0
    history: Sequence[Version] = ()

    @property
    def version(self) -> Version:
        """The definition in force."""
        return self.history[0]

    @property
    def is_standing(self) -> bool:
        """Whether it is about now, and no window."""
        return self.kind is Kind.CELLS or self.parts[0].is_standing

    @property
    def is_of_messages(self) -> bool:
        """Whether it counts single messages."""
        return bool(self.parts) and self.parts[0].is_of_messages

    @property
    def is_counted_now(self) -> bool:
        """Whether no rollup keeps it: it is counted whenever somebody asks."""
        return bool(self.parts) and not self.parts[0].is_kept

    def part(self, code: str) -> Part | None:
        """The part of that code."""
        return next((one for one in self.parts if one.code == code), None)

    def of_role(self, role: Role) -> Part | None:
        """The part that plays this role, of which there is one at most."""
        return next((one for one in self.parts if one.role is role), None)


FIRST = (Version(1, date(2026, 11, 21), "First definition."),)
NEAREST_RANK = (
    Version(2, date(2026, 11, 22), "Nearest rank, so that the exact percentile is that of one "
            "transaction and lies in the bucket the figure is read from."),
    Version(1, date(2026, 11, 21), "Interpolated between two ranks."),
)  # fmt: skip
JUDGED = (parts.MET, parts.LATE, parts.EXCUSED)
BUSINESS_JUDGED = (parts.BUSINESS_MET, parts.BUSINESS_LATE, parts.BUSINESS_EXCUSED)
AT_DUE_TIME = "when it fell due"
AT_STOP = "when its clock stopped"
NOW = "now"
NO_CLOCK = "What never started its clock, and what has not stopped it yet."
NOT_STOPPED = (
    "Cancelled or rejected before it was due: nobody waits for it. Open and not yet due: whether "
    "it will be in time is not known."
)


def _count(code: str, name: str, definition: str, attribution: str, part: Part) -> Metric:
    return Metric(
        code, name, Kind.COUNT, definition, f"value = {part.name}", attribution, (part,),
        history=FIRST,
    )  # fmt: skip


def _money(code: str, name: str, definition: str, attribution: str, part: Part) -> Metric:
    return Metric(
        code, name, Kind.MONEY, definition, f"value = sum of the amounts of all {part.name}",
        attribution, (part,), unit="US dollars", history=FIRST,
        not_counted="What names no amount counts as nothing. The last amount named wins.",
    )  # fmt: skip


def _attainment(code: str, name: str, clock: Clock, judged: Sequence[Part]) -> Metric:
    return Metric(
        code, name, Kind.SHARE,
        f"Of all that fell due on the {clock} clock, the share that had stopped it in time. Late "
        "and still open is late; nothing due is no data, and never 100 %.",
        "good  = stopped at or before its due time\n"
        "bad   = stopped later, or past due and still open\n"
        "value = good / (good + bad)",
        AT_DUE_TIME, judged, NOT_STOPPED, "%", clock, history=FIRST,
    )  # fmt: skip


def _budget(code: str, name: str, clock: Clock, judged: Sequence[Part]) -> Metric:
    return Metric(
        code, name, Kind.BUDGET,
        f"How many more may be late on the {clock} clock before the objective of the period is "
        "missed. Each cell and each target in force has its own allowance; they are added up.",
        "allowed = (1 - objective) x (good + bad), rounded down\n"
        "value   = allowed - bad",
        AT_DUE_TIME, judged, NOT_STOPPED, "items", clock, history=FIRST,
    )  # fmt: skip


def _change(code: str, name: str, clock: Clock, judged: Sequence[Part]) -> Metric:
    return Metric(
        code, name, Kind.CHANGE,
        f"How the share in time on the {clock} clock differs from that of the window of the same "
        "length before. Where less than twenty were due in either, there is nothing to compare.",
        "value = share in this window - share in the window before",
        AT_DUE_TIME, judged, NOT_STOPPED, "points", clock, history=FIRST,
    )  # fmt: skip


def _messages(code: str, name: str, definition: str, part: Part) -> Metric:
    return Metric(
        code, name, Kind.COUNT, definition, f"value = {part.name}",
        "when it happened, by the clock of its source", (part,), history=FIRST,
        not_counted="Duplicates, and what was refused. Heartbeats, checkpoints and other signals "
                    "belong to no transaction.",
    )  # fmt: skip


def _quantile(code: str, name: str, clock: Clock, part: Part, fraction: float) -> Metric:
    return Metric(
        code, name, Kind.QUANTILE,
        f"The time from start to stop of the {clock} clock that {fraction:.0%} of the timed ones "
        "did not exceed. Read from a histogram that adds up exactly: percentiles are never "
        "averaged.",
        f"rank  = {fraction:.2f} x latencies, rounded up\n"
        "value = latency of that rank",
        AT_STOP, (part,), NO_CLOCK, "time", clock, fraction, NEAREST_RANK,
    )  # fmt: skip


_ALL = (
    _count("started", "Started", "Transactions whose first event lies in the window.",
           "at its first event", parts.STARTED),
    _count("settled", "Settled", "Transactions that came to an end in the window and were not "
           "taken up again: completed, rejected or cancelled.", "when it ended", parts.SETTLED),
    _count("completed", "Completed", "Transactions that reached their goal in the window.",
           "when it was completed", parts.COMPLETED),
    _count("failed", "Failed", "Transactions that failed for the first time in the window, "
           "whatever became of them.", "at its first failure", parts.FAILED),
    _count("dead-lettered", "Dead-lettered", "Transactions that a system gave up for the first "
           "time in the window, whatever became of them.", "when it was given up first",
           parts.DEAD_LETTERED),
    _attainment("attainment", "Within SLA", Clock.INTEGRATION, JUDGED),
    _attainment("business-attainment", "Within SLA, business clock", Clock.BUSINESS,
                BUSINESS_JUDGED),
    _budget("budget", "Error budget left", Clock.INTEGRATION, JUDGED),
    _budget("business-budget", "Error budget left, business clock", Clock.BUSINESS,
            BUSINESS_JUDGED),
    _change("change", "Change within SLA", Clock.INTEGRATION, JUDGED),
    _change("business-change", "Change within SLA, business clock", Clock.BUSINESS,
            BUSINESS_JUDGED),
    Metric("burn", "Burn rate", Kind.RATE,
           "How many times as fast as the error budget allows transactions were late. At 1 the "
           "budget lasts exactly its 28 days. Each cell by its objective of now.",
           "good  = stopped at or before its due time\n"
           "bad   = stopped later, or past due and still open\n"
           "value = bad / ((1 - objective) x (good + bad))",
           AT_DUE_TIME, JUDGED, NOT_STOPPED, "times", Clock.INTEGRATION, history=FIRST),
    *(_quantile(f"p{percent}", f"p{percent}", Clock.INTEGRATION, parts.TIMED, percent / 100)
      for percent in (50, 95, 99)),
    *(_quantile(f"business-p{percent}", f"p{percent}, business clock", Clock.BUSINESS,
                parts.BUSINESS_TIMED, percent / 100) for percent in (50, 95, 99)),
    _count("open", "Backlog", "Transactions that have not come to an end, however old.", NOW,
           parts.OPEN),
    _count("overdue", "Overdue", "Open transactions past their due time on the integration clock, "
           "which still runs.", NOW, parts.OVERDUE),
    _count("business-overdue", "Overdue, business clock", "Open transactions past their due time "
           "on the business clock, which still runs.", NOW, parts.BUSINESS_OVERDUE),
    _count("troubled", "Failed or dead-lettered", "Open transactions whose farthest stage failed "
           "or was given up.", NOW, parts.TROUBLED),
    Metric("oldest", "Oldest open", Kind.AGE, "How long ago the oldest open transaction began.",
           "value = now - first event of the oldest", NOW, (parts.OPEN,), unit="time",
           history=FIRST),
    *(_count(part.code, f"Backlog, {part.name}", "Open transactions that began so long ago.", NOW,
             part) for part in parts.AGES),
    *(_money(f"amount-{part.code}", f"Dollars, {part.name}", "The dollars of what is open and "
             "began so long ago.", NOW, part) for part in parts.AGES),
    _messages("events", "Messages", "Messages about stages of transactions that happened in the "
              "window, each once, whatever it told.", parts.MESSAGES),
    _messages("retried", "Retries", "Messages in the window that told of another try.",
              parts.RETRIES),
    _messages("manual-touches", "Done by hand", "Messages in the window that told of a step that "
              "somebody did by hand.", parts.TOUCHES),
    Metric("silent", "Silent feeds", Kind.CELLS,
           "Feeds that said nothing for an hour although the same time a week ago brought twenty "
           "messages or more. A feed is one workflow at one facility; times are whole "
           "quarter-hours.",
           "value = busy feeds that are quiet", NOW, (),
           "What was quiet a week ago as well: nobody waits for it.", "feeds", history=FIRST),
    Metric("burning", "Burning budgets", Kind.CELLS,
           "Error budgets of 28 days that are used up so fast that somebody should look: within a "
           "long and a short window both, so that neither a single late one nor an old outage "
           "rings. The windows fit the objective and its length.",
           "value = those that page + those that open a ticket", NOW, (),
           "Budgets of which nothing fell due in 28 days, and what has no target.", "budgets",
           history=FIRST),
    _money("amount-started", "Dollars started", "The dollars of what started in the window.",
           "at its first event", parts.STARTED),
    _money("amount-settled", "Dollars settled", "The dollars of what came to an end in the window.",
           "when it ended", parts.SETTLED),
    _money("amount-completed", "Dollars completed", "The dollars of what reached its goal in the "
           "window.", "when it was completed", parts.COMPLETED),
    _money("amount-open", "Dollars open", "The dollars of all that is open.", NOW, parts.OPEN),
    _money("amount-at-risk", "Dollars at risk", "The dollars of what is open and failed, "
           "dead-lettered, or past due on either clock.", NOW, parts.AT_RISK),
)  # fmt: skip
METRICS: Mapping[str, Metric] = {one.code: one for one in _ALL}
# Transactions of one subject in one workflow are one, however many events and systems it takes.
BUSINESS_KEY = "workflow + correlation id"
MESSAGE_KEY = "source + its name in the message + message id"
