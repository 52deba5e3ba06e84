"""The simulated network as data/network.toml describes it, read into types."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, convert

NETWORK = Path(__file__).with_name("data") / "network.toml"

Share = Annotated[float, Meta(ge=0, le=1)]
_DURATION = re.compile(r"(\d+(?:\.\d+)?) (ms|s|m|h|d)")
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Curve(Struct, frozen=True, forbid_unknown_fields=True):
    """How the business of a day is spread over its 24 local hours, and what weekends bring."""

    hours: Annotated[list[float], Meta(min_length=24, max_length=24)]
    saturday: float
    sunday: float


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
    """What all workflows have in common."""

    monday: float
    places: dict[str, int]
    curves: dict[str, Curve]


class Amount(Struct, frozen=True, forbid_unknown_fields=True):
    """Believable money: the median in dollars by kind of place, and how far it scatters."""

    kind: Literal["gross", "expected_net", "paid"]
    hospital: float
    clinic: float
    spread: float


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One stage on the way of a transaction: how long until it, and what may go wrong there."""

    stage: str
    interface: str = ""
    after: str | dict[str, str] = ""
    spread: float = 0.5
    open: bool = False
    share: Share = 0.0
    chance: Share = 1.0
    above: float = 0.0
    only_after: str = ""
    unless: str = ""
    ends: bool = False
    reason: str = ""
    retry: Share = 0.0
    fail: Share = 0.0
    dead: Share = 0.0
    faults: list[str] = []
    touches: list[Literal["payer", "erp", "acks", "mapping"]] = []


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """How one workflow behaves in this network."""

    weekday: float
    shares: dict[str, Share]
    limit: str
    late: Share
    mend: str
    keys: list[str]
    steps: list[Step]
    batch: bool = False
    curve: str = ""
    curves: dict[str, str] = {}
    clock: Literal["elapsed", "open", "morning"] = "elapsed"
    amount: Amount | None = None
    payer: bool = False
    service_days: int = 0
    cancelled: Share = 0.0
    months: dict[int, float] = {}
    first_weekday: dict[int, float] = {}
    month_end: float = 1.0

    def curve_at(self, kind: str) -> str:
        """The daily curve of a kind of place."""
        return self.curves.get(kind, self.curve)


class World(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole description."""

    shape: Shape
    payers: dict[str, int]
    sources: dict[str, list[str]]
    workflows: dict[str, Script]


@cache
def world() -> World:
    """The description that comes with the product."""
    return read_world(tomllib.loads(NETWORK.read_text()))


def read_world(document: Mapping[str, object]) -> World:
    """A description from parsed TOML. A word it does not know is an error."""
    return convert(document, World, strict=False)


def milliseconds(duration: str) -> float:
    """`90 s`, `15 m` and the like in milliseconds."""
    found = _DURATION.fullmatch(duration)
    if not found:
        raise ValueError(f"Not a duration: {duration!r}. Write 350 ms, 90 s, 15 m, 4 h or 2 d.")
    return float(found[1]) * _MILLISECONDS[found[2]]
