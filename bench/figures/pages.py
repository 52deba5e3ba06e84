"""Every page beside 90 days of history, what an unchanged one costs, and two hundred who watch.

A page is asked for over HTTP on a kept connection, by somebody who may see everything, and before
each question events are folded that change some of the figures: no answer is a kept one. What it
takes includes the client's share, a fraction of a millisecond.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection

from apps.catalog.models import Facility, Workflow
from apps.pipeline import services
from bench import history
from bench.addresses import pages
from bench.bench import Bench
from bench.client import Answer, Connection
from bench.corpus import Bodies
from bench.instance import Running
from bench.journal import fill, new_sender
from bench.paired import paired, quantile
from bench.people import cookie, leads, reader
from bench.polling import Watch, run
from bench.process import cpu_seconds
from bench.reference.process import reference
from bench.report import Figure

# So many events come between two questions: ten times as many as come in a second of the history.
EVENTS = 20
PAGE_MS, UNCHANGED_MS, POLL_CPU_MS, LIST_RATIO = 50.0, 15.0, 3.0, 4.0
WATCHERS, WATCHERS_MS = 200, 200.0
WARM = 3
OK, UNCHANGED = 200, 304
BOARD = "/flow/board/"
# What a page asks for again by itself; to anybody else these are the page.
PARTS = {path: {"HX_Request": "true"} for path in (BOARD, "/charts/flow/")}


@dataclass(frozen=True)
class Asked:
    """The product on the large history, with a connection of somebody who may see everything."""

    product: Running
    door: Connection
    change: Callable[[], object]
    postgres: int

    def anew(self, path: str) -> float:
        """Seconds until the answer to a question that nobody asked of this state before."""
        self.change()
        return self.now(path)

    def now(self, path: str) -> float:
        """Seconds until the answer to a question of the page, or of its part that asks again."""
        return self.timed(path, **PARTS.get(path, {})).seconds

    def timed(self, path: str, **headers: str) -> "Timed":
        began = time.perf_counter()
        said = {name.replace("_", "-"): text for name, text in headers.items()}
        answer = self.door.get(path, said)
        return Timed(time.perf_counter() - began, answer)

    def cpu(self) -> float:
        """What the web and the database have used, in seconds."""
        return cpu_seconds([self.product.last_pid, self.postgres])


@dataclass(frozen=True)
class Timed:
    """An answer and how long it took."""

    seconds: float
    answer: Answer


def measure(bench: Bench) -> Iterator[Figure]:
    database = history.ensure(bench.instance, bench.size)
    with history.using(database):
        addresses = list(pages())
        sees_all, cell = cookie(reader()), a_cell()
        cookies = [cookie(lead) for lead in leads(bench.scaled(WATCHERS, 20))]
        with _asking(bench, database, sees_all) as asked:
            yield from _every_page(bench, asked, addresses)
            yield from _unchanged(bench, asked)
            yield _beside_a_bare_list(bench, asked, database, cell)
            yield _watched(bench, asked, cookies)


@contextmanager
def _asking(bench: Bench, database: str, cookie: str) -> Iterator[Asked]:
    with (
        bench.instance.running("web", database=database) as product,
        Connection(product.url, {"Cookie": cookie}) as door,
    ):
        yield Asked(product, door, _living(bench), bench.instance.pid("postgres"))


def _living(bench: Bench) -> Callable[[], object]:
    """What lets some events come and be counted."""
    bodies, sender = Bodies(bench.network, EVENTS, series=time.time_ns() & 0xFFF), new_sender()

    def change() -> None:
        fill(bodies, 1, sender)
        services.fold_waiting()

    return change


def _every_page(bench: Bench, asked: Asked, addresses: list[tuple[str, str]]) -> Iterator[Figure]:
    for name, path in addresses:
        status = asked.timed(path).answer.status if path else 0
        if status != OK:
            bench.instance.console.say(f"{name} is no page to look at ({status or 'no example'})")
            continue
        times, used = _asked_anew(asked, path, bench.scaled(60, 5))
        note = f"p50 {quantile(times, 0.5) * 1e3:.1f} ms, server CPU {used * 1e3:.1f} ms"
        milliseconds = quantile(times, 0.95) * 1e3
        yield Figure.at_most(f"page {name}, p95", milliseconds, "ms", PAGE_MS, note=note)


def _asked_anew(asked: Asked, path: str, count: int) -> tuple[list[float], float]:
    """How long each answer took, and the CPU of one: what a busy machine blurs least."""
    for _ in range(WARM):
        asked.anew(path)
    times, used = [], 0.0
    for _ in range(count):
        asked.change()
        used -= asked.cpu()
        times.append(asked.now(path))
        used += asked.cpu()
    return times, used / count


def _unchanged(bench: Bench, asked: Asked) -> Iterator[Figure]:
    """What a board that is left open asks every second while nothing happens."""
    known = asked.timed(BOARD, HX_Request="true").answer.header("etag")
    count = bench.scaled(300, 30)
    before, times = asked.cpu(), []
    for _ in range(count):
        found = asked.timed(BOARD, HX_Request="true", X_Poll="1", If_None_Match=known)
        known = found.answer.header("etag")
        if found.answer.status == UNCHANGED:
            times.append(found.seconds)
    used = (asked.cpu() - before) / count * 1e3
    note = f"{len(times)} of {count} were 304"
    yield Figure.at_most("unchanged board, p95", quantile(times, 0.95) * 1e3, "ms", UNCHANGED_MS,
                         note=note)  # fmt: skip
    yield Figure.at_most("unchanged board, server CPU", used, "ms", POLL_CPU_MS)


def _beside_a_bare_list(
    bench: Bench, asked: Asked, database: str, cell: tuple[Workflow, Facility]
) -> Figure:
    """Fifty open transactions with figures, clocks and frame, beside a loop over the same rows."""
    line, place = cell
    with reference(bench, database) as bare, Connection(bare, {}) as door:
        yardstick = [bench.instance.pid("reference"), asked.postgres]
        page = f"/flow/{line.code}/{place.code}/"
        rows = f"/rows/{line.pk}/{place.pk}/"
        pair = paired(
            _cpu_of(lambda: asked.door.get(page), asked.cpu, bench),
            _cpu_of(lambda: door.get(rows), lambda: cpu_seconds(yardstick), bench),
            pairs=bench.scaled(5, 2),
        )
    return Figure.at_most("list of 50 rows, server CPU", pair.value, "ms", pair.limit, LIST_RATIO,
                          ratio=pair.ratio, note=pair.spread)  # fmt: skip


def _cpu_of(
    ask: Callable[[], Answer], used: Callable[[], float], bench: Bench
) -> Callable[[int], float]:
    """Milliseconds a question, over enough of them for the kernel's clock."""
    count = bench.scaled(100, 20)

    def turn(_: int) -> float:
        assert ask().status == OK
        before = used()
        for _ in range(count):
            ask()
        return (used() - before) / count * 1e3

    return turn


