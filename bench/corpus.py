"""Events to send: CloudEvents of the seeded network, made faster than they can be taken.

A body is a template whose few varying places hold tokens of the same width: replacing ten tokens
in forty kilobytes costs a hundredth of encoding a hundred events. Every body carries the first
stage of new transactions and later stages of the transactions of the bodies before it, so most
events meet a transaction that exists.
"""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

STAGES = 4
TEMPLATES = 8
# How many bodies lie between two stages of one transaction.
LAG = 3
_ENDLESS = 2**48
OUTCOMES = ["ok"] * 90 + ["retry"] * 4 + ["failed"] * 3 + ["manual"] * 2 + ["dead_letter"]
ERROR = {"standard": "http", "code": "503", "location": "/claims"}
_NOW = "@now@" + "." * 19
_BODY = "@body@......"


class Leg(msgspec.Struct):
    """A workflow as a sender knows it."""

    workflow: str
    stages: list[str]
    interface: str | None


class Network(msgspec.Struct):
    """The codes a sender may name."""

    legs: list[Leg]
    facilities: list[str]


def network() -> Network:
    """The network in the database at hand."""
    from apps.catalog.models import Facility, Interface, Workflow

    interfaces = dict(
        Interface.objects.exclude(workflow=None).order_by("id").values_list("workflow_id", "code")
    )
    legs = [
        Leg(
            workflow.code,
            list(workflow.stages.order_by("rank").values_list("code", flat=True)),
            interfaces.get(workflow.pk),
        )
        for workflow in Workflow.objects.order_by("position")
    ]
    kinds = ("hospital", "clinic")
    places = Facility.objects.filter(kind__in=kinds).order_by("code")
    return Network(legs, list(places.values_list("code", flat=True)))


@dataclass
class Bodies:
    """An endless series of request bodies, no event twice. `series` tells two of them apart.

    Without a lag every body holds all stages of its transactions; with few `groups` (a multiple of
    TEMPLATES) the bodies keep returning to the same transactions.
    """

    network: Network
    batch: int
    series: int
    lag: int = LAG
    groups: int = _ENDLESS
    made: int = 0
    moments: list[str] = field(default_factory=list)
    templates: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.series)
        count = TEMPLATES if self.batch > 1 else TEMPLATES * STAGES
        self.templates = [
            json.dumps(events if self.batch > 1 else events[0]).encode()
            for events in (self._template(number, chance) for number in range(count))
        ]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        number, self.made = self.made, self.made + 1
        now = time.time()
        self.moments.append(_moment(now))
        body = self.templates[number % len(self.templates)]
        body = body.replace(_NOW.encode(), _timestamp(now))
        body = body.replace(_BODY.encode(), b"%012x" % number)
        for stage in range(STAGES):
            group = self._group(number, stage)
            moment = self.moments[group if group <= number and self.groups == _ENDLESS else 0]
            body = body.replace(_moment_of(stage), moment.encode())
            body = body.replace(_group_of(stage), b"%012x" % group)
        return body

    def _group(self, number: int, stage: int) -> int:
        """The transactions that this body moves to this stage."""
        behind = number % STAGES if self.batch == 1 else stage * self.lag
        return (number - behind) % self.groups

    def _template(self, number: int, chance: random.Random) -> list[dict[str, object]]:
        return [self._event(number, index, chance) for index in range(self.batch)]

    def take(self, count: int) -> list[bytes]:
        """The next bodies, made now."""
        return [next(self) for _ in range(count)]

    def _event(self, number: int, index: int, chance: random.Random) -> dict[str, object]:
        """Transaction k of a group keeps its workflow and facility through all of its stages."""
        k, stage = index // STAGES, (number if self.batch == 1 else index) % STAGES
        home = self._group(number, stage) % (TEMPLATES * STAGES if self.batch == 1 else TEMPLATES)
        place = random.Random(f"{home} {k}")
        leg = place.choice(self.network.legs)
        series, moment, group = self.series & 0xFFF, _moment_of(stage), _group_of(stage).decode()
        return {
            "specversion": "1.0",
            "id": f"{_moment_of(0).decode()}-7{index & 0xFFF:03x}-8{series:03x}-{_BODY}",
            "source": f"/network/{leg.workflow}",
            "type": "throughline.stage.v1",
            "time": _NOW,
            "subject": f"{moment.decode()}-7{k & 0xFFF:03x}-9{series:03x}-{group}",
            "data": _data(
                leg, place.choice(self.network.facilities), stage, f"{k:03x}{group}", chance
            ),
        }


def _moment_of(stage: int) -> bytes:
    return b"@moment%d@...." % stage


def _group_of(stage: int) -> bytes:
    return b"@group%d@...." % stage


def _data(
    leg: Leg, facility: str, stage: int, key: str, chance: random.Random
) -> dict[str, object]:
    # The last of the four is the workflow's last stage, so that transactions also end.
    code = leg.stages[min(stage, len(leg.stages) - 1)] if stage < STAGES - 1 else leg.stages[-1]
    data: dict[str, object] = {
        "workflow": leg.workflow,
        "facility": facility,
        "stage": code,
        "outcome": "ok" if stage == 0 else chance.choice(OUTCOMES),
    }
    if leg.interface:
        data["interface"] = leg.interface
    if data["outcome"] not in {"ok", "manual"}:
        data["error"] = ERROR
    if stage == 0:
        data |= {
            "amount": f"{chance.randrange(1_000, 900_000) / 100:.2f}",
            "currency": "USD",
            "amount_kind": "gross",
            "payer": chance.choice(["Aster Health", "Birch Mutual", "Cedar Plan"]),
            "business_keys": {"account": f"1{key}", "encounter": f"2{key}"},
        }
    return data


def _moment(now: float) -> str:
    """The time part of a UUIDv7: as long as its token."""
    digits = f"{round(now * 1000) & (2**48 - 1):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def _timestamp(now: float) -> bytes:
    second, millisecond = divmod(int(now * 1000), 1000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    return f"{text}.{millisecond:03d}Z".encode()


def content_type(batch: int) -> str:
    """The media type of a body of so many events."""
    form = "cloudevents-batch+json" if batch > 1 else "cloudevents+json"
    return f"application/{form}"
