"""One workflow at one facility: how much business, how good, and its steps ready to be walked."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log

from apps.demo.chance import NORMAL, fraction
from apps.demo.hours import DAY, is_first_workday, is_month_end, local
from apps.demo.network import Network
from apps.demo.places import Facility
from apps.demo.world import Script, Shape, Step, milliseconds

# How far the timed span scatters (sigma): its p99 is about eight times its median.
SPAN_SPREAD = 0.9
# How long after its start a transaction may still bring events; the rest never ends.
HORIZON_DAYS = {"claim": 50, "refund": 40, "denial": 45, "prior_authorization": 20, "coding": 14}
HORIZON_DAYS_DEFAULT = 9
# How places differ, as multiples of the failures and delays of an ordinary one: most do well, a few
# slip, one or two are in trouble. (Up to this draw, from, to.)
QUALITY = (
    (0.80, 0.35, 1.1),
    (0.91, 1.1, 1.6),
    (0.97, 2.0, 2.8),
    (0.99, 3.5, 5.0),
    (1.00, 7.0, 10.0),
)
_MOST_LATE = 0.4
Fault = tuple[str, str, str]


@dataclass(slots=True, frozen=True)
class Leg:
    """A step with all that does not change from one transaction to the next worked out."""

    step: Step
    system: str
    # Logarithm of the median wait in milliseconds, or None if there is none of its own.
    wait: float | None
    faults: tuple[Fault, ...]
    reason: Fault | None
    # Up to which draw from 0 to 1 it ends as a dead letter, fails, or is retried.
    dead: float
    fail: float
    retry: float


@dataclass(slots=True, frozen=True)
class Cell:
    """A workflow at a facility."""

    workflow: str
    facility: str
    kind: str
    zone: str
    script: Script
    legs: tuple[Leg, ...]
    # Transactions on an ordinary weekday.
    weekday: float
    limit: float
    # How many standard deviations the limit lies above the median of the timed span.
    slack: float
    mend: float
    # Logarithm of the median amount in dollars.
    log_amount: float
    horizon: int


def cells(network: Network) -> list[Cell]:
    """Every workflow at every facility that has it."""
    return [
        _cell(network, code, script, facility)
        for code, script in network.world.workflows.items()
        for facility in network.catalogue.working
        if script.shares.get(facility.kind)
    ]


def _cell(network: Network, code: str, script: Script, facility: Facility) -> Cell:
    quality = _quality(fraction(network.seed, "quality", code, facility.code))
    systems = network.catalogue.systems
    return Cell(
        workflow=code,
        facility=facility.code,
        kind=facility.kind,
        zone=facility.time_zone,
        script=script,
        legs=tuple(
            _leg(step, systems[code, step.stage], facility.kind, quality) for step in script.steps
        ),
        weekday=_weekday(network, script, facility),
        limit=milliseconds(script.limit),
        slack=NORMAL.inv_cdf(1 - min(script.late * quality, _MOST_LATE)),
        mend=log(milliseconds(script.mend)),
        log_amount=_log_amount(script, facility.kind),
        horizon=HORIZON_DAYS.get(code, HORIZON_DAYS_DEFAULT) * DAY,
    )


def _weekday(network: Network, script: Script, facility: Facility) -> float:
    """This place's part of an ordinary weekday. Other places, new ones included, do not move it."""
    size = 0.8 + 0.4 * fraction(network.seed, "size", facility.code)
    part = script.shares[facility.kind] / network.world.shape.places[facility.kind]
    return script.weekday * part * size * (1.0 if script.batch else network.scale)


def _log_amount(script: Script, kind: str) -> float:
    amount = script.amount
    if amount is None:
        return 0.0
    return log(amount.hospital if kind == "hospital" else amount.clinic)


def _quality(draw: float) -> float:
    lower = 0.0
    for upper, least, most in QUALITY:
        if draw < upper:
            return least + (most - least) * (draw - lower) / (upper - lower)
        lower = upper
    return QUALITY[-1][2]


def _leg(step: Step, system: str, kind: str, quality: float) -> Leg:
    after = (
        step.after if isinstance(step.after, str) else step.after.get(kind, step.after["clinic"])
    )
    dead = step.dead * quality
    fail = dead + step.fail * quality
    return Leg(
        step=step,
        system=system,
        wait=log(milliseconds(after)) if after else None,
        faults=tuple(map(_fault, step.faults)),
        reason=_fault(step.reason) if step.reason else None,
        dead=dead,
        fail=fail,
        retry=fail + step.retry * quality,
    )


def _fault(text: str) -> Fault:
    standard, code, location = text.split(" ")
    return standard, code, location


class Rates:
    """The part of an ordinary weekday in an hour slot, by workflow, kind of place and zone."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.slot = -1
        self.known: dict[tuple[str, str, str], float] = {}

    def mean(self, cell: Cell, slot: int) -> float:
        """The expected number of transactions that begin in a slot."""
        if slot != self.slot:
            self.slot, self.known = slot, {}
        key = cell.workflow, cell.kind, cell.zone
        part = self.known.get(key)
        if part is None:
            part = self.known[key] = self._part(cell, slot)
        return cell.weekday * part

    def _part(self, cell: Cell, slot: int) -> float:
        curve = self.shape.curves[cell.script.curve_at(cell.kind)]
        there = local(slot, cell.zone)
        day = (self.shape.monday, 1.0, 1.0, 1.0, 1.0, curve.saturday, curve.sunday)[there.weekday]
        season = 1.0
        for factor in _seasons(cell.script, there.day.month, slot, cell.zone):
            season *= factor
        return curve.hours[there.hour] / sum(curve.hours) * day * season


def _seasons(script: Script, month: int, slot: int, zone: str) -> Iterator[float]:
    day = local(slot, zone).day
    yield script.months.get(month, 1.0)
    if month in script.first_weekday and is_first_workday(day):
        yield script.first_weekday[month]
    if is_month_end(day):
        yield script.month_end
