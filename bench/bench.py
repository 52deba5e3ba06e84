"""What every figure is given: the product at hand, whom to speak for, how thorough to be."""

import itertools
from dataclasses import dataclass, field

from bench.corpus import Bodies, Network
from bench.instance import Instance


@dataclass
class Bench:
    """One run of the measurements."""

    instance: Instance
    network: Network
    quick: bool
    size: int
    _series: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def bodies(self, batch: int) -> Bodies:
        """A new series of bodies."""
        return Bodies(self.network, batch, self.series())

    def series(self) -> int:
        """A number no other series of this run has."""
        return next(self._series)

    def scaled(self, full: int, quick: int) -> int:
        """How much of something: all that a figure needs, or just enough to see that it works."""
        return quick if self.quick else full
