"""Everything that decides which events there are."""

from dataclasses import dataclass

from apps.demo.incidents import Incident
from apps.demo.places import Catalogue
from apps.demo.world import World


@dataclass(frozen=True)
class Network:
    """A world at the places of one installation. Equal networks send equal events."""

    world: World
    catalogue: Catalogue
    seed: int
    # 1 is the whole volume. A smaller scale leaves transactions out, the others stay as they are.
    scale: float
    # No transaction begins before this moment.
    since: int
    incidents: tuple[Incident, ...] = ()
