"""One transaction as a timeline: a lane per event on a shared time axis, and its two clocks.

Geometry is percentages of the lane's width, so the template writes SVG attributes and no style.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apps.catalog import models as catalog
from apps.catalog.snapshot import Snapshot, System
from apps.dashboard import wording
from apps.dashboard.axis import Axis, Break, Tick, axis_of, ticks
from apps.dashboard.looks import Look, Status
from apps.dashboard.queries import is_reopened
from apps.telemetry.models import Event, Outcome, Transaction

LEAST_WIDTH = 0.7
# A pause between two systems is named from here on: in time, and in share of the axis.
NAMED_PAUSE = timedelta(minutes=1)
NAMED_SHARE = 8
# More lanes than anybody reads; those in the middle are in the table of events.
MOST_LANES = 60


OUTCOMES = {
    Outcome.OK: Status.OK,
    Outcome.RETRY: Status.RETRY,
    Outcome.FAILED: Status.FAILED,
    Outcome.DEAD_LETTER: Status.DEAD_LETTER,
    Outcome.MANUAL: Status.BY_HAND,
    Outcome.CANCELLED: Status.CANCELLED,
}
# Lanes are narrow: a kind is shorter than a name.
SYSTEM_KINDS = dict(catalog.System.Kind.choices)
STATES = {
    Transaction.State.IN_FLIGHT: Status.IN_FLIGHT,
    Transaction.State.RETRYING: Status.RETRYING,
    Transaction.State.FAILED: Status.FAILED,
    Transaction.State.DEAD_LETTERED: Status.DEAD_LETTERED,
    Transaction.State.COMPLETED: Status.COMPLETED,
    Transaction.State.REJECTED: Status.REJECTED,
    Transaction.State.CANCELLED: Status.CANCELLED,
    Transaction.State.EXPIRED: Status.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Lane:
    """One event: where, what, its bar, the wait before it, and its result. `pause` names what a
    system waited for another."""

    system: str
    system_name: str
    stage: str
    is_attempt: bool
    x: str
    width: str
    wait_from: str
    look: Look
    result: str
    pause: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """When a clock is due, as a line across the lanes."""

    name: str
    x: str
    css: str


Times = tuple[datetime | None, datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class ClockView:
    """One clock of a transaction: when it started, is due and stopped, and how it stands."""

    name: str
    look: Look
    started_at: datetime | None
    due_at: datetime | None
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The lanes with their axis."""

    ticks: Sequence[Tick]
    breaks: Sequence[Break]
    lanes: Sequence[Lane]
    dues: Sequence[Due]
    hidden: int


