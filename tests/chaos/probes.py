"""Does every part work again? Each is asked for the thing it is there for."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection, HTTPException

import msgspec
import psutil
from django.db import DatabaseError, InterfaceError, connections
from kombu.exceptions import KombuError
from redis import Redis
from redis.exceptions import RedisError

from apps.core.db import fetch_value
from apps.scorecards import compaction
from apps.telemetry import journal
from config import embedded
from config.celery import app
from tests.chaos.history import wire
from tests.chaos.load import Load, post
from tests.chaos.product import PROGRAMS, Product, answers

LOOK_EVERY = 0.1
# Celery's pool: with the sweeper, three folds may meet in one transaction or cell.
FOLDERS = 2
# Main process included. PostgreSQL has as many as it has connections.
PROCESSES = {"redis": 1, "web": 2, "worker": 1 + FOLDERS, "beat": 1, "sweep": 1}
# What the clients of servers, broker and processes raise while these are away.
AWAY = (DatabaseError, InterfaceError, RedisError, KombuError, OSError, HTTPException, psutil.Error)
LAST_FOLD = "SELECT COALESCE(extract(epoch FROM max(folded_at)), 0) FROM telemetry_ingestbatch"
STUCK = """
SELECT count(*) FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
   AND state LIKE 'idle in transaction%%' AND state_change < now() - interval '5 seconds'
"""


def recovery(product: Product, load: Load, since: float, *, seconds: float) -> dict[str, float]:
    """How long after `since` each part did its work again, under load; -1: not within `seconds`."""
    parts: dict[str, Callable[[], bool]] = {
        **{f"{name} runs": partial(_runs, product, name) for name in PROGRAMS},
        "web answers": lambda: answers(product.port),
        "events accepted": lambda: _accepted_since(load, since),
        "events folded": lambda: fetch_value(LAST_FOLD) > since,
        "valkey answers": lambda: broker(product).ping() is True,
        "worker answers": lambda: bool(app.control.ping(timeout=1.0)),
        "beat rings": lambda: rings(product, within=3.0),
    }
    with ThreadPoolExecutor(len(parts)) as pool:
        waiting = {
            name: pool.submit(_await, works, since, seconds) for name, works in parts.items()
        }
    return {name: found.result() for name, found in waiting.items()}


def _await(works: Callable[[], bool], since: float, seconds: float) -> float:
    try:
        while time.time() < since + seconds:
            if patient(works):
                return round(time.time() - since, 1)
            time.sleep(LOOK_EVERY)
        return -1.0
    finally:
        connections.close_all()


def _runs(product: Product, name: str) -> bool:
    return product.main(name) is not None


def patient(works: Callable[[], bool]) -> bool:
    """A part that is away is not there yet. What is none of `AWAY` is a fault of the probe."""
    try:
        return works()
    except AWAY:
        return False


def _accepted_since(load: Load, since: float) -> bool:
    return bool(load.ledger.accepted) and load.ledger.accepted[-1][0] > since


def broker(product: Product) -> "Redis":
    return Redis(
        unix_socket_path=str(embedded.place(product.var).redis_socket),
        socket_timeout=5,
        socket_connect_timeout=1,
    )


def rings(product: Product, *, within: float) -> bool:
    """Whether beat puts its bell into the queue: seen by listening to the broker itself."""
    end = time.monotonic() + within
    with contextlib.suppress(RedisError), broker(product).monitor() as heard:
        while time.monotonic() < end:
            if "pipeline.sweep" in str(heard.next_command()["command"]):
                return True
    return False


def folds_alone(product: Product, load: Load, name: str, *, seconds: float) -> list[str]:
    """Whether the sweeper, or the workers, fold what comes in while the other stands still."""
    other = {"worker": "sweep", "sweep": "worker"}[name]
    with standing_still(product, other):
        post_one(product, load)
        if drained(seconds=seconds):
            return []
    return [f"{name} alone folds nothing within {seconds:.0f} s"]


@contextlib.contextmanager
def standing_still(product: Product, name: str) -> Iterator[None]:
    """Stop a program's main process; what its children do already, they finish."""
    process = product.main(name)
    if process is None:
        raise RuntimeError(f"{name} does not run")
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def post_one(product: Product, load: Load) -> None:
    """One more event, through the front door."""
    batch = load.stream.take(1)
    load.ledger.note_sent(batch)
    connection = HTTPConnection("127.0.0.1", product.port, timeout=15)
    body = msgspec.json.encode([wire(one, load.known) for one in batch])
    began = time.monotonic()
    try:
        status, answer = post(connection, load.key, body)
    except (OSError, HTTPException) as error:
        load.ledger.strange.append(f"a quiet product did not answer: {type(error).__name__}")
    else:
        load.ledger.note_answer(batch, status, answer, time.monotonic() - began)
    finally:
        connection.close()


def drained(*, seconds: float) -> bool:
    """Wait until nothing waits to be folded or rolled up; whether that came about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if patient(lambda: journal.waiting().waiting_batches == 0 and not compaction.deltas_wait()):
            return True
        time.sleep(LOOK_EVERY)
    return False


def census(product: Product, *, seconds: float) -> Mapping[str, int]:
    """How many processes each program has, once all are there or the time is up."""
    end = time.monotonic() + seconds
    while miscounted(found := _counted(product)) and time.monotonic() < end:
        time.sleep(LOOK_EVERY)
    return found


def _counted(product: Product) -> Mapping[str, int]:
    return {
        name: len(product.children(name)) + (product.main(name) is not None) for name in PROGRAMS
    }


def miscounted(counted: Mapping[str, int]) -> list[str]:
    """Programs with more or fewer processes than they should have."""
    return [
        f"{name} has {counted[name]} processes, should have {count}"
        for name, count in PROCESSES.items()
        if counted[name] != count
    ]


def unhealthy(product: Product) -> list[str]:
    """Zombies, orphans and processes that are stopped; transactions that nobody ends."""
    found = [
        f"process {process.pid} ({words}) is {status}"
        for process, words, status in _statuses(product)
        if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED, psutil.STATUS_DISK_SLEEP)
    ]
    known = _descendants(product)
    found += [
        f"process {process.pid} ({words}) belongs to no program"
        for process, words, _ in _statuses(product)
        if process.pid not in known
    ]
    stuck = fetch_value(STUCK)
    return [*found, *([f"{stuck} connections idle in a transaction"] if stuck else [])]


def _statuses(product: Product) -> list[tuple[psutil.Process, str, str]]:
    found = []
    for process in product.processes():
        with contextlib.suppress(psutil.Error):
            found.append((process, " ".join(process.cmdline())[:80], process.status()))
    return found


def _descendants(product: Product) -> set[int]:
    assert product.supervisor is not None
    supervisor = psutil.Process(product.supervisor.pid)
    return {supervisor.pid, *(child.pid for child in supervisor.children(recursive=True))}


def left_behind(product: Product, *, seconds: float = 10.0) -> list[str]:
    """Processes that outlive the product's end."""
    end = time.monotonic() + seconds
    while (left := product.processes()) and time.monotonic() < end:
        time.sleep(LOOK_EVERY)
    return [f"process {process.pid} outlives the product" for process in left]


def thaw(product: Product) -> None:
    """Nothing stays stopped, whatever went wrong in the middle of a fault."""
    for process in product.processes():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if process.status() == psutil.STATUS_STOPPED:
                os.kill(process.pid, signal.SIGCONT)