def _watched(bench: Bench, asked: Asked, cookies: list[str]) -> Figure:
    """Everybody has the board open, which asks each second, and each second something changes."""
    watch = Watch(url=asked.product.url, path=BOARD, cookies=cookies, every=1.0,
                  seconds=bench.scaled(30, 3))  # fmt: skip
    with _changing(asked.change):
        found = run(watch)
    told = ", ".join(f"{many} times {status}" for status, many in sorted(found.statuses.items()))
    note = f"p50 {found.p50 * 1e3:.1f} ms; {told}"
    name = f"{len(cookies)} boards left open, p95"
    return Figure.at_most(name, found.p95 * 1e3, "ms", WATCHERS_MS, note=note)


@contextmanager
def _changing(change: Callable[[], object]) -> Iterator[None]:
    """The figures change once a second, as in a living network."""
    over = threading.Event()

    def go_on() -> None:
        for _ in itertools.takewhile(lambda _: not over.wait(1.0), itertools.count()):
            change()
        connection.close()

    changer = threading.Thread(target=go_on)
    changer.start()
    try:
        yield
    finally:
        over.set()
        changer.join()


def a_cell() -> tuple[Workflow, Facility]:
    """One that has more open than a page shows."""
    workflow = Workflow.objects.order_by("position")[0]
    return workflow, Facility.objects.filter(kind="hospital").order_by("code")[0]
