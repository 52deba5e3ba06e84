"""The exceptions queue over a million open cases, for somebody with twenty of two hundred places.

A page is asked for over HTTP on a kept connection. Each question differs from every other by a
bound on dollars that leaves nothing out, so that no figure beside the rows is a kept one.
"""

import gzip
import itertools
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.utils.timezone import now

from apps.catalog.models import ExceptionKind
from apps.triage import standing
from apps.triage.models import Group
from apps.triage.queue import counts
from apps.triage.reader import reader
from bench import crowd, history
from bench.bench import Bench
from bench.client import Answer, Connection
from bench.paired import paired, quantile
from bench.people import cookie
from bench.process import cpu_seconds
from bench.reference.process import reference
from bench.report import Figure

CASES, FEW_CASES = 1_000_000, 20_000
LIST_MS, COUNT_MS, PAGE_RATIO, LIST_RATIO, WIRE_KB = 50.0, 150.0, 1.5, 4.0, 20.0
WARM, DEEP = 3, 40
OK = 200
PART = {"HX-Request": "true"}
FILTERED = {
    "one kind": "kind={kind}",
    "two states and a severity": "state=new,regressed&severity=S1",
    "one cause": "cause={cause}",
    "unassigned, due within a week": "owner=none&due=7d",
    "one facility": "facility={facility}",
    "by money clock": "sort=due",
    "by dollars": "sort=amount",
    "by owner": "sort=owner",
}
MENUS = ("kind", "payer", "owner", "system", "due")


@dataclass
class Queue:
    """The product with many cases, and the connection of somebody who works them."""

    door: Connection
    processes: list[int]
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def get(self, path: str, asked: str, **headers: str) -> Answer:
        """The answer to a question that nobody asked before."""
        bound = f"dollars=under-{900_000_000 - next(self.numbers)}"
        answer = self.door.get(f"{path}?view=all&{bound}&{asked}", headers)
        assert answer.status == OK, (path, asked, answer.status)
        return answer

    def times(self, ask: Callable[[], Answer], count: int) -> list[float]:
        for _ in range(WARM):
            ask()
        return [timed(ask) for _ in range(count)]

    def cpu(self) -> float:
        return cpu_seconds(self.processes)


def timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def measure(bench: Bench) -> Iterator[Figure]:
    database = crowd.ensure(bench.instance, bench.scaled(CASES, FEW_CASES))
    with history.using(database):
        told, session, bare = _examples(), cookie(crowd.clerk()), crowd.cell()
        yield _views(bench)
    with (
        bench.instance.running("web", database=database) as product,
        Connection(product.url, {"Cookie": session}) as door,
    ):
        queue = Queue(door, [product.last_pid, bench.instance.pid("postgres")])
        yield from _pages(bench, queue, told)
        yield from _counts(bench, queue)
        yield _wire(queue)
        yield _beside_a_bare_list(bench, queue, database, bare)


def _examples() -> dict[str, str]:
    """Codes of what there is much of."""
    return {
        "kind": ExceptionKind.objects.order_by("pk")[0].code,
        "cause": Group.objects.order_by("pk")[0].pk.hex,
        "facility": crowd.sites()[0].code,
    }


def _pages(bench: Bench, queue: Queue, told: dict[str, str]) -> Iterator[Figure]:
    """The first page, one far down, and those of some questions, beside the first."""
    count = bench.scaled(60, 5)
    first = queue.times(lambda: queue.get("/exceptions/", ""), count)
    yield _at_most("queue, first page", first, LIST_MS)
    mark = _deep_mark(queue)
    asked = {"far down": f"after={mark}"} | {
        name: one.format(**told) for name, one in FILTERED.items()
    }
    for name, question in asked.items():
        found = queue.times(lambda question=question: queue.get("/exceptions/", question), count)
        yield _at_most(f"queue, {name}", found, LIST_MS)
        once, first_once = quantile(found, 0.5) * 1e3, quantile(first, 0.5) * 1e3
        yield Figure.at_most(
            f"queue, {name}, beside the first page", once, "ms", first_once, PAGE_RATIO
        )


def _deep_mark(queue: Queue) -> str:
    """Where a page begins after some dozens of others."""
    mark = ""
    for _ in range(DEEP):
        page = queue.get("/exceptions/", f"after={mark}").body.decode()
        found = re.search(r"after=([\w.~%-]+)", page)
        if not found:
            break
        mark = found[1]
    return mark


def _counts(bench: Bench, queue: Queue) -> Iterator[Figure]:
    count = bench.scaled(40, 5)
    for name in MENUS:
        ask = f"/exceptions/filters/{name}/"
        found = queue.times(lambda ask=ask: queue.get(ask, "", **PART), count)
        yield _at_most(f"queue, choices of {name}", found, COUNT_MS)
    for by in ("cause", "facility"):
        found = queue.times(lambda by=by: queue.get("/exceptions/", f"group={by}"), count)
        yield _at_most(f"queue, grouped by {by}", found, COUNT_MS)


def _views(bench: Bench) -> Figure:
    """The statement behind the figures of the views, which a page asks for once a minute."""
    who = reader(crowd.clerk(), now())
    asked = [view.asked for view in standing.views(who, who.roles)]
    times = [timed(lambda: counts(who, asked)) for _ in range(bench.scaled(20, 3))]
    return _at_most(f"queue, counts of {len(asked)} views", times, COUNT_MS)


def _at_most(name: str, times: list[float], limit: float) -> Figure:
    note = f"p50 {quantile(times, 0.5) * 1e3:.1f} ms"
    return Figure.at_most(f"{name}, p95", quantile(times, 0.95) * 1e3, "ms", limit, note=note)


def _wire(queue: Queue) -> Figure:
    """As production sends it."""
    size = len(gzip.compress(queue.get("/exceptions/", "").body, 6)) / 1_000
    return Figure.at_most("queue, 50 rows as sent", size, "kB", WIRE_KB)


def _beside_a_bare_list(bench: Bench, queue: Queue, database: str, bare: dict[str, int]) -> Figure:
    """Fifty cases with clocks, owners and frame, beside a loop over fifty rows."""
    with reference(bench, database) as url, Connection(url, {}) as door:
        yardstick = [bench.instance.pid("reference"), queue.processes[1]]
        rows = f"/rows/{bare['workflow']}/{bare['facility']}/"
        pair = paired(
            _cpu_of(lambda: queue.door.get("/exceptions/?view=all"), queue.cpu, bench),
            _cpu_of(lambda: door.get(rows), lambda: cpu_seconds(yardstick), bench),
            pairs=bench.scaled(5, 2),
        )
    return Figure.at_most("queue of 50 cases, server CPU", pair.value, "ms", pair.limit, LIST_RATIO,
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
