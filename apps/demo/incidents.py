"""What goes wrong in the simulated network: seven stories, when they happen, and where."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from apps.demo.chance import fraction, number
from apps.demo.hours import DAY, HOUR

MINUTE = 60_000
# One scheduled incident in each period of this many days; all kinds come round before one repeats.
PERIOD_DAYS = 4
# A throttled ERP takes this share of what it is sent, and this multiple of it when catching up.
THROTTLED, CATCHING_UP = 0.25, 1.5
SKEW = 4 * MINUTE


class Name(StrEnum):
    """What can go wrong."""

    PAYER_OUTAGE = "payer-outage"
    ERP_THROTTLE = "erp-throttle"
    MAPPING_BREAK = "mapping-break"
    DUPLICATE_STORM = "duplicate-storm"
    SILENT_FEED = "silent-feed"
    LATE_ACKS = "late-acks"
    CLOCK_SKEW = "clock-skew"


class Story(NamedTuple):
    """What a viewer sees of it, how long it lasts, and between which hours (UTC) it begins."""

    minutes: int
    hours: tuple[int, int]
    text: str


STORIES = {
    Name.PAYER_OUTAGE: Story(
        75,
        (14, 20),
        "One payer's connection is down: its eligibility checks, status inquiries, authorizations "
        "and claims are retried (HTTP 503), fail (AAA 42), and are replayed once it is back.",
    ),
    Name.ERP_THROTTLE: Story(
        150,
        (1, 4),
        "The ERP takes a quarter of what it is sent (HTTP 429, NetSuite 400 "
        "SSS_REQUEST_LIMIT_EXCEEDED): payments, adjustments and journals pile up, then drain.",
    ),
    Name.MAPPING_BREAK: Story(
        100,
        (14, 20),
        "A hospital sends a department nobody has mapped: new registrations and charges are "
        "quarantined until the alias is added, charges under way fail with HL7 103.",
    ),
    Name.DUPLICATE_STORM: Story(
        60,
        (14, 20),
        "A queue redelivers: a third of all events come again with the same id and count nothing; "
        "charges sent a second time under new ids are refused as duplicates (HL7 205).",
    ),
    Name.SILENT_FEED: Story(
        90,
        (14, 20),
        "One workflow of one hospital goes quiet; what it withheld arrives hours late, with the "
        "times at which it happened.",
    ),
    Name.LATE_ACKS: Story(
        180,
        (0, 4),
        "The clearinghouse confirms nothing: 999 and 277CA come hours late and claims run over "
        "their hour without a single error.",
    ),
    Name.CLOCK_SKEW: Story(
        80,
        (14, 20),
        "The clearinghouse's clock runs four minutes ahead: every answer seems to take four "
        "minutes longer although nothing is slow.",
    ),
}


class Incident(Struct, frozen=True):
    """One story at one time and place. Times are milliseconds since 1970."""

    name: Name
    begins: int
    ends: int
    facility: str = ""
    payer: str = ""
    workflow: str = ""

    @property
    def over(self) -> int:
        """When its last effect has passed: a throttled queue drains after the throttle ends."""
        length = self.ends - self.begins
        tail = (1 - THROTTLED) / (CATCHING_UP - 1) if self.name is Name.ERP_THROTTLE else 0.5
        return int(self.ends + tail * length)


class Places(Struct, frozen=True):
    """Where incidents can strike."""

    hospitals: Sequence[str]
    payers: Sequence[str]


def incident(
    name: Name, *, begins: int, minutes: int, places: Places, facility: str = ""
) -> Incident:
    """A story that begins then; what is not said about the place is drawn."""

    def pick(choices: Sequence[str], role: str) -> str:
        # The highest draw wins, so that a new hospital does not move the old stories.
        return max(choices, key=lambda choice: number(role, begins // HOUR, choice), default="")

    local = name in (Name.MAPPING_BREAK, Name.SILENT_FEED)
    return Incident(
        name=name,
        begins=begins,
        ends=begins + minutes * MINUTE,
        facility=facility or (pick(places.hospitals, "facility") if local else ""),
        payer=pick(places.payers, "payer") if name is Name.PAYER_OUTAGE else "",
        workflow=pick(("charge", "registration"), "feed") if name is Name.SILENT_FEED else "",
    )


def scheduled(seed: int, *, since: int, until: int, places: Places) -> list[Incident]:
    """The incidents that history holds between two moments, one every few days."""
    periods = range(since // (PERIOD_DAYS * DAY) - 1, until // (PERIOD_DAYS * DAY) + 1)
    found = [_scheduled(seed, period, places) for period in periods]
    return [each for each in found if each.over > since and each.begins < until]


def _scheduled(seed: int, period: int, places: Places) -> Incident:
    # One order for all cycles: any seven periods in a row then hold all seven stories.
    name = sorted(Name, key=lambda each: number(seed, each))[period % len(Name)]
    draw = fraction(seed, "incident", period)
    # Not at a weekend, when there is little to disturb.
    days = [
        day for day in range(period * PERIOD_DAYS, (period + 1) * PERIOD_DAYS) if (day + 3) % 7 < 5
    ]
    earliest, latest = STORIES[name].hours
    begins = days[int(draw * len(days))] * DAY + earliest * HOUR
    begins += int(fraction(seed, "minute", period) * (latest - earliest) * HOUR)
    return incident(name, begins=begins, minutes=STORIES[name].minutes, places=places)


def fitting(moment: int) -> list[Name]:
    """The stories that show at this hour of the day: nobody sees a claims outage at breakfast."""
    hour = moment // HOUR % 24
    found = [name for name, story in STORIES.items() if story.hours[0] <= hour < story.hours[1] + 3]
    return found or [Name.PAYER_OUTAGE]


def drained(one: Incident, moment: int) -> int:
    """When a first-in-first-out queue that is throttled serves what arrives at a moment."""
    waiting = moment - one.begins
    served = THROTTLED * (one.ends - one.begins)
    if waiting < served:
        return int(one.begins + waiting / THROTTLED)
    return max(moment, int(one.ends + (waiting - served) / CATCHING_UP))


def between(incidents: Iterable[Incident], start: int, end: int) -> tuple[Incident, ...]:
    """Those whose effects touch a span of time."""
    return tuple(each for each in incidents if each.begins < end and each.over > start)
