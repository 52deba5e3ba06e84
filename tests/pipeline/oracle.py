"""What folding must give, in plain Python, from the sorted distinct events. Slow and obvious."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apps.telemetry.canonical import CanonicalEvent

OK, RETRY, FAILED, DEAD_LETTER, MANUAL, CANCELLED = 1, 2, 3, 4, 5, 6
ENDS = {"completed": 5, "rejected": 6, "cancelled": 7}
EXPIRED = 8
PENDING, MET, BREACHED, EXCLUDED = 0, 1, 2, 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Rules:
    """What the oracle must know of the catalogue."""

    end_of: dict[int, str]
    reopens: set[int]
    start: dict[tuple[int, int], int]
    stop_rank: dict[tuple[int, int], int]
    due: Callable[[int, int, int, datetime], datetime | None]
    zone: dict[int, str]
    expires_after: dict[int, timedelta]


@dataclass
class Judged:
    """One transaction as it must stand."""

    workflow: int
    facility: int
    first_at: datetime
    state: int
    amount: int | None
    settled_at: datetime | None
    failed_at: datetime | None
    dead_lettered_at: datetime | None
    clocks: dict[int, tuple[datetime | None, datetime | None, datetime | None, int]]
    events: int
    error: tuple[str, ...] = field(default=("", "", ""))

    @property
    def is_open(self) -> bool:
        return self.state < 5

    def overdue(self, clock: int) -> bool:
        _, _, stopped, verdict = self.clocks[clock]
        return self.is_open and verdict == BREACHED and stopped is None


def moment(event: CanonicalEvent) -> datetime:
    return EPOCH + timedelta(microseconds=event.occurred_at)


def judge(events: Iterable[CanonicalEvent], rules: Rules, now: datetime) -> Judged:
    """Fold one transaction's distinct events."""
    events = sorted(events, key=lambda e: (e.occurred_at, e.facility_id))
    first = events[0]
    ends = [(moment(e), _ends_as(e, rules)) for e in events if _ends_as(e, rules)]
    settled_at, settled_as = max(ends, default=(None, None))
    reopened = max((moment(e) for e in events if _reopens(e, rules)), default=None)
    is_settled = settled_at is not None and (reopened is None or reopened <= settled_at)
    progress = max(((e.rank, moment(e)) for e in events if e.outcome == OK), default=None)
    trouble = max(
        ((e.rank, moment(e), e.outcome, *_error(e)) for e in events if e.outcome in (2, 3, 4)),
        default=None,
    )
    silence = rules.expires_after.get(first.workflow_id)
    if is_settled:
        state = settled_as
    elif silence and moment(events[-1]) + silence < now:
        state = EXPIRED
    elif trouble and (progress is None or trouble[:2] > progress):
        state = trouble[2]
    else:
        state = 1
    amounts = [(e.occurred_at, e.amount_minor) for e in events if e.amount_minor is not None]
    excused_at = settled_at if is_settled and settled_as in (6, 7) else None
    return Judged(
        workflow=first.workflow_id,
        facility=first.facility_id,
        first_at=moment(first),
        state=state,
        amount=max(amounts)[1] if amounts else None,
        settled_at=settled_at,
        failed_at=min((moment(e) for e in events if e.outcome == FAILED), default=None),
        dead_lettered_at=min((moment(e) for e in events if e.outcome == DEAD_LETTER), default=None),
        clocks={c: _clock(c, events, rules, excused_at, now) for c in (1, 2)},
        events=len(events),
        error=trouble[3:] if trouble else ("", "", ""),
    )


def _ends_as(event: CanonicalEvent, rules: Rules) -> int | None:
    if event.outcome == CANCELLED:
        return 7
    return ENDS.get(rules.end_of[event.stage_id]) if event.outcome == OK else None


def _reopens(event: CanonicalEvent, rules: Rules) -> bool:
    if event.stage_id in rules.reopens and event.outcome in (1, 2, 3, 4):
        return True
    return event.outcome in (FAILED, DEAD_LETTER) and bool(rules.end_of[event.stage_id])


def _error(event: CanonicalEvent) -> tuple[str, str, str]:
    return tuple((event.error or ("", "", ""))[:3])


def _clock(clock, events, rules, excused_at, now):
    key = events[0].workflow_id, clock
    starts = [e for e in events if e.stage_id == rules.start[key]]
    stops = [moment(e) for e in events if e.outcome == OK and e.rank >= rules.stop_rank[key]]
    stopped = min(stops, default=None)
    if not starts:
        return None, None, stopped, PENDING
    started, due = min((moment(e), rules.due(*key, e.facility_id, moment(e))) for e in starts)
    return started, due, stopped, _verdict(due, stopped, excused_at, now)


