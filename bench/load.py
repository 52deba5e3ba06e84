"""The load generator: a process of its own, told its job on stdin, answering on stdout.

Closed loop (no rate): bodies are made before the clock starts, each connection sends as soon as it
was answered. Open loop (a rate): posts fall due at fixed moments whatever the server does, and
waiting counts from the moment due, so a server that stalls cannot hide it by slowing us down.
"""

import itertools
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bench.client import Connection
from bench.corpus import Bodies, Network, content_type
from bench.paired import quantile

PATH = "/api/v1/events"
LATE_SECONDS = 0.001


class Job(msgspec.Struct, kw_only=True):
    """What to send: `posts` of `batch` events, at `rate` posts a second or as fast as answered."""

    url: str
    key: str
    network: Network
    series: int
    batch: int
    posts: int
    rate: float | None = None
    connections: int = 4
    path: str = PATH


class Outcome(msgspec.Struct, kw_only=True):
    """What came of it. Latencies in seconds; for an open loop they count from the moment due."""

    events: int
    seconds: float
    p50: float
    p99: float
    worst: float
    statuses: dict[int, int]

    @property
    def rate(self) -> float:
        """Accepted events a second."""
        return self.events / self.seconds


def run(job: Job) -> Outcome:
    """Do a job in a process of its own and wait for it."""
    done = start(job)
    return finish(done)


def start(job: Job) -> subprocess.Popen[bytes]:
    """Begin a job beside whatever else is measured."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    process.stdin.write(msgspec.json.encode(job))
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[bytes]) -> Outcome:
    """Wait for a job that was begun."""
    assert process.stdout
    answer = process.stdout.read()
    if process.wait():
        raise RuntimeError("the load generator failed; its error is above")
    return msgspec.json.decode(answer, type=Outcome)


def send(job: Job) -> Outcome:
    """Do the job here."""
    bodies: Iterator[bytes] = Bodies(job.network, job.batch, job.series)
    if job.rate is None:
        bodies = iter(list(itertools.islice(bodies, job.posts)))
    statuses: Counter[int] = Counter()
    waits: list[float] = []
    lock, numbers = threading.Lock(), itertools.count()
    began = time.perf_counter() + 0.05

    def take() -> tuple[float, bytes] | None:
        with lock:
            number = next(numbers)
            if number >= job.posts:
                return None
            return began + (number / job.rate if job.rate else 0.0), next(bodies)

    def work() -> None:
        with Connection(job.url, {"Authorization": f"Bearer {job.key}"}) as connection:
            for due, body in iter(take, None):
                _wait_until(due)
                asked = due if job.rate else time.perf_counter()
                answer = connection.post(job.path, body, content_type(job.batch))
                waits.append(time.perf_counter() - asked)
                statuses[answer.status] += 1

    _side_by_side(work, job.connections)
    return Outcome(
        events=statuses[202] * job.batch,
        seconds=time.perf_counter() - began,
        p50=quantile(waits, 0.5),
        p99=quantile(waits, 0.99),
        worst=max(waits),
        statuses=dict(statuses),
    )


def _wait_until(due: float) -> None:
    if (pause := due - time.perf_counter()) > LATE_SECONDS:
        time.sleep(pause)


def _side_by_side(work: Callable[[], None], threads: int) -> None:
    with ThreadPoolExecutor(threads) as crew:
        for one in [crew.submit(work) for _ in range(threads)]:
            one.result()


if __name__ == "__main__":
    outcome = send(msgspec.json.decode(sys.stdin.buffer.read(), type=Job))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
