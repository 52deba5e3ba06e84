"""What goes wrong, and when: a plan drawn from a seed, and the hands that carry it out."""

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import psutil

from config import embedded
from tests.chaos.product import POLL_SECONDS, NotUp, Product

FROZEN_SECONDS = 4.0
# A victim that is just being restarted is waited for this long.
APPEARS_SECONDS = 30.0
SUPERVISOR_SECONDS = 1.0


@dataclass(frozen=True)
class Fault:
    """One thing that will go wrong, `at` seconds into the run."""

    at: float
    kind: str
    # Picks among several possible victims.
    salt: int


@dataclass(frozen=True)
class Struck:
    """One thing that did go wrong: when it was done and how many seconds doing it took."""

    at: float
    kind: str
    took: float
    # 0 where no process was the victim.
    pid: int


class NoVictim(Exception):
    """The process to strike did not appear."""


Act = Callable[[Product, random.Random], int]


# -- single faults -----------------------------------------------------------------------------


def strike_main(name: str, number: signal.Signals, product: Product, _: random.Random) -> int:
    """Signal the process that the supervisor started under this name."""
    return _signal(_awaited(lambda: [product.main(name)]), number)


def strike_child(name: str, product: Product, dice: random.Random) -> int:
    """Kill one process below a program: a web worker, a member of the Celery pool."""
    return _signal(_awaited(lambda: _working(product.children(name)), dice), signal.SIGKILL)


def strike_backend(number: signal.Signals, product: Product, dice: random.Random) -> int:
    """Signal one server process of PostgreSQL; SIGKILL makes it restart all the others too."""
    return _signal(_awaited(lambda: _backends(product), dice), number)


def empty_broker(product: Product, _: random.Random) -> int:
    """FLUSHALL, spoken by hand: redis-py would retry and hide whether it worked."""
    _ask_broker(product, b"FLUSHALL\r\n")
    return 0


def freeze_broker(product: Product, _: random.Random) -> int:
    """Stop Valkey for some seconds: it neither answers nor refuses."""
    pid = strike_main("redis", signal.SIGSTOP, product, _)
    time.sleep(FROZEN_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    return pid


def strike_supervisor(product: Product, _: random.Random) -> int:
    """Kill the supervisor; its successor ends everything it left, by SIGKILL, and starts anew."""
    supervisor = product.supervisor
    assert supervisor is not None
    supervisor.kill()
    supervisor.wait()
    time.sleep(SUPERVISOR_SECONDS)
    product.start()
    product.wait_until_up()
    return supervisor.pid


def _killing(name: str) -> Act:
    return partial(strike_main, name, signal.SIGKILL)


def _deploying(name: str) -> Act:
    return partial(strike_main, name, signal.SIGTERM)


KINDS: dict[str, Act] = {
    "kill web": _killing("web"),
    "kill web worker": partial(strike_child, "web"),
    "kill celery": _killing("worker"),
    "kill celery pool child": partial(strike_child, "worker"),
    "kill beat": _killing("beat"),
    "kill sweeper": _killing("sweep"),
    "kill valkey": _killing("redis"),
    "kill postgres": _killing("postgres"),
    "kill backend": partial(strike_backend, signal.SIGKILL),
    "terminate backend": partial(strike_backend, signal.SIGTERM),
    "deploy web": _deploying("web"),
    "deploy celery": _deploying("worker"),
    "flush valkey": empty_broker,
    "freeze valkey": freeze_broker,
    "kill supervisor": strike_supervisor,
}
# Takes everything down for as long as a start takes, so it comes less often.
RARE = {"kill supervisor": 0.25}


# -- the plan ----------------------------------------------------------------------------------


def plan(
    seed: int, *, seconds: float, count: int, only: Collection[str] = KINDS.keys()
) -> list[Fault]:
    """`count` faults over `seconds`, evenly but not regularly; every kind comes in each round."""
    dice = random.Random(f"faults {seed}")
    kinds = list(islice(_rounds(dice, only), count))
    if kinds and kinds[-1] in RARE:
        # After the last fault each part's own return is timed, not that of everything at once.
        kinds[0], kinds[-1] = kinds[-1], kinds[0]
    step = seconds / max(count, 1)
    return [
        Fault(at=(n + dice.random()) * step, kind=kind, salt=dice.randrange(2**32))
        for n, kind in enumerate(kinds)
    ]


def _rounds(dice: random.Random, kinds: Collection[str]) -> Iterator[str]:
    """All kinds in random order, again and again; the first round leaves none out."""
    shares = dict.fromkeys(sorted(kinds), 1.0)
    while True:
        turn = [kind for kind, share in shares.items() if dice.random() < share]
        dice.shuffle(turn)
        yield from turn
        shares |= {kind: share for kind, share in RARE.items() if kind in kinds}


@dataclass
class Injector:
    """Carries out a plan in a thread of its own."""

    product: Product
    faults: list[Fault]
    struck: list[Struck] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Until the plan is done. A fault that takes long delays the next; none is left out."""
        began = time.monotonic()
        for fault in self.faults:
            time.sleep(max(0.0, began + fault.at - time.monotonic()))
            self._strike(fault)

    def _strike(self, fault: Fault) -> None:
        began = time.time()
        try:
            pid = KINDS[fault.kind](self.product, random.Random(fault.salt))
        except (NoVictim, NotUp, OSError) as error:
            self.missed.append(f"{fault.kind}: {type(error).__name__} {error}")
            self.product.start_if_ended()
        else:
            now = time.time()
            self.struck.append(Struck(now, fault.kind, now - began, pid))


# -- outages -----------------------------------------------------------------------------------


@contextlib.contextmanager
def absent(product: Product, name: str) -> Iterator[None]:
    """Kill a server each time it shows itself, as when it cannot start; the supervisor goes on."""
    over = threading.Event()

    def keep_away() -> None:
        while not over.wait(POLL_SECONDS):
            if process := product.main(name):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    thread = threading.Thread(target=keep_away, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# -- victims -----------------------------------------------------------------------------------


def _awaited(
    candidates: Callable[[], list[psutil.Process | None]], dice: random.Random | None = None
) -> psutil.Process:
    end = time.monotonic() + APPEARS_SECONDS
    while time.monotonic() < end:
        if found := [one for one in candidates() if one is not None]:
            return (dice or random.Random(0)).choice(sorted(found, key=lambda one: one.pid))
        time.sleep(POLL_SECONDS)
    raise NoVictim


def _signal(process: psutil.Process, number: signal.Signals) -> int:
    process.send_signal(number)
    return process.pid


def _working(processes: list[psutil.Process]) -> list[psutil.Process | None]:
    """Without the helper that watches shared resources, which does no work."""
    return [one for one in processes if "resource_tracker" not in " ".join(_words(one))]


def _backends(product: Product) -> list[psutil.Process | None]:
    """Server processes that serve a client of ours."""
    return [one for one in product.children("postgres") if "[local]" in " ".join(_words(one))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _ask_broker(product: Product, command: bytes) -> bytes:
    end = time.monotonic() + APPEARS_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2)
            line.connect(str(embedded.place(product.var).redis_socket))
            line.sendall(command)
            if answer := line.recv(64):
                return answer
        if time.monotonic() > end:
            raise NoVictim
        time.sleep(POLL_SECONDS)