def timeline(
    of: Transaction, events: Sequence[Event], *, catalogue: Snapshot, zone: ZoneInfo, now: datetime
) -> Timeline:
    """The events of a transaction as lanes, and what it waits in when it is still open."""
    axis = axis_of([event.occurred_at for event in events], of.first_at, _end(of, now))
    lanes = list(_lanes(events, axis, catalogue))
    hidden = max(len(lanes) - MOST_LANES, 0)
    if hidden:
        lanes[MOST_LANES // 2 : MOST_LANES // 2 + hidden] = [_left_out(hidden)]
    if of.is_open and events:
        lanes.append(_waiting(events[-1], axis, now))
    return Timeline(ticks(axis, zone), axis.breaks, lanes, _dues(of, axis), hidden)


def clocks(of: Transaction, names: dict[str, str], *, now: datetime) -> list[ClockView]:
    """Both clocks, as far as the workflow has them."""
    integration = (of.started_at, of.due_at, of.stopped_at)
    business = (of.business_started_at, of.business_due_at, of.business_stopped_at)
    pairs = (("integration", of.sla, integration), ("business", of.business_sla, business))
    return [
        ClockView(names[kind], _look_at(of, sla, times, now=now), *times)
        for kind, sla, times in pairs
        if kind in names
    ]


def sla_look(of: Transaction, *, now: datetime) -> Look:
    """How the integration clock stands, in a few words."""
    times = (of.started_at, of.due_at, of.stopped_at)
    return _look_at(of, of.sla, times, now=now)


def foremost(found: Sequence[ClockView]) -> ClockView | None:
    """The clock to look at first: one that is late, else one that runs, else one that is done."""
    order = ("bad", "warn", "info", "ok", "mute")
    return min(found, key=lambda clock: order.index(clock.look.css), default=None)


def _look_at(of: Transaction, sla: int, times: Times, *, now: datetime) -> Look:
    look = _clock_look(sla, *times, now=now)
    if times[2] and is_reopened(of):
        # The clock stopped once and for all, as it is counted; the business did not.
        return Status.REOPENED.saying(f"{look.word}, then reopened")
    return look


def _clock_look(
    sla: int,
    started: datetime | None,
    due: datetime | None,
    stopped: datetime | None,
    *,
    now: datetime,
) -> Look:
    if not started or not due:
        return Status.NO_TARGET if started else Status.NOT_STARTED
    if sla == Transaction.Sla.EXCLUDED:
        return Status.EXCLUDED
    if stopped:
        late = stopped - due
        if late <= timedelta():
            return Status.MET
        return Status.LATE.saying(f"Late by {wording.duration(late)}")
    if due <= now:
        return Status.OVERDUE.saying(f"Overdue {wording.duration(now - due)}")
    return Status.DUE.saying(f"Due in {wording.duration(due - now)}")


def _dues(of: Transaction, axis: Axis) -> list[Due]:
    """Both clocks, as far as their due times lie on the axis."""
    found = (("integration", of.due_at, "due"), ("business", of.business_due_at, "due2"))
    return [
        Due(name, f"{axis.at(at):.2f}%", css)
        for name, at, css in found
        if at and axis.start <= at <= axis.end
    ]


def _end(of: Transaction, now: datetime) -> datetime:
    """Where the axis ends: now, or with the last event, or with a clock that is due soon after."""
    end = max(of.last_at, now) if of.is_open else of.last_at
    # A due line is worth some width, but must not squeeze what happened into a corner.
    farthest = of.first_at + 2 * (end - of.first_at)
    dues = [due for due in (of.due_at, of.business_due_at) if due and due <= farthest]
    return max(end, *dues) if dues else end


def _lanes(events: Sequence[Event], axis: Axis, catalogue: Snapshot) -> Iterator[Lane]:
    """A lane per event; a system is named where the transaction enters it."""
    before, before_system = None, None
    for event in events:
        stage = catalogue.stages_by_id.get(event.stage_id)
        system = _system(stage.system_id if stage else None, catalogue)
        shown = system if system != before_system else None
        yield _lane(before, event, axis, stage.name if stage else f"Stage {event.rank}", shown)
        before, before_system = event, system


def _system(id: int | None, catalogue: Snapshot) -> System | None:
    return next((one for one in catalogue.document.systems if one.id == id), None)


def _lane(
    before: Event | None, event: Event, axis: Axis, stage: str, system: System | None
) -> Lane:
    """Its bar reaches from the event before; a repeated attempt only waited until then, and so did
    a system that the work took long to reach."""
    is_attempt = before is not None and before.stage_id == event.stage_id
    gap = event.occurred_at - before.occurred_at if before else None
    since = axis.at(before.occurred_at if before else event.occurred_at)
    pause = _pause(gap, axis.at(event.occurred_at) - since, system) if not is_attempt else ""
    waited = is_attempt or bool(pause)
    start = axis.at(event.occurred_at) if waited else since
    width = max(axis.at(event.occurred_at) - start, LEAST_WIDTH)
    look = OUTCOMES[Outcome(event.outcome)]
    return Lane(
        SYSTEM_KINDS[system.kind] if system else "",
        system.name if system else "",
        f"Attempt {event.attempt} after {wording.duration(gap)}" if is_attempt and gap else stage,
        is_attempt,
        f"{min(start, 100 - width):.2f}%",
        f"{width:.2f}%",
        f"{since:.2f}%" if waited else "",
        look,
        _result(event, look, gap),
        pause,
    )


def _pause(gap: timedelta | None, share: float, entered: System | None) -> str:
    """What a long hand-over to another system is called; a short one, or none, is not."""
    if gap is None or entered is None or gap < NAMED_PAUSE or share < NAMED_SHARE:
        return ""
    return f"waited {wording.duration(gap)} for {entered.name}"


def _left_out(hidden: int) -> Lane:
    label = f"{hidden} more events, all of them in the table below"
    return Lane("", "", label, False, "0%", "0%", "", Status.ON_HOLD, "")


def _result(event: Event, look: Look, gap: timedelta | None) -> str:
    """The native error where there is one; how long it took to get here if all was well."""
    if event.error_code or look is not Status.OK:
        return event.error_code or look.word
    return wording.duration(gap) if gap is not None else "Start"


def _waiting(last: Event, axis: Axis, now: datetime) -> Lane:
    start = axis.at(last.occurred_at)
    width = max(axis.at(max(now, last.occurred_at)) - start, LEAST_WIDTH)
    waited = wording.duration(max(now - last.occurred_at, timedelta()))
    label = "Waits for a person" if last.outcome in (3, 4) else "Waits for the next stage"
    return Lane("", "", label, False, f"{start:.2f}%", f"{width:.2f}%", "", Status.ON_HOLD, waited)
