"""The sources: clients that send batches and send each again until it is acknowledged."""

import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from uuid import UUID

import msgspec

from tests.chaos.history import Names, Said, Stream, wire

CLIENTS = 8
SIZES = (1, 5, 20, 50, 100)
RESENT = 0.05
PATIENCE_SECONDS = 15.0
# A client that fell behind while the product was away does not make up for more than this.
CATCH_UP_SECONDS = 2.0
TIMEOUT = "no answer in time"
BROKEN = "no connection"


@dataclass
class Ledger:
    """What was sent, what was acknowledged, and every answer. Checks start from here."""

    sent: dict[str, Said] = field(default_factory=dict)
    acked: set[str] = field(default_factory=set)
    batches: set[UUID] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    # (when answered, seconds the answer took) of every 202.
    accepted: list[tuple[float, float]] = field(default_factory=list)
    # (when, status or what went wrong, seconds) of everything else.
    refused: list[tuple[float, str, float]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    resent: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def note_sent(self, batch: Sequence[Said]) -> None:
        """Before the first attempt: what may be in the database from now on."""
        with self._lock:
            self.sent.update((one.id, one) for one in batch)

    def note_answer(self, batch: Sequence[Said], status: int, body: bytes, seconds: float) -> bool:
        """Keep an answer; whether it acknowledges the batch."""
        with self._lock:
            self.answers[str(status)] += 1
            if status != 202:
                self.refused.append((time.time(), str(status), seconds))
                if status not in (429, 503):
                    self.strange.append(f"answer {status} to a valid batch: {body[:200]!r}")
                return False
            receipt = json.loads(body)
            if receipt["accepted"] != len(batch) or receipt["rejected"]:
                self.strange.append(f"{len(batch)} valid events were not all taken: {body[:300]!r}")
            self.accepted.append((time.time(), seconds))
            self.batches.add(UUID(receipt["batch"]))
            self.acked.update(one.id for one in batch)
            return True

    def note_failure(self, what: str, seconds: float) -> None:
        """Keep an attempt that got no answer: the batch may be stored or not."""
        with self._lock:
            self.answers[what] += 1
            self.refused.append((time.time(), what, seconds))


@dataclass
class Load:
    """All clients of a run."""

    port: int
    key: str
    known: Names
    stream: Stream
    rate: float
    seed: int
    ledger: Ledger = field(default_factory=Ledger)
    again: deque[list[Said]] = field(default_factory=deque)
    finished: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self.threads = [
            threading.Thread(target=self._run, args=[number], daemon=True)
            for number in range(CLIENTS)
        ]
        for thread in self.threads:
            thread.start()

    def finish(self, *, seconds: float) -> None:
        """No new batches; those under way get this long to be acknowledged."""
        self.finished.set()
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
        self.given_up.set()
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS + 5)

    def _run(self, number: int) -> None:
        dice = random.Random(f"client {self.seed} {number}")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        due = time.monotonic()
        while not self.finished.wait(max(0.0, due - time.monotonic())):
            batch = self._next_batch(dice)
            due = max(due + CLIENTS * len(batch) / self.rate, time.monotonic() - CATCH_UP_SECONDS)
            self._deliver(batch, connection, dice)

    def _next_batch(self, dice: random.Random) -> list[Said]:
        """A new batch, or one that is sent a second time: at once by another client, or later."""
        if self.again and dice.random() < 2 * RESENT:
            self.ledger.resent += 1
            return self.again.popleft()
        batch = self.stream.take(dice.choice(SIZES))
        self.ledger.note_sent(batch)
        if dice.random() < RESENT:
            self.again.append(batch)
        return batch

    def _deliver(self, batch: list[Said], connection: HTTPConnection, dice: random.Random) -> None:
        body = msgspec.json.encode([wire(one, self.known) for one in batch])
        while not self._attempt(batch, body, connection):
            if self.given_up.wait(dice.uniform(0.1, 0.5)):
                return

    def _attempt(self, batch: list[Said], body: bytes, connection: HTTPConnection) -> bool:
        began = time.monotonic()
        try:
            status, answer = post(connection, self.key, body)
        except (OSError, HTTPException) as error:
            connection.close()
            what = TIMEOUT if isinstance(error, TimeoutError) else BROKEN
            self.ledger.note_failure(what, time.monotonic() - began)
            return False
        return self.ledger.note_answer(batch, status, answer, time.monotonic() - began)


def post(connection: HTTPConnection, key: str, body: bytes) -> tuple[int, bytes]:
    """One request on a connection that is kept, as senders of telemetry keep theirs."""
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/cloudevents-batch+json",
    }
    connection.request("POST", "/api/v1/events", body, headers)
    response = connection.getresponse()
    return response.status, response.read()
