"""From posted to visible: an event is sent, the scorecard API is asked until its cell counts it.

Probes go through the same door as the load beside them, one at a time, to a cell of their own; the
API is asked every 25 ms and only while a probe is out, so that asking stays a small part of the
load. A wait therefore reads up to one such step too long. Memory is read at the end of the load.
"""

import itertools
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec

from apps.accounts.services import issue_token
from bench import journal
from bench.bench import Bench
from bench.client import Connection
from bench.corpus import Bodies, Leg, Network, content_type
from bench.figures import memory
from bench.instance import Running
from bench.load import PATH, Job, finish, start
from bench.paired import quantile
from bench.people import reader
from bench.report import Figure

ASK_EVERY_SECONDS = 0.025
PROBE_EVERY_SECONDS = 0.5
GIVE_UP_SECONDS = 30.0
# Events a second, events a post, the quantile promised, and the promise in milliseconds.
PROMISES = [(100, 1, 0.95, 400.0), (5_000, 100, 0.99, 1_000.0)]


def measure(bench: Bench) -> Iterator[Figure]:
    with bench.instance.running("web", "worker", "beat", "sweep") as product:
        for rate, batch, fraction, promise in PROMISES:
            waits = _waits_under_load(bench, product, rate, batch)
            p50, p95, p99 = (quantile(waits, q) * 1e3 for q in (0.5, 0.95, 0.99))
            yield Figure.at_most(
                f"posted to visible, p{fraction * 100:.0f} at {rate:,} events/s",
                quantile(waits, fraction) * 1e3, "ms", promise,
                note=f"p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} of {len(waits)}",
            )  # fmt: skip
        yield from memory.figures(bench.instance)


def _waits_under_load(bench: Bench, product: Running, rate: int, batch: int) -> list[float]:
    seconds = bench.scaled(120, 10)
    key = journal.new_key()
    load = start(
        Job(url=product.url, key=key, network=_all_but_the_probed(bench.network), batch=batch,
            series=bench.series(), posts=seconds * rate // batch, rate=rate / batch,
            connections=4)
    )  # fmt: skip
    try:
        waits = list(_probe(bench, product.url, key, until=time.monotonic() + seconds - 1))
    finally:
        outcome = finish(load)
    assert outcome.events == seconds * rate, outcome
    return waits


def _all_but_the_probed(network: Network) -> Network:
    return Network(network.legs, network.facilities[1:])


def _probe(bench: Bench, url: str, key: str, *, until: float) -> Iterator[float]:
    """How long each probe took to be counted."""
    leg, facility = bench.network.legs[0], bench.network.facilities[0]
    probes = _probes(leg, facility, bench.series())
    cell = "/api/v1/scorecards?" + urlencode(
        {"window": "1h", "workflow": leg.workflow, "facility": facility}
    )
    token = issue_token(user=reader())
    with (
        Connection(url, {"Authorization": f"Bearer {key}"}) as sender,
        Connection(url, {"Authorization": f"Bearer {token}"}) as asker,
    ):
        while (began := time.monotonic()) < until:
            known = _started(asker, cell)
            posted = time.perf_counter()
            answer = sender.post(PATH, next(probes), content_type(1))
            assert answer.status == 202, answer
            _wait_for(asker, cell, known)
            yield time.perf_counter() - posted
            time.sleep(max(0.0, began + PROBE_EVERY_SECONDS - time.monotonic()))


def _probes(leg: Leg, facility: str, series: int) -> Iterator[bytes]:
    """First stages only, each of a transaction of its own."""
    bodies = Bodies(Network([leg], [facility]), 1, series)
    return itertools.islice(bodies, 0, None, 4)


def _wait_for(asker: Connection, cell: str, known: int) -> None:
    end = time.monotonic() + GIVE_UP_SECONDS
    while _started(asker, cell) <= known:
        if time.monotonic() > end:
            raise TimeoutError("a posted event does not appear on the scorecard")
        time.sleep(ASK_EVERY_SECONDS)


def _started(asker: Connection, cell: str) -> int:
    answer = asker.get(cell)
    assert answer.status == 200, answer
    return sum(one["started"] for one in msgspec.json.decode(answer.body)["cells"])
