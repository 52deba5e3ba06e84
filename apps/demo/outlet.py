"""Delivers facts to the product: by source, until acknowledged, no faster than they are folded."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from apps.demo.client import Accepted, Batch, Client, Unavailable, persist
from apps.demo.journeys import Fact
from apps.demo.messages import encode_batch
from apps.demo.world import World

FALLBACK = "demo-network"
# So many batches may wait to be folded before history is written more slowly.
_AHEAD = 24
_FOLD_PAUSE = 0.1


class NoKey(Exception):
    """A system has nothing to sign in with."""


@dataclass
class Tally:
    """What the product said about what was sent."""

    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0


@dataclass
class Outlet:
    """The ways into the product, one for each key."""

    clients: Mapping[str, Client]
    by_system: Mapping[str, str]
    wait: Callable[[float], object]
    say: Callable[[str], object]
    tally: Tally = field(default_factory=Tally)
    unfolded: deque[tuple[Client, str]] = field(default_factory=deque)

    def deliver(self, facts: Sequence[Fact], *, batch_size: int) -> None:
        """Hand over the facts; returns once each batch is acknowledged."""
        for source, chosen in self._by_source(facts).items():
            for start in range(0, len(chosen), batch_size):
                self._post(self.clients[source], chosen[start : start + batch_size])

    def settle(self, *, ahead: int = _AHEAD) -> None:
        """Wait until no more than so many batches are still to be folded."""
        while len(self.unfolded) > ahead:
            client, batch_id = self.unfolded[0]
            batch = persist(partial(_folded, client, batch_id), wait=self._brief, say=_silently)
            self.unfolded.popleft()
            self.tally.stored += batch.stored or 0
            self.tally.duplicates += batch.duplicates or 0
            self.tally.conflicts += batch.conflicts or 0

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def _post(self, client: Client, facts: list[Fact]) -> None:
        body = encode_batch(facts)
        answer: Accepted = persist(lambda: client.post(body), wait=self.wait, say=self.say)
        self.tally.sent += len(facts)
        self.tally.accepted += answer.accepted
        self.tally.rejected += len(answer.rejected)
        self.unfolded.append((client, answer.batch))

    def _by_source(self, facts: Sequence[Fact]) -> dict[str, list[Fact]]:
        found: dict[str, list[Fact]] = {}
        for fact in facts:
            found.setdefault(self.by_system[fact.leg.system], []).append(fact)
        return found

    def _brief(self, seconds: float) -> object:
        return self.wait(min(seconds, _FOLD_PAUSE))


def _silently(_: str) -> None:
    """Waiting for the fold is no news."""


def _folded(client: Client, batch_id: str) -> Batch:
    batch = client.batch(batch_id)
    if batch.state == "waiting":
        raise Unavailable("not folded yet")
    return batch


def source_of(world: World, keys: Mapping[str, str], systems: set[str]) -> dict[str, str]:
    """The source under which each system reports, given the keys there are."""
    chosen = {system: source for source, members in world.sources.items() for system in members}
    found = {
        system: source if (source := chosen.get(system, FALLBACK)) in keys else FALLBACK
        for system in systems
    }
    if FALLBACK in found.values() and FALLBACK not in keys:
        wanted = sorted({chosen.get(system, FALLBACK) for system in systems} - keys.keys())
        raise NoKey(f"No key for {', '.join(wanted)}, and none for {FALLBACK} to use instead.")
    return found
