"""One transaction from its first event to its end, disturbed by the incidents it meets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp
from random import Random
from typing import NamedTuple

from apps.demo.cells import SPAN_SPREAD, Cell, Fault, Leg
from apps.demo.chance import uuid7
from apps.demo.hours import next_morning, office
from apps.demo.incidents import MINUTE, SKEW, Incident, Name, drained

# Added to the transaction's number once per event: an odd constant visits every number.
_STRIDE = 0x9E3779B97F4A7C15F39CC061
_MASK = (1 << 74) - 1
_BACKOFF = (4_000, 25_000, 110_000, 420_000)
_OUTAGE_BACKOFF = (15_000, 45_000, 120_000)
_RETRIES = 3
_MENDED = 0.7
_LEFT_OUT = 0.55
_TWINS = 0.12
_REDELIVERED = 0.35

OUTAGE = ("HTTP", "503", "/payer")
NO_ANSWER = ("AAA", "42", "2100A")
THROTTLES = (
    ("HTTP", "429", "Retry-After"),
    ("NETSUITE", "SSS_REQUEST_LIMIT_EXCEEDED", "concurrency"),
)
UNMAPPED = ("HL7", "103", "PV1-3")
DUPLICATE = ("HL7", "205", "FT1-2")


@dataclass(slots=True)
class Transaction:
    """What all events of one transaction share."""

    cell: Cell
    number: int
    correlation: str
    facility: str
    payer: str
    start: int
    cents: int
    corrected_cents: int = 0


class Fact(NamedTuple):
    """One event to be sent. Sorts by the moment at which it leaves the source."""

    sent: int
    number: int
    time: int
    transaction: Transaction
    leg: Leg
    outcome: str
    attempt: int
    error: Fault | None
    is_first: bool


@dataclass(slots=True)
class Walk:
    """A transaction on its way."""

    transaction: Transaction
    random: Random
    incidents: tuple[Incident, ...]
    now: int
    attempt: int = 1
    number: int = 0
    span: float = -1.0
    passed: set[str] = field(default_factory=set)
    facts: list[Fact] = field(default_factory=list)

    def say(self, leg: Leg, outcome: str, error: Fault | None = None) -> None:
        """An event happens now."""
        self.number = (self.number + _STRIDE) & _MASK
        first = not self.facts
        self.facts.append(
            Fact(
                self.now,
                self.number,
                self.now,
                self.transaction,
                leg,
                outcome,
                self.attempt,
                error,
                first,
            )
        )

    def until(self, moment: float) -> None:
        """Time passes, never backwards."""
        self.now = max(self.now + 1, int(moment))


def walk(transaction: Transaction, random: Random, incidents: tuple[Incident, ...]) -> list[Fact]:
    """All events of a transaction, in the order in which they happen."""
    way = Walk(transaction, random, incidents, transaction.start, number=transaction.number & _MASK)
    script, legs = transaction.cell.script, transaction.cell.legs
    last = transaction.start + transaction.cell.horizon
    cancelled_at = random.randrange(1, len(legs)) if random.random() < script.cancelled else 0
    for index, leg in enumerate(legs):
        if not _is_taken(way, leg):
            continue
        _wait(way, leg)
        if way.now > last or not _pass(way, leg, is_cancelled=0 < cancelled_at <= index):
            break
    if incidents:
        return _distorted(way.facts, incidents)
    return way.facts


def _is_taken(way: Walk, leg: Leg) -> bool:
    step = leg.step
    if step.only_after and step.only_after not in way.passed:
        return False
    if step.unless and step.unless in way.passed:
        return False
    if step.above and way.transaction.cents < 100 * step.above:
        return False
    return step.chance >= 1.0 or way.random.random() < step.chance


def _wait(way: Walk, leg: Leg) -> None:
    step, cell = leg.step, way.transaction.cell
    if step.share:
        if way.span < 0:
            way.span = _span(way, cell)
        wait = step.share * way.span
        is_open = cell.script.clock == "open"
    elif leg.wait is not None:
        wait = way.random.lognormvariate(leg.wait, step.spread)
        is_open = step.open
    else:
        return
    way.until(office(cell.zone).add(way.now, wait) if is_open else way.now + wait)


def _span(way: Walk, cell: Cell) -> float:
    """How long the timed steps take together: beyond the limit as often as the place is late."""
    limit = cell.limit
    if cell.script.clock == "morning":
        limit = next_morning(way.now, cell.zone) - way.now
    return limit * exp(SPAN_SPREAD * (way.random.gauss(0.0, 1.0) - cell.slack))


def _pass(way: Walk, leg: Leg, *, is_cancelled: bool) -> bool:
    """Whether the transaction goes on after this step."""
    if is_cancelled:
        way.say(leg, "cancelled")
        return False
    way.attempt = 1
    if way.incidents and leg.step.touches:
        _disturb(way, leg)
    draw = way.random.random()
    if draw < leg.retry and leg.faults and not _recover(way, leg, draw):
        return False
    way.say(leg, "ok", leg.reason)
    way.passed.add(leg.step.stage)
    return not leg.step.ends


def _recover(way: Walk, leg: Leg, draw: float) -> bool:
    """Trouble of the ordinary kind; whether it ends well."""
    fault = leg.faults[int(way.random.random() * len(leg.faults))]
    if draw < leg.dead:
        _retry(way, leg, fault, _RETRIES)
        way.say(leg, "dead_letter", fault)
        if way.random.random() > _MENDED:
            return False
        _mend(way, leg, 5.0)
    elif draw < leg.fail:
        way.say(leg, "failed", fault)
        _mend(way, leg, 1.0)
    else:
        _retry(way, leg, fault, 1 + int(way.random.random() ** 2 * _RETRIES))
    return True


def _retry(way: Walk, leg: Leg, fault: Fault, times: int) -> None:
    for turn in range(times):
        way.say(leg, "retry", fault)
        way.attempt += 1
        way.until(way.now + _BACKOFF[turn] * (0.8 + 0.4 * way.random.random()))


def _mend(way: Walk, leg: Leg, times: float) -> None:
    """A person finds it, puts it right and sends it again."""
    cell = way.transaction.cell
    working = times * way.random.lognormvariate(cell.mend, 0.7)
    way.until(office(cell.zone).add(way.now, working))
    way.say(leg, "manual")
    way.attempt += 1
    way.until(way.now + 2_000 + 20_000 * way.random.random())


# -- Incidents on the way ----------------------------------------------------------------------


def _disturb(way: Walk, leg: Leg) -> None:
    for each in way.incidents:
        effect = EFFECTS.get(each.name)
        if effect is None or not each.begins <= way.now < each.over:
            continue
        touched, act = effect
        if touched in leg.step.touches and each.facility in ("", way.transaction.cell.facility):
            act(way, leg, each)


def _payer_outage(way: Walk, leg: Leg, outage: Incident) -> None:
    if outage.payer != way.transaction.payer or way.now >= outage.ends:
        return
    for pause in _OUTAGE_BACKOFF:
        way.say(leg, "retry", OUTAGE)
        way.attempt += 1
        way.until(way.now + pause * (0.8 + 0.4 * way.random.random()))
        if way.now >= outage.ends:
            return
    way.say(leg, "failed", NO_ANSWER)
    way.attempt += 1
    # Replayed in bulk once the payer is back.
    way.until(outage.ends + way.random.random() * 0.4 * (outage.ends - outage.begins))


def _erp_throttle(way: Walk, leg: Leg, throttle: Incident) -> None:
    served = drained(throttle, way.now)
    fault = THROTTLES[way.transaction.number & 1]
    for pause in (90_000, 6 * MINUTE, 25 * MINUTE):
        if way.now + pause > served:
            break
        way.say(leg, "retry", fault)
        way.attempt += 1
        way.until(way.now + pause)
    way.until(served)


def _mapping_break(way: Walk, leg: Leg, broken: Incident) -> None:
    if way.now >= broken.ends or way.random.random() > _LEFT_OUT:
        return
    way.say(leg, "failed", UNMAPPED)
    way.until(broken.ends + way.random.expovariate(1 / (20 * MINUTE)))
    way.say(leg, "manual")
    way.attempt += 1
    way.until(way.now + 3_000)


def _late_acks(way: Walk, leg: Leg, late: Incident) -> None:
    if way.now < late.ends:
        way.until(late.ends + way.random.random() * 0.4 * (late.ends - late.begins))


Effect = Callable[[Walk, Leg, Incident], None]
EFFECTS: dict[Name, tuple[str, Effect]] = {
    Name.PAYER_OUTAGE: ("payer", _payer_outage),
    Name.ERP_THROTTLE: ("erp", _erp_throttle),
    Name.MAPPING_BREAK: ("mapping", _mapping_break),
    Name.LATE_ACKS: ("acks", _late_acks),
}


# -- Incidents between the source and the product ------------------------------------------------


def _distorted(facts: list[Fact], incidents: tuple[Incident, ...]) -> list[Fact]:
    for each in incidents:
        if each.name is Name.SILENT_FEED:
            facts = [_withheld(fact, each) for fact in facts]
        elif each.name is Name.CLOCK_SKEW:
            facts = [_skewed(fact, each) for fact in facts]
        elif each.name is Name.DUPLICATE_STORM:
            facts = [*facts, *(_again(fact) for fact in facts if _is_redelivered(fact, each))]
    return facts


def _withheld(fact: Fact, silence: Incident) -> Fact:
    cell = fact.transaction.cell
    if (cell.facility, cell.workflow) != (silence.facility, silence.workflow):
        return fact
    if not silence.begins <= fact.time < silence.ends:
        return fact
    return fact._replace(sent=silence.ends + (fact.time - silence.begins) // 8)


def _skewed(fact: Fact, skew: Incident) -> Fact:
    if fact.leg.system != "clearinghouse" or not skew.begins <= fact.time < skew.ends:
        return fact
    if skew.facility not in ("", fact.transaction.cell.facility):
        return fact
    return fact._replace(time=fact.time + SKEW)


def _is_redelivered(fact: Fact, storm: Incident) -> bool:
    return (
        storm.begins <= fact.time < storm.ends
        and storm.facility in ("", fact.transaction.cell.facility)
        and (fact.number >> 20) % 1000 < 1000 * _REDELIVERED
    )


def _again(fact: Fact) -> Fact:
    return fact._replace(sent=fact.sent + 2_000 + (fact.number >> 30) % 88_000)


# -- Incidents at the start ----------------------------------------------------------------------


def sent_as(cell: Cell, start: int, number: int, incidents: tuple[Incident, ...]) -> str:
    """The facility as the source names it: an unmapped department while a mapping is broken."""
    for each in incidents:
        if (
            each.name is Name.MAPPING_BREAK
            and each.facility == cell.facility
            and cell.workflow in ("registration", "charge")
            and each.begins <= start < each.ends
            and (number >> 40) % 1000 < 1000 * _LEFT_OUT
        ):
            return f"{cell.facility}-INF"
    return cell.facility


def twin(transaction: Transaction, incidents: tuple[Incident, ...]) -> list[Fact]:
    """The same charge sent again as if it were another: refused as a duplicate, then withdrawn."""
    cell, number = transaction.cell, transaction.number
    if cell.workflow != "charge" or (number >> 50) % 1000 >= 1000 * _TWINS:
        return []
    start = transaction.start + 20_000
    for each in incidents:
        if each.name is Name.DUPLICATE_STORM and each.begins <= start < each.ends:
            return _refused(transaction, start, each)
    return []


def _refused(first: Transaction, start: int, storm: Incident) -> list[Fact]:
    if storm.facility not in ("", first.cell.facility):
        return []
    number = first.number ^ _STRIDE
    copy = Transaction(
        cell=first.cell,
        number=first.number,
        correlation=uuid7(start, number),
        facility=first.facility,
        payer=first.payer,
        start=start,
        cents=first.cents,
    )
    way = Walk(copy, Random(number), (), start, number=number & _MASK)  # noqa: S311  a simulation
    created, sent, acked = first.cell.legs[1:4]
    for leg in (created, sent):
        way.say(leg, "ok")
        way.until(way.now + 4_000)
    way.say(acked, "failed", DUPLICATE)
    way.until(storm.ends + way.random.random() * 40 * MINUTE)
    way.say(acked, "cancelled")
    return way.facts
