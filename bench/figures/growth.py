"""Fold cost with ten times the history: the same arrivals beside 1 M and beside 10 M events.

CPU of the database and of this process, as wall time would mostly measure the neighbours. Each
fold is rolled back, so that both histories stay as they were built.
"""

import time
from collections.abc import Iterator

from django.db import transaction

from apps.core.db import execute, fetch_value
from apps.pipeline import services
from bench import history, journal
from bench.bench import Bench
from bench.paired import paired
from bench.process import scheduled_seconds
from bench.report import Figure

GOAL = 1.3
ROWS = services.EVENTS_A_FOLD // 1_000
BACKEND = "SELECT pg_backend_pid()"
# A rolled-back fold leaves its rows waiting; the next one is to meet others.
FORGET = "DELETE FROM telemetry_ingestbatch WHERE state = 0"


def measure(bench: Bench) -> Iterator[Figure]:
    small, large = (history.ensure(bench.instance, size) for size in (bench.size // 10, bench.size))
    pair = paired(
        lambda _: _cost(bench, large), lambda _: _cost(bench, small), pairs=bench.scaled(9, 2)
    )
    yield Figure.at_most(
        f"fold cost beside {bench.size:,} events", pair.value, "us CPU/event", pair.limit, GOAL,
        ratio=pair.ratio, note=f"limit: beside a tenth; {pair.spread}",
    )  # fmt: skip


def _cost(bench: Bench, database: str) -> float:
    """Microseconds an event: the second fold of a connection, whose catalogue is read."""
    with history.using(database):
        bodies, sender = bench.bodies(1_000), journal.new_sender()
        for _ in range(2):
            journal.fill(bodies, ROWS, sender)
            cost = _fold_and_forget()
            execute(FORGET)
    return cost / services.EVENTS_A_FOLD * 1e6


def _fold_and_forget() -> float:
    backend = fetch_value(BACKEND)
    with transaction.atomic():
        ours, theirs = time.process_time(), scheduled_seconds(backend)
        assert services.fold_once() == services.EVENTS_A_FOLD
        cost = time.process_time() - ours + scheduled_seconds(backend) - theirs
        transaction.set_rollback(True)
    return cost
