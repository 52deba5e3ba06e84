"""What a question comes to, and which of its filters leaves nothing."""

from dataclasses import dataclass, replace

from apps.core.kept import Kept
from apps.triage import queue, seen_storms
from apps.triage.filters import FILTERS, ME, NONE, Asked
from apps.triage.questions import Chip, Question
from apps.triage.queue import Totals
from apps.triage.reader import Reader
from apps.triage.realms import is_worker

# How old the figures of a headline may be: rows are those of the moment, their sum is not counted
# again for each page somebody turns.
SECONDS = 15
# Who sees more than so many open cases gets the rows first, and what they come to a moment later.
MANY = 20_000

_totals: Kept[Totals] = Kept(500)
# How much is open at some facilities, as it was seen last.
_sizes: Kept[int] = Kept(500)


@dataclass(frozen=True, slots=True)
class Blocking:
    """The filter without which most would be there."""

    chip: Chip
    cases: int


def totals(reader: Reader, asked: Asked) -> Totals:
    """The headline's figures, a few seconds old at most."""
    found = _totals.answer(_name(reader, asked), lambda: _totals_of(reader, asked))
    size = _sizes.get(reader.facilities) or 0
    if found.cases > size or not asked.chosen:
        _sizes.put(reader.facilities, found.cases)
    return found


def _totals_of(reader: Reader, asked: Asked) -> Totals:
    storms = seen_storms.parts(reader, asked)
    in_storms = sum(one.cases for one in storms)
    return replace(queue.totals(reader, asked), in_storms=in_storms, storms=len(storms))


def totals_at_hand(reader: Reader, asked: Asked) -> Totals | None:
    """The same, unless they are not known and would keep the rows waiting."""
    known = _totals.get(_name(reader, asked))
    is_many = (_sizes.get(reader.facilities) or 0) > MANY
    return known or (None if is_many else totals(reader, asked))


def _name(reader: Reader, asked: Asked) -> tuple[object, ...]:
    moment = int(reader.now.timestamp()) // SECONDS
    version = reader.catalogue.version
    return reader.user.pk, reader.facilities, version, asked.query(), moment


@dataclass(frozen=True, slots=True)
class Explained:
    """How much of what is open people are told what to do about."""

    unexplained: int
    cases: int

    @property
    def percent(self) -> str:
        """Rounded down: nine in ten are the aim, and 89.96 % is not that."""
        share = 1000 * (self.cases - self.unexplained) // self.cases if self.cases else 1000
        return f"{share / 10:.1f}".removesuffix(".0")


def explained(reader: Reader) -> Explained:
    unexplained, cases = queue.counts(reader, [Asked.of({"kind": NONE}), Asked({})])
    return Explained(unexplained, cases)


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is the reader's; what is nobody's, and whether they may take some of it."""

    unassigned: int
    may_take: bool


def idle(reader: Reader, asked: Asked) -> Idle | None:
    """Of a question about all that is one's own, which nothing answers."""
    if asked.chosen != {"owner": ME}:
        return None
    [unassigned] = queue.counts(reader, [Asked.of({"owner": NONE})])
    return Idle(unassigned, is_worker(reader.user))


def blocking(reader: Reader, question: Question) -> Blocking | None:
    """Of a question that nothing answers, the filter that removes most."""
    names = [name for name in question.asked.chosen if name in FILTERS]
    found = queue.counts(reader, [question.asked.without(name) for name in names])
    most = max(zip(found, names, strict=True), default=(0, ""))
    chips = {one.name: one for one in question.chips(reader)}
    return Blocking(chips[most[1]], most[0]) if most[0] else None