def _verdict(due, stopped, excused_at, now) -> int:
    if stopped is not None:
        return MET if stopped <= due else BREACHED
    if excused_at is not None and excused_at <= due:
        return EXCLUDED
    return BREACHED if now >= due else PENDING


DAY = 3


def position(milliseconds: int) -> int:
    return min(159, math.floor(math.log(max(1, milliseconds)) / 0.17))


def cells(judged: Iterable[Judged], events: Iterable[CanonicalEvent], rules: Rules) -> dict:
    """Rollup cells {(grain, bucket, workflow, facility): {measure: value}}, zeros left out; those
    of the whole network, whose day is a date, have the facility 0."""
    found: dict[tuple, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def count(at: datetime, workflow: int, facility: int, **measures: int) -> None:
        zone = rules.zone[facility]
        date = at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
        for grain, bucket in buckets(at, zone):
            of_network = date.replace(tzinfo=UTC) if grain == DAY else bucket
            for name, value in measures.items():
                found[grain, bucket, workflow, facility][name] += value
                found[grain, of_network, workflow, 0][name] += value

    for e in events:
        count(moment(e), e.workflow_id, e.facility_id, events=1, retried=e.outcome == RETRY,
              manual_touches=e.outcome == MANUAL)  # fmt: skip
    for t in judged:
        for at, measures in _facts(t):
            if at is not None:
                count(at, t.workflow, t.facility, **measures)
    return {
        key: {name: int(value) for name, value in measures.items() if value}
        for key, measures in found.items()
        if any(measures.values())
    }


def _facts(t: Judged) -> Iterable[tuple[datetime | None, dict[str, Any]]]:
    amount = t.amount or 0
    at_risk = t.state in (3, 4) or t.overdue(1) or t.overdue(2)
    yield t.first_at, {"started": 1, "amount_started": amount, "amount_at_risk": amount * at_risk}
    if t.state in ENDS.values():
        done = t.state == 5
        yield t.settled_at, {"settled": 1, "amount_settled": amount, "completed": done,
                             "amount_completed": amount * done}  # fmt: skip
    yield t.failed_at, {"failed": 1}
    yield t.dead_lettered_at, {"dead_lettered": 1}
    for clock, prefix in ((1, ""), (2, "business_")):
        started, due, stopped, verdict = t.clocks[clock]
        if verdict:
            name = {MET: "met", BREACHED: "breached", EXCLUDED: "excluded"}[verdict]
            yield due, {prefix + name: 1}
        if started is not None and stopped is not None:
            ms = max(0, (stopped - started) // timedelta(milliseconds=1))
            yield stopped, {f"{prefix}latencies": 1, f"{prefix}latency_ms": ms,
                            f"{prefix}latency_histogram": 10 ** (12 * position(ms))}  # fmt: skip


def buckets(at: datetime, zone: str) -> list[tuple[int, datetime]]:
    local = at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    blocks = {
        7: timedelta(minutes=15),
        4: timedelta(hours=4),
        5: timedelta(days=1),
        6: timedelta(days=8),
    }
    return [
        (1, at.replace(second=0, microsecond=0)),
        (2, at.replace(minute=0, second=0, microsecond=0)),
        (DAY, local.astimezone(UTC)),
        *((grain, at - (at - EPOCH) % length) for grain, length in blocks.items()),
    ]


def backlog(judged: Iterable[Judged]) -> dict[tuple[int, int], dict[str, int]]:
    """What is open now per (workflow, facility)."""
    found: dict = defaultdict(lambda: defaultdict(int))
    for t in judged:
        if t.is_open:
            cell, amount = found[t.workflow, t.facility], t.amount or 0
            late = t.overdue(1), t.overdue(2)
            cell["open"] += 1
            cell["overdue"] += late[0]
            cell["business_overdue"] += late[1]
            cell["troubled"] += t.state in (3, 4)
            cell["amount_open"] += amount
            cell["amount_at_risk"] += amount * (any(late) or t.state in (3, 4))
    return {key: dict(cell) for key, cell in found.items()}


def oldest(judged: Iterable[Judged]) -> dict[tuple[int, int], datetime]:
    """Since when the oldest that is open is, per (workflow, facility)."""
    found: dict[tuple[int, int], datetime] = {}
    for t in judged:
        if t.is_open:
            key = t.workflow, t.facility
            found[key] = min(t.first_at, found.get(key, t.first_at))
    return found
