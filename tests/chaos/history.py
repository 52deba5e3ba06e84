"""What the sources say in a chaos run: random histories of real workflows, handed out out of order.

Histories are harsher than life (any stages, any outcomes, corrected amounts, several ends): the
oracle knows what any of them must come to.
"""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from apps.catalog.models import Facility, Stage, Workflow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CE_SOURCE = "/chaos"
OUTCOMES = {1: "ok", 2: "retry", 3: "failed", 4: "dead_letter", 5: "manual", 6: "cancelled"}
WEIGHTS = {1: 78, 2: 8, 3: 5, 4: 3, 5: 4, 6: 2}
ERRORS = (("x12", "T4", "AAA03"), ("http", "503", "gateway"), ("hl7", "207", "PV1"))
FACILITIES = 9
# Events wait here before they are sent, and leave in random order: a late one comes after hundreds
# of others and through another client than its neighbours.
WINDOW = 600
# Seconds. Minute cells are kept for a week, and the oracle forgets nothing.
OLDEST = 4 * 86_400


class Said(NamedTuple):
    """One event as its source knows it. The oracle reads these names from canonical events."""

    id: str
    subject: str
    workflow_id: int
    facility_id: int
    stage_id: int
    rank: int
    outcome: int
    occurred_at: int
    amount_minor: int | None
    error: tuple[str, str, str] | None


@dataclass(frozen=True)
class Names:
    """The catalogue's codes by id, as events name them."""

    workflows: dict[int, str]
    facilities: dict[int, str]
    stages: dict[int, str]
    ranks: dict[int, list[tuple[int, int]]]


def names() -> Names:
    """Read the catalogue once; a handful of facilities, so that concurrent folds meet in cells."""
    stages = list(Stage.objects.order_by("workflow_id", "rank"))
    ranks: dict[int, list[tuple[int, int]]] = {}
    for stage in stages:
        ranks.setdefault(stage.workflow_id, []).append((stage.rank, stage.pk))
    places = Facility.objects.filter(active=True).order_by("id")
    return Names(
        workflows=dict(Workflow.objects.values_list("id", "code")),
        facilities=dict(places.values_list("id", "code")[:FACILITIES]),
        stages={stage.pk: stage.code for stage in stages},
        ranks=ranks,
    )


def wire(said: Said, known: Names) -> dict[str, object]:
    """The event as a CloudEvent."""
    data: dict[str, object] = {
        "workflow": known.workflows[said.workflow_id],
        "facility": known.facilities[said.facility_id],
        "stage": known.stages[said.stage_id],
        "outcome": OUTCOMES[said.outcome],
    }
    if said.amount_minor is not None:
        data["amount"] = f"{said.amount_minor // 100}.{said.amount_minor % 100:02d}"
    if said.error:
        data["error"] = dict(zip(("standard", "code", "location"), said.error, strict=True))
    return {
        "specversion": "1.0",
        "id": said.id,
        "source": CE_SOURCE,
        "type": "throughline.stage.v1",
        "time": (EPOCH + timedelta(microseconds=said.occurred_at)).isoformat(),
        "subject": said.subject,
        "data": data,
    }


def histories(seed: int, known: Names) -> Iterator[list[Said]]:
    """Transactions without end, each the list of its events."""
    dice = random.Random(f"history {seed}")
    workflows, facilities = sorted(known.workflows), sorted(known.facilities)
    number = 0
    while True:
        number += 1
        workflow, facility = dice.choice(workflows), dice.choice(facilities)
        stages = known.ranks[workflow]
        chosen = sorted(dice.choices(stages, k=dice.randint(1, len(stages))))
        # Most began within the hour and meet in a few cells; some days ago, over midnights.
        age = min(dice.expovariate(1 / (3_600 if dice.random() < 0.8 else 100_000)), OLDEST)
        at = round((time.time() - age) * 1e6)
        events = []
        for order, (rank, stage) in enumerate(chosen):
            at = min(at + round(dice.expovariate(1 / 180) * 1e6), round(time.time() * 1e6))
            [outcome] = dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
            events.append(
                Said(
                    id=f"e-{seed}-{number}-{order}",
                    subject=f"t-{seed}-{number}",
                    workflow_id=workflow,
                    # Now and then a transaction moves: its cells must move with it.
                    facility_id=facility if dice.random() < 0.97 else dice.choice(facilities),
                    stage_id=stage,
                    rank=rank,
                    outcome=outcome,
                    occurred_at=at,
                    amount_minor=dice.randrange(10_000_000) if dice.random() < 0.3 else None,
                    error=dice.choice(ERRORS) if outcome in (2, 3, 4) else None,
                )
            )
        yield events


@dataclass
class Stream:
    """Events in the order of their arrival, which is not the order in which they happened."""

    known: Names
    seed: int
    waiting: list[Said] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._histories = histories(self.seed, self.known)
        self._dice = random.Random(f"arrival {self.seed}")
        self._lock = threading.Lock()

    def take(self, count: int) -> list[Said]:
        """The next `count` events to send."""
        with self._lock:
            while len(self.waiting) < WINDOW + count:
                self.waiting.extend(next(self._histories))
            return [self._draw() for _ in range(count)]

    def _draw(self) -> Said:
        """A random one, in constant time."""
        place = self._dice.randrange(len(self.waiting))
        self.waiting[place], self.waiting[-1] = self.waiting[-1], self.waiting[place]
        return self.waiting.pop()
