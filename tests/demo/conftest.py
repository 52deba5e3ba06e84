"""The catalogue as a client sees it, made of the seed's files, and networks to simulate."""

import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from apps.demo.hours import HOUR
from apps.demo.incidents import Incident, Name, incident
from apps.demo.journeys import Fact
from apps.demo.network import Network
from apps.demo.places import read_catalogue
from apps.demo.stream import hours_of
from apps.demo.world import World, world

SEED_FILES = Path(__file__).parents[2] / "apps" / "catalog" / "seed"
Tell = Callable[..., list[Fact]]


def at(text: str) -> int:
    """A moment in UTC as milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def read_seed(name: str) -> dict[str, Any]:
    return tomllib.loads((SEED_FILES / f"{name}.toml").read_text())


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """What GET /api/v1/catalogue answers, as far as the simulation reads it."""
    facilities = read_seed("facilities")["facility"]
    return {
        "facilities": [
            {name: each[name] for name in ("code", "kind", "time_zone")} for each in facilities
        ],
        "workflows": [
            {
                "code": workflow["code"],
                "stages": [
                    {"code": stage["code"], "rank": rank, "system": stage.get("system")}
                    for rank, stage in enumerate(workflow["stages"], 1)
                ],
            }
            for workflow in read_seed("workflows")["workflow"]
        ],
        "interfaces": [{"code": each["code"]} for each in read_seed("systems")["interface"]],
    }


@pytest.fixture
def network(document: dict[str, Any]) -> Callable[..., Network]:
    """A network whose history begins on a Tuesday in November, unless told otherwise."""

    def build(
        *,
        since: str = "2026-11-03",
        scale: float = 0.05,
        seed: int = 7,
        incidents: tuple[Incident, ...] = (),
        of: World | None = None,
    ) -> Network:
        catalogue = read_catalogue(document, world())
        return Network(of or world(), catalogue, seed, scale, at(since), incidents)

    return build


@pytest.fixture
def strike(network: Callable[..., Network]) -> Callable[..., Incident]:
    """An incident somewhere in the network."""

    def build(name: Name, begins: str, *, minutes: int, facility: str = "") -> Incident:
        places = network().catalogue.where(world().payers)
        return incident(name, begins=at(begins), minutes=minutes, places=places, facility=facility)

    return build


def told(network: Network, *, until: str, position: int | None = None) -> list[Fact]:
    """Everything the network sends up to a moment."""
    end = at(until)
    return [fact for fact in _all(network, position or network.since, end) if fact.sent < end]


def _all(network: Network, position: int, end: int) -> Iterator[Fact]:
    slots = range(position // HOUR, end // HOUR + 1)
    hours = zip(slots, hours_of(network, position=position), strict=False)
    for _, facts in takewhile(lambda pair: pair[0] * HOUR < end, hours):
        yield from facts
