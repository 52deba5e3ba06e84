"""What every figure must be, counted in plain Python from all transactions: slow and obvious."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import floor

from apps.scorecards.metrics import METRICS, Kind, Metric
from apps.telemetry.models import Transaction

Test = Callable[[Transaction, datetime], bool]


def overdue(of: Transaction) -> bool:
    return of.is_open and of.sla == 2 and of.stopped_at is None


def business_overdue(of: Transaction) -> bool:
    return of.is_open and of.business_sla == 2 and of.business_stopped_at is None


def at_risk(of: Transaction) -> bool:
    return of.state in (3, 4) or overdue(of) or business_overdue(of)


def aged(at_least: timedelta, below: timedelta) -> Test:
    return lambda of, now: of.is_open and at_least <= now - of.first_at < below


HOUR, DAY, EVER = timedelta(hours=1), timedelta(days=1), timedelta(days=10_000)
# What is counted, and the moment it is counted at; without one it is what is so now.
PARTS: dict[str, dict[str, tuple[Test, str]]] = {
    "started": {"started": (lambda t, _: True, "first_at")},
    "settled": {"settled": (lambda t, _: t.state in (5, 6, 7), "settled_at")},
    "completed": {"completed": (lambda t, _: t.state == 5, "settled_at")},
    "failed": {"failed": (lambda t, _: True, "failed_at")},
    "dead-lettered": {"dead-lettered": (lambda t, _: True, "dead_lettered_at")},
    "attainment": {
        "good": (lambda t, _: t.sla == 1, "due_at"), "bad": (lambda t, _: t.sla == 2, "due_at"),
        "excluded": (lambda t, _: t.sla == 3, "due_at"),
    },
    "business-attainment": {
        "good": (lambda t, _: t.business_sla == 1, "business_due_at"),
        "bad": (lambda t, _: t.business_sla == 2, "business_due_at"),
        "excluded": (lambda t, _: t.business_sla == 3, "business_due_at"),
    },
    "p50": {"timed": (lambda t, _: t.started_at is not None, "stopped_at")},
    "business-p50": {
        "timed": (lambda t, _: t.business_started_at is not None, "business_stopped_at")
    },
    "open": {"open": (lambda t, _: t.is_open, "")},
    "overdue": {"overdue": (lambda t, _: overdue(t), "")},
    "business-overdue": {"overdue": (lambda t, _: business_overdue(t), "")},
    "troubled": {"troubled": (lambda t, _: t.state in (3, 4), "")},
    "open-4h": {"open-4h": (aged(-EVER, 4 * HOUR), "")},
    "open-1d": {"open-1d": (aged(4 * HOUR, DAY), "")},
    "open-3d": {"open-3d": (aged(DAY, 3 * DAY), "")},
    "open-7d": {"open-7d": (aged(3 * DAY, 7 * DAY), "")},
    "open-over-7d": {"open-over-7d": (aged(7 * DAY, EVER), "")},
    "amount-at-risk": {"at-risk": (lambda t, _: at_risk(t), "")},
}  # fmt: skip
for code, same in {
    "budget": "attainment", "business-budget": "business-attainment", "p95": "p50", "p99": "p50",
    "business-p95": "business-p50", "business-p99": "business-p50", "oldest": "open",
    "amount-open": "open", "amount-started": "started", "amount-settled": "settled",
    "amount-completed": "completed",
}.items():  # fmt: skip
    PARTS[code] = PARTS[same]


@dataclass(frozen=True)
class Brute:
    """The transactions of some cells in a window, and what they make."""

    rows: list[Transaction]
    start: datetime
    end: datetime
    now: datetime
    objective: Callable[[Transaction, str], Decimal]

    def part(self, metric: str, part: str) -> list[Transaction]:
        holds, at = PARTS[metric][part]
        return [one for one in self.rows if holds(one, self.now) and self._lies_in(one, at)]

    def _lies_in(self, of: Transaction, at: str) -> bool:
        moment = getattr(of, at) if at else None
        return not at or (moment is not None and self.start <= moment < self.end)

    def value(self, metric: Metric) -> float | None:
        parts = {code: self.part(metric.code, code) for code in PARTS[metric.code]}
        [first, *_] = parts.values()
        good, bad = len(parts.get("good", ())), len(parts.get("bad", ()))
        match metric.kind:
            case Kind.SHARE:
                return good / (good + bad) if good + bad else None
            case Kind.BUDGET:
                return self._allowed(metric) - bad if good + bad else None
            case Kind.MONEY:
                return sum(one.amount_minor or 0 for one in first)
            case Kind.COUNT:
                return len(first)
            case Kind.AGE:
                return max(
                    ((self.now - one.first_at).total_seconds() for one in first), default=None
                )
        raise AssertionError("a percentile is compared within its limit")

    def _allowed(self, metric: Metric) -> int:
        """Per workflow, each by the objective that held when it was due."""
        due = [*self.part(metric.code, "good"), *self.part(metric.code, "bad")]
        lines: dict[int, Decimal] = {}
        for one in due:
            share = 1 - self.objective(one, metric.clock.value)
            lines[one.workflow_id] = lines.get(one.workflow_id, Decimal(0)) + share
        return sum(floor(one) for one in lines.values())

    def latencies(self, metric: Metric) -> list[int]:
        prefix = "business_" if metric.clock == "business" else ""
        return sorted(
            max(0, (getattr(one, f"{prefix}stopped_at") - getattr(one, f"{prefix}started_at"))
                // timedelta(milliseconds=1))
            for one in self.part(metric.code, "timed")
        )  # fmt: skip


def dollars(rows: Iterable[Transaction]) -> int:
    return sum(one.amount_minor or 0 for one in rows)


def is_complete() -> bool:
    """Every metric has its brute force."""
    return set(PARTS) == set(METRICS)
