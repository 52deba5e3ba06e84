"""What every figure must be, counted in plain Python from everything there is: slow and obvious."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any

from apps.catalog import sla
from apps.scorecards.burn import windows_of
from apps.scorecards.metrics import METRICS, Kind, Metric
from apps.scorecards.objectives import targets_at
from apps.scorecards.windows import window_between
from apps.telemetry.models import Event, Transaction

Test = Callable[[Transaction, datetime], bool]


def overdue(of: Transaction) -> bool:
    return of.is_open and of.sla == 2 and of.stopped_at is None


def business_overdue(of: Transaction) -> bool:
    return of.is_open and of.business_sla == 2 and of.business_stopped_at is None


def at_risk(of: Transaction) -> bool:
    return of.state in (3, 4) or overdue(of) or business_overdue(of)


def aged(at_least: timedelta, below: timedelta) -> Test:
    return lambda of, now: of.is_open and at_least <= now - of.first_at < below


MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVER = timedelta(days=10_000)
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
    "events": {"messages": (lambda e, _: True, "occurred_at")},
    "retried": {"retries": (lambda e, _: e.outcome == 2, "occurred_at")},
    "manual-touches": {"by-hand": (lambda e, _: e.outcome == 5, "occurred_at")},
    "silent": {}, "burning": {},
}  # fmt: skip
AGES = ("open-4h", "open-1d", "open-3d", "open-7d", "open-over-7d")
for code, same in {
    "budget": "attainment", "business-budget": "business-attainment", "p95": "p50", "p99": "p50",
    "business-p95": "business-p50", "business-p99": "business-p50", "oldest": "open",
    "amount-open": "open", "amount-started": "started", "amount-settled": "settled",
    "amount-completed": "completed", "burn": "attainment", "change": "attainment",
    "business-change": "business-attainment", **{f"amount-{age}": age for age in AGES},
}.items():  # fmt: skip
    PARTS[code] = PARTS[same]
# Below so many due there is nothing to compare.
ENOUGH = 20


@dataclass(frozen=True)
class Brute:
    """The transactions and messages of some cells in a window, and what they make."""

    rows: list[Transaction]
    messages: list[Event]
    start: datetime
    end: datetime
    now: datetime
    objective: Callable[[Transaction, str, datetime], Decimal]

    def part(self, metric: str, part: str) -> list[Any]:
        holds, at = PARTS[metric][part]
        rows = self.messages if METRICS[metric].is_of_messages else self.rows
        return [one for one in rows if holds(one, self.now) and self._lies_in(one, at)]

    def _lies_in(self, of: Any, at: str) -> bool:
        moment = getattr(of, at) if at else None
        return not at or (moment is not None and self.start <= moment < self.end)

    def between(self, start: datetime, end: datetime) -> "Brute":
        """The same at another time."""
        return Brute(self.rows, self.messages, start, end, self.now, self.objective)

    def value(self, metric: Metric) -> float | None:
        parts = {code: self.part(metric.code, code) for code in PARTS[metric.code]}
        good, bad = len(parts.get("good", ())), len(parts.get("bad", ()))
        first = next(iter(parts.values()), [])
        match metric.kind:
            case Kind.SHARE:
                return good / (good + bad) if good + bad else None
            case Kind.CHANGE:
                return self._change(metric, good, good + bad)
            case Kind.BUDGET:
                return self._allowed(metric) - bad if good + bad else None
            case Kind.RATE:
                return self._rate(metric, bad)
            case Kind.MONEY:
                return dollars(first)
            case Kind.COUNT:
                return len(first)
            case Kind.CELLS:
                return len(self.silent() if metric.code == "silent" else self.burning())
            case Kind.QUANTILE:
                return self.percentile(metric)
            case Kind.AGE:
                ages = ((self.now - one.first_at).total_seconds() for one in first)
                return max(ages, default=None)

    def percentile(self, metric: Metric) -> int | None:
        """The nearest rank of all latencies, in milliseconds."""
        found = self.latencies(metric)
        return found[max(1, ceil(metric.fraction * len(found))) - 1] if found else None

    def _allowed(self, metric: Metric) -> int:
        """Per workflow, each by the objective that held when it was due."""
        clock = metric.clock.value
        due = [*self.part(metric.code, "good"), *self.part(metric.code, "bad")]
        lines: dict[int, Decimal] = {}
        for one in due:
            at = one.due_at if clock == "integration" else one.business_due_at
            share = 1 - self.objective(one, clock, at)
            lines[one.workflow_id] = lines.get(one.workflow_id, Decimal(0)) + share
        return sum(floor(one) for one in lines.values())

    def _rate(self, metric: Metric, bad: int) -> float | None:
        due = [*self.part(metric.code, "good"), *self.part(metric.code, "bad")]
        allowed = sum(1 - self.objective(one, "integration", self.now) for one in due)
        return float(bad / allowed) if allowed else None

    def _change(self, metric: Metric, good: int, due: int) -> float | None:
        window = window_between(self.start - (self.end - self.start), self.start, now=self.now)
        before = self.between(window.start, self.start)
        parts = {code: len(before.part(metric.code, code)) for code in ("good", "bad")}
        due_before = parts["good"] + parts["bad"]
        if min(due, due_before) < ENOUGH:
            return None
        return 100 * (good / due - parts["good"] / due_before)

    def latencies(self, metric: Metric) -> list[int]:
        prefix = "business_" if metric.clock == "business" else ""
        return sorted(
            max(0, (getattr(one, f"{prefix}stopped_at") - getattr(one, f"{prefix}started_at"))
                // timedelta(milliseconds=1))
            for one in self.part(metric.code, next(iter(PARTS[metric.code])))
        )  # fmt: skip

    def silent(self) -> Mapping[tuple[int, int], int]:
        """Cells without a message for an hour, with the twenty or more of the week before."""
        quarter = _quarter(self.now)
        since, week = _quarter(self.now - HOUR), timedelta(days=7)
        usual = Counter(
            _cell(one) for one in self.messages if since - week <= one.occurred_at < quarter - week
        )
        heard = {_cell(one) for one in self.messages if one.occurred_at >= since}
        return {cell: n for cell, n in usual.items() if n >= ENOUGH and cell not in heard}

    def burning(self) -> set[tuple[int, int]]:
        """Cells in which a rule of burn rates holds."""
        return {cell for cell in {_cell(one) for one in self.rows} if self._burns(cell)}

    def _burns(self, cell: tuple[int, int]) -> bool:
        target = targets_at(self.now).get(cell)
        if target is None:
            return False
        judged = [one for one in self.rows if _cell(one) == cell and one.sla in (1, 2)]
        end = self.now.replace(second=0, microsecond=0) + MINUTE
        windows = [
            sla.Attainment(*(
                sum(one.sla == verdict and begin <= one.due_at < end for one in judged)
                for verdict in (1, 2)
            ))
            for begin in windows_of(target, self.now)
        ]  # fmt: skip
        rules = sla.burn_rules(target.objective, target.length)
        return sla.breaks_absolutely(target.objective, windows[3]) or any(
            sla.burns(target.objective, rule, long=windows[n], short=windows[n + 1])
            for n, rule in zip((3, 5, 7), rules, strict=True)
        )


def _cell(of: Transaction | Event) -> tuple[int, int]:
    return of.workflow_id, of.facility_id


def _quarter(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def dollars(rows: Iterable[Transaction]) -> int:
    return sum(one.amount_minor or 0 for one in rows)


def is_complete() -> bool:
    """Every metric has its brute force."""
    return set(PARTS) == set(METRICS)
