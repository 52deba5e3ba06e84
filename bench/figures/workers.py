"""Fold with one worker and with two: transactions that never meet, and transactions that always do.

The limit is one worker's rate in the same run. Where transactions overlap, a fold waits for the one
that holds its rows; a deadlock would show here, and fails the figure.
"""

from collections.abc import Iterator, Sequence
from subprocess import Popen

from apps.core.db import fetch_value
from bench import journal
from bench.bench import Bench
from bench.corpus import TEMPLATES, Bodies
from bench.folder import fold_together, folders
from bench.paired import paired
from bench.report import Figure

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
# Two workers on two cores, one of which also runs the database's side of the other.
GOALS = {"disjoint": 1.3, "overlapping": 1.0}


def measure(bench: Bench) -> Iterator[Figure]:
    with folders(2) as crew:
        for name, goal in GOALS.items():
            yield _figure(bench, crew, name, goal)


def _bodies(bench: Bench, name: str) -> Bodies:
    if name == "disjoint":
        return Bodies(bench.network, 1_000, bench.series(), lag=0)
    return Bodies(bench.network, 1_000, bench.series(), lag=1, groups=2 * TEMPLATES)


def _figure(bench: Bench, crew: Sequence[Popen[bytes]], name: str, goal: float) -> Figure:
    bodies, sender = _bodies(bench, name), journal.new_sender()
    posts = bench.scaled(160, 40)
    deadlocks = fetch_value(DEADLOCKS)

    def fold_with(count: int) -> float:
        journal.fill(bodies, posts, sender)
        return fold_together(crew[:count])

    fold_with(2)
    pair = paired(lambda _: fold_with(2), lambda _: fold_with(1), pairs=bench.scaled(5, 2))
    met = fetch_value(DEADLOCKS) - deadlocks
    return Figure.at_least(
        f"two fold workers, {name} transactions", pair.value, "events/s", pair.limit,
        goal if not met else float("inf"), ratio=pair.ratio,
        note=f"{pair.spread}, {met} deadlocks",
    )  # fmt: skip
