"""All events of the network in the order in which they are sent, hour by hour, from any hour on.

An hour slot of a cell is drawn from (seed, workflow, facility, slot) alone. So history and live
traffic agree, a stopped simulation goes on where it was, and only what is under way is in memory.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from random import Random

from apps.demo.cells import Cell, Rates, cells
from apps.demo.chance import fraction, number, poisson, uuid7
from apps.demo.hours import HOUR, floor_hour
from apps.demo.incidents import Incident, between
from apps.demo.journeys import Fact, Transaction, sent_as, twin, walk
from apps.demo.network import Network

# Batch runs leave on the hour and at half past, all at once.
_RUNS = ("night", "close")
_RUN_SPREAD = 4 * 60_000
# The part of the amounts that is corrected later, and to what part of itself.
_CORRECTED = 0.015
_CORRECTION = (0.7, 1.05)


def hours_of(network: Network, *, position: int) -> Iterator[list[Fact]]:
    """The facts sent at or after `position`, one sorted list per hour, without end."""
    everywhere = cells(network)
    generator = _Generator(network)
    current = floor_hour(position)
    longest = max((cell.horizon for cell in everywhere), default=0)
    slot = max(floor_hour(network.since), floor_hour(position - longest))
    waiting: dict[int, list[Fact]] = defaultdict(list)
    while True:
        # What has run out long before the position has nothing left to say.
        alive = [cell for cell in everywhere if (slot + 1) * HOUR + cell.horizon > position]
        for fact in generator.slot(alive, slot):
            if fact.sent >= position:
                waiting[floor_hour(fact.sent)].append(fact)
        if slot >= current:
            yield sorted(waiting.pop(slot, []))
        slot += 1


class _Generator:
    """Draws the transactions of an hour slot."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.rates = Rates(network.world.shape)
        self.random = Random()  # noqa: S311  a simulation; seeded anew for each transaction
        self.payers = list(network.world.payers)
        self.shares = list(accumulate(network.world.payers.values()))

    def slot(self, everywhere: list[Cell], slot: int) -> Iterator[Fact]:
        start = slot * HOUR
        longest = max((cell.horizon for cell in everywhere), default=0)
        near = between(self.network.incidents, start, start + HOUR + longest)
        for cell in everywhere:
            mean = self.rates.mean(cell, slot)
            if not mean:
                continue
            count = poisson(mean, fraction(self.network.seed, cell.workflow, cell.facility, slot))
            if count:
                yield from self._cell(cell, slot, count, near)

    def _cell(
        self, cell: Cell, slot: int, count: int, near: tuple[Incident, ...]
    ) -> Iterator[Fact]:
        met = between(near, slot * HOUR, (slot + 1) * HOUR + cell.horizon) if near else near
        for turn in range(count):
            transaction = self._transaction(cell, slot, turn, met)
            yield from walk(transaction, self.random, met)
            if met:
                yield from twin(transaction, met)

    def _transaction(
        self, cell: Cell, slot: int, turn: int, met: tuple[Incident, ...]
    ) -> Transaction:
        name = number(self.network.seed, cell.workflow, cell.facility, slot, turn)
        random = self.random
        random.seed(name)
        start = slot * HOUR + self._offset(cell)
        script = cell.script
        dollars = (
            random.lognormvariate(cell.log_amount, script.amount.spread) if script.amount else 0.0
        )
        return Transaction(
            cell=cell,
            number=name,
            correlation=uuid7(start, name),
            facility=sent_as(cell, start, name, met),
            payer=self._payer() if script.payer else "",
            start=start,
            cents=round(100 * dollars),
            corrected_cents=round(100 * dollars * random.uniform(*_CORRECTION))
            if dollars and random.random() < _CORRECTED
            else 0,
        )

    def _offset(self, cell: Cell) -> int:
        """When in its hour a transaction begins."""
        random = self.random
        if cell.script.curve_at(cell.kind) not in _RUNS:
            return int(random.random() * HOUR)
        run = (HOUR // 2) * (random.random() < 0.5)
        return min(int(run + random.expovariate(1 / _RUN_SPREAD)), HOUR - 1)

    def _payer(self) -> str:
        [payer] = self.random.choices(self.payers, cum_weights=self.shares)
        return payer
