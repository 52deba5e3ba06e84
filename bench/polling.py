"""People who leave a page open, as a process of its own: each asks again at fixed moments.

Told its job on stdin, answering on stdout. Questions fall due whatever the server does, and waiting
counts from then, so a server that stalls cannot hide it by slowing us down. Everybody has opened
the page and asked once: two hundred who come in the same second are not two hundred who watch.
"""

import itertools
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bench.client import Connection
from bench.paired import quantile

CONNECTIONS = 32
LATE_SECONDS = 0.001
POLL = {"HX-Request": "true", "X-Poll": "1"}


class Watch(msgspec.Struct, kw_only=True):
    """Everybody's cookie, what they look at, how often each asks and for how long."""

    url: str
    path: str
    cookies: list[str]
    every: float
    seconds: float


class Watched(msgspec.Struct, kw_only=True):
    """What came of it: seconds from the moment due to the answer."""

    asked: int
    p50: float
    p95: float
    worst: float
    statuses: dict[int, int]


def run(watch: Watch) -> Watched:
    """Do it in a process of its own and wait for it."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.polling"],
        input=msgspec.json.encode(watch),
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Watched)


def poll(watch: Watch) -> Watched:
    """Do it here."""
    people = len(watch.cookies)
    asks = int(people * watch.seconds / watch.every)
    versions = [""] * people
    waits: list[float] = []
    statuses: Counter[int] = Counter()
    lock, numbers = threading.Lock(), itertools.count()

    def ask(connection: Connection, who: int) -> int:
        known = {"Cookie": watch.cookies[who], "If-None-Match": versions[who]}
        answer = connection.get(watch.path, known)
        versions[who] = answer.header("etag") or versions[who]
        return answer.status

    with Connection(watch.url, POLL) as connection:
        for who in range(2 * people):
            ask(connection, who % people)
    began = time.perf_counter() + 0.1

    def work() -> None:
        with Connection(watch.url, POLL) as connection:
            while True:
                with lock:
                    number = next(numbers)
                if number >= asks:
                    return
                due, who = began + number * watch.every / people, number % people
                if (pause := due - time.perf_counter()) > LATE_SECONDS:
                    time.sleep(pause)
                status = ask(connection, who)
                waits.append(time.perf_counter() - due)
                statuses[status] += 1

    with ThreadPoolExecutor(CONNECTIONS) as crew:
        for one in [crew.submit(work) for _ in range(CONNECTIONS)]:
            one.result()
    return Watched(
        asked=len(waits),
        p50=quantile(waits, 0.5),
        p95=quantile(waits, 0.95),
        worst=max(waits),
        statuses=dict(statuses),
    )


if __name__ == "__main__":
    outcome = poll(msgspec.json.decode(sys.stdin.buffer.read(), type=Watch))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
