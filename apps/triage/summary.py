"""What a question comes to, and which of its filters leaves nothing."""

from dataclasses import dataclass

from apps.core.kept import Kept
from apps.triage import queue
from apps.triage.filters import FILTERS, Asked
from apps.triage.questions import Chip, Question
from apps.triage.queue import Totals
from apps.triage.reader import Reader

# How old the figures of a headline may be: rows are those of the moment, their sum is not counted
# again for each page somebody turns.
SECONDS = 15

_totals: Kept[Totals] = Kept(500)


@dataclass(frozen=True, slots=True)
class Blocking:
    """The filter without which most would be there."""

    chip: Chip
    cases: int


def totals(reader: Reader, asked: Asked) -> Totals:
    """The headline's figures, a few seconds old at most."""
    name = (
        (reader.user.pk, reader.facilities, reader.catalogue.version),
        (asked.query(), int(reader.now.timestamp()) // SECONDS),
    )
    return _totals.answer(name, lambda: queue.totals(reader, asked))


def blocking(reader: Reader, question: Question) -> Blocking | None:
    """Of a question that nothing answers, the filter that removes most."""
    names = [name for name in question.asked.chosen if name in FILTERS]
    found = queue.counts(reader, [question.asked.without(name) for name in names])
    most = max(zip(found, names, strict=True), default=(0, ""))
    chips = {one.name: one for one in question.chips(reader)}
    return Blocking(chips[most[1]], most[0]) if most[0] else None
