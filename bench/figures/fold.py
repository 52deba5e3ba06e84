"""Fold: from journal rows to rollups (claim, decode, dedupe, transactions, deltas, compaction),
against COPY of the same events. Both tables grow in step.

Two workers fold, as many as the product starts. COPY stays one connection: a fold shares its cores
with its own Python.
"""

from collections.abc import Iterator, Sequence
from subprocess import Popen

from bench import copying, journal
from bench.bench import Bench
from bench.folder import fold_together, folders
from bench.paired import paired
from bench.report import Figure

GOALS = {1_000: 0.5, 100: 0.5}
WORKERS = 2


def measure(bench: Bench) -> Iterator[Figure]:
    with folders(WORKERS) as crew:
        for batch, goal in GOALS.items():
            copying.make_table()
            yield _figure(bench, crew, batch, goal)


def _figure(bench: Bench, crew: Sequence[Popen[bytes]], batch: int, goal: float) -> Figure:
    bodies, sender = bench.bodies(batch), journal.new_sender()
    events = bench.scaled(120_000, 40_000)
    texts: dict[int, list[bytes]] = {}

    def prepare(turn: int) -> None:
        """The turn's events, in the journal and as COPY text; before either side's clock starts."""
        if turn not in texts:
            rows = journal.fill(bodies, events // batch, sender)
            texts[turn] = copying.commits(journal.events_of(rows))

    def copied(turn: int) -> float:
        prepare(turn)
        return copying.copy_rate(events, texts[turn])

    def folded(turn: int) -> float:
        prepare(turn)
        return fold_together(crew)

    prepare(-1)
    fold_together(crew)
    pair = paired(folded, copied, pairs=bench.scaled(7, 2))
    return Figure.at_least(
        f"journal to rollup, rows of {batch:,}", pair.value, "events/s", pair.limit, goal,
        ratio=pair.ratio, note=pair.spread,
    )  # fmt: skip
