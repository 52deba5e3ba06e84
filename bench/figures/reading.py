"""The scorecard API and the matrix page with 90 days of history, beside a tenth of it.

Asked over HTTP on a kept connection, one question at a time, the two histories in turns; what a
question takes includes the client's share, a fraction of a millisecond. Before each question the
figures count as changed, as they do all the time in a living network: no answer is a kept one.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg

from apps.accounts.services import issue_token
from apps.scorecards.verification import REVISE
from bench import history
from bench.bench import Bench
from bench.client import Connection
from bench.paired import quantile
from bench.people import cookie, reader
from bench.process import cpu_seconds
from bench.report import Figure
from config import embedded

MOST_MS = 50.0
GOAL = 1.3
# The first questions fill caches.
WARM = 5
API, PAGE = "api", "page"
QUESTIONS = [
    ("scorecard API, 24 h", API, "/api/v1/scorecards?window=24h"),
    ("scorecard API, 90 d", API, "/api/v1/scorecards?window=90d"),
    ("matrix page, 24 h", PAGE, "/flow/?window=24h"),
    ("matrix page, 90 d", PAGE, "/flow/?window=90d"),
]


def measure(bench: Bench) -> Iterator[Figure]:
    small, large = (history.ensure(bench.instance, size) for size in (bench.size // 10, bench.size))
    with _asking(bench, small) as few, _asking(bench, large) as many:
        for question in QUESTIONS:
            yield from _figures(bench, question, few, many)


@dataclass(frozen=True)
class Asked:
    """A web process on one history, with a connection for programs and one for people."""

    pid: int
    doors: dict[str, Connection]
    database: psycopg.Connection

    def time(self, kind: str, path: str) -> float:
        """Seconds until the answer to a question that nobody asked of this state before."""
        self.database.execute(REVISE)
        began = time.perf_counter()
        answer = self.doors[kind].get(path)
        assert answer.status == 200, (path, answer.status)
        return time.perf_counter() - began


@contextmanager
def _asking(bench: Bench, database: str) -> Iterator[Asked]:
    with bench.instance.running("web", database=database) as product, ExitStack() as stack:
        doors = {
            kind: stack.enter_context(Connection(product.url, headers))
            for kind, headers in _doors(database).items()
        }
        yield Asked(product.last_pid, doors, stack.enter_context(_connection(database)))


def _figures(
    bench: Bench, question: tuple[str, str, str], few: Asked, many: Asked
) -> Iterator[Figure]:
    name, kind, path = question
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(bench.scaled(200, 20) + WARM):
        for asked, found in zip((few, many), times, strict=True):
            took = asked.time(kind, path)
            if turn >= WARM:
                found.append(took)
    fewer, more = (quantile(found, 0.95) * 1e3 for found in times)
    p50, cpu = quantile(times[1], 0.5) * 1e3, _cpu_ms(bench, many, kind, path)
    note = f"p50 {p50:.1f} ms, server CPU {cpu:.1f} ms"
    yield Figure.at_most(f"{name}, p95", more, "ms", MOST_MS, note=note)
    yield Figure.at_most(f"{name}, p95 beside a tenth", more, "ms", fewer, GOAL)


def _cpu_ms(bench: Bench, asked: Asked, kind: str, path: str) -> float:
    """Of the web process and the database, a question: what a busy machine blurs least."""
    servers = [asked.pid, bench.instance.pid("postgres")]
    before, count = cpu_seconds(servers), bench.scaled(100, 20)
    for _ in range(count):
        asked.time(kind, path)
    return (cpu_seconds(servers) - before) / count * 1e3


def _connection(database: str) -> psycopg.Connection:
    url = embedded.postgres_url(embedded.place(), database=database)
    return psycopg.connect(url, autocommit=True)


def _doors(database: str) -> dict[str, dict[str, str]]:
    """A program's token and a person's session, both of someone who may see everything."""
    with history.using(database):
        user = reader()
        return {
            API: {"Authorization": f"Bearer {issue_token(user=user)}"},
            PAGE: {"Cookie": cookie(user)},
        }
