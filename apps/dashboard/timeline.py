"""One transaction as a timeline: a lane per event on a shared time axis, and its two clocks.

Geometry is percentages of the lane's width, so the template writes SVG attributes and no style.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.catalog import models as catalog
from apps.catalog.snapshot import Snapshot, System
from apps.dashboard import wording
from apps.dashboard.looks import Look, Status
from apps.dashboard.queries import is_reopened
from apps.telemetry.models import Event, Outcome, Transaction

STEPS = [
    timedelta(seconds=seconds)
    for seconds in (
        1,
        2,
        5,
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        10800,
        21600,
        43200,
    )
] + [timedelta(days=days) for days in (1, 2, 7, 14, 28, 91, 182, 364)]
# Labels of time have room for five, those with a day or with seconds for four, on a phone as well.
TICKS = 5
WIDE_TICKS = 4
LEAST_WIDTH = 0.7
DAY = timedelta(days=1)
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
class Axis:
    """The time all lanes share."""

    start: datetime
    end: datetime

    def at(self, moment: datetime) -> float:
        """Where a moment lies, in percent of the width."""
        return 100 * ((moment - self.start) / (self.end - self.start))


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled grid line."""

    x: str
    label: str


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
    lanes: Sequence[Lane]
    dues: Sequence[Due]
    hidden: int


def timeline(
    of: Transaction, events: Sequence[Event], *, catalogue: Snapshot, zone: ZoneInfo, now: datetime
) -> Timeline:
    """The events of a transaction as lanes, and what it waits in when it is still open."""
    axis = _axis(of, now)
    lanes = list(_lanes(events, axis, catalogue))
    hidden = max(len(lanes) - MOST_LANES, 0)
    if hidden:
        lanes[MOST_LANES // 2 : MOST_LANES // 2 + hidden] = [_left_out(hidden)]
    if of.is_open and events:
        lanes.append(_waiting(events[-1], axis, now))
    return Timeline(_ticks(axis, zone), lanes, _dues(of, axis), hidden)


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


def _axis(of: Transaction, now: datetime) -> Axis:
    end = max(of.last_at, now) if of.is_open else of.last_at
    # A due line is worth some width, but must not squeeze what happened into a corner.
    farthest = of.first_at + 2 * (end - of.first_at)
    dues = [due for due in (of.due_at, of.business_due_at) if due and due <= farthest]
    end = max(end, *dues) if dues else end
    length = max(end - of.first_at, timedelta(seconds=1))
    return Axis(of.first_at - length * 0.01, of.first_at + length * 1.03)


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


def _ticks(axis: Axis, zone: ZoneInfo) -> list[Tick]:
    length = axis.end - axis.start
    step = next((one for one in STEPS if length / one <= _most_ticks(one)), STEPS[-1])
    moment = _first_tick(axis.start, step, zone)
    ticks = []
    while moment < axis.end:
        ticks.append(Tick(f"{axis.at(moment):.2f}%", _tick_label(moment.astimezone(zone), step)))
        moment = _next_tick(moment, step, zone)
    # A label at the very edge would be cut off.
    return [tick for tick in ticks if 3 < float(tick.x[:-1]) < 97]


def _most_ticks(step: timedelta) -> int:
    return TICKS if timedelta(minutes=1) <= step < DAY / 2 else WIDE_TICKS


def _first_tick(start: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    midnight = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight.astimezone(UTC)
    while moment < start:
        moment = _next_tick(moment, step, zone)
    return moment


def _next_tick(moment: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    """Days are stepped by the wall clock, so that a change of the clocks shifts no midnight."""
    if step < DAY:
        return moment + step
    return (moment.astimezone(zone) + step).astimezone(UTC)


def _tick_label(local: datetime, step: timedelta) -> str:
    if step >= DAY or (local.hour, local.minute, local.second) == (0, 0, 0):
        return f"{local.day} {local:%b}"
    return f"{local:%H:%M:%S}" if step < timedelta(minutes=1) else f"{local:%H:%M}"
