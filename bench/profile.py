"""python -m bench.profile fold|accept: where the time of a fold, or of a post, goes.

CPU, not wall time: the database's comes from the scheduler's account of its one backend, so a busy
machine blurs it least. Statements are named after the constant that holds them.
"""

import argparse
import cProfile
import pstats
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bench.place import claim_environment

VAR = claim_environment()

from bench.instance import Instance  # noqa: E402
from bench.process import scheduled_seconds  # noqa: E402

BACKEND = "SELECT pg_backend_pid()"
LIMIT = "(the limit: COPY of the same events)"
# Carries the statement out as well, so that the fold goes on.
EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, SETTINGS) "


@dataclass
class Cost:
    """What one statement has used so far, in seconds."""

    calls: int = 0
    wall: float = 0.0
    database: float = 0.0


class Meter:
    """Adds up what passes through Django's connection, statement by statement."""

    def __init__(self, backend: int, modules: list[ModuleType], explained: str) -> None:
        self.explained = explained
        self.backend = backend
        self.costs: dict[str, Cost] = defaultdict(Cost)
        self.names = {
            value.strip(): name
            for module in modules
            for name, value in vars(module).items()
            if name.isupper() and isinstance(value, str)
        }

    def used(self) -> float:
        """CPU seconds of the backend."""
        return scheduled_seconds(self.backend)

    @contextmanager
    def metered(self, name: str) -> Iterator[None]:
        began, used = time.perf_counter(), self.used()
        yield
        cost = self.costs[name]
        cost.calls += 1
        cost.wall += time.perf_counter() - began
        cost.database += self.used() - used

    def execute(self, run: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """Django's execute wrapper."""
        name = self.names.get(sql.strip(), sql.strip().split("\n")[0][:40])
        if name == self.explained:
            self.explained = ""
            return self.explain(run, sql, *rest)
        with self.metered(name):
            return run(sql, *rest)

    def copying(self, copy_rows: Callable[..., int]) -> Callable[..., int]:
        """The same for COPY, which passes Django's cursor by."""

        def copy(sql: str, chunks: Any) -> int:
            with self.metered(self.names[sql.strip()]):
                return copy_rows(sql, chunks)

        return copy

    def explain(self, run: Callable[..., Any], sql: str, params: Any, many: bool, more: Any) -> Any:
        """Carry a statement out under EXPLAIN and print the plan: for statements without rows."""
        result = run(EXPLAIN + sql, params, many, more)
        print("\n".join(line for (line,) in more["cursor"].fetchall()))
        return result


def profile_fold(events: int, folds: int, explained: str) -> None:
    """Fold journal rows of 1,000 and account for every statement."""
    from django.db import connection

    from apps.core import db
    from apps.core.db import fetch_value
    from apps.pipeline import services
    from apps.scorecards import compaction
    from apps.scorecards import services as scorecards
    from apps.telemetry import fold, journal, partitions
    from apps.triage import fold as triage
    from apps.triage import policy
    from bench import copying
    from bench.corpus import Bodies, network
    from bench.journal import events_of, fill, new_sender

    copying.make_table()
    bodies, sender = Bodies(network(), 1_000, 1), new_sender()
    fill(bodies, 20, sender)
    services.fold_waiting(seconds=600)
    named = [fold, journal, partitions, scorecards, triage, policy, compaction, services]
    meter = Meter(fetch_value(BACKEND), named, explained)
    fold.copy_rows = meter.copying(db.copy_rows)
    python = 0.0
    for _ in range(folds):
        texts = copying.commits(events_of(fill(bodies, events // 1_000, sender)))
        with meter.metered(LIMIT):
            copying.copy_rate(events, texts)
        before = time.process_time()
        with connection.execute_wrapper(meter.execute), meter.metered("everything"):
            services.fold_waiting(seconds=600)
        python += time.process_time() - before
    show(meter.costs, events * folds)
    print(f"this process (decode, COPY text): {python / events / folds * 1e6:.2f} us CPU an event")


def show(costs: dict[str, Cost], events: int) -> None:
    """The costliest first, as microseconds an event."""
    print(f"{'statement':<42}{'calls':>6}{'wall us':>10}{'database CPU us':>17}   an event")
    for name, cost in sorted(costs.items(), key=lambda item: -item[1].database):
        wall, cpu = cost.wall / events * 1e6, cost.database / events * 1e6
        print(f"{name:<42}{cost.calls:>6}{wall:>10.2f}{cpu:>17.2f}")


def profile_accept(batch: int, posts: int) -> None:
    """Post through Django's own handler, without a server around it, under cProfile."""
    from django.test import Client

    from bench.corpus import Bodies, content_type, network
    from bench.journal import new_key

    client, key = Client(), new_key()
    bodies = Bodies(network(), batch, 1).take(2 * posts)

    def post(body: bytes) -> None:
        answer = client.post(
            "/api/v1/events", body, content_type(batch), headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 202, answer.content

    profiler = cProfile.Profile(time.process_time)
    for body in bodies[posts:]:
        profiler.runcall(post, body)
    before = time.process_time()
    for body in bodies[:posts]:
        post(body)
    used = (time.process_time() - before) / posts / batch * 1e6
    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    print(f"{used:.2f} us CPU an event without the profiler, the test client included")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("what", choices=["fold", "accept"])
    parser.add_argument("--events", type=int, default=20_000, help="a fold (%(default)s)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--explain", default="", metavar="CONSTANT", help="print one plan")
    parser.add_argument("--batch", type=int, default=100, help="events a post")
    parser.add_argument("--posts", type=int, default=200)
    choices = parser.parse_args()
    with Instance(VAR):
        if choices.what == "fold":
            profile_fold(choices.events, choices.folds, choices.explain)
        else:
            profile_accept(choices.batch, choices.posts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
