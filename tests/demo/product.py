"""A product as its API describes it, kept in memory: what a sender can notice, and no more."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Trouble = Callable[[str, str], "Answer | None"]


@dataclass(frozen=True)
class Answer:
    """What to answer instead; status 0 hangs up, after the work is done if `late`."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    late: bool = False


@dataclass
class Product:
    """What it holds, what it was asked, and how it is made to fail."""

    document: dict[str, Any]
    events: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    encodings: set[str | None] = field(default_factory=set)
    conflicts: int = 0
    trouble: list[Answer] = field(default_factory=list)
    polls_before_folded: int = 0
    lock: Lock = field(default_factory=Lock)
    url: str = ""

    @property
    def ids(self) -> list[str]:
        return [event_id for _, event_id in self.events]

    def take(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        known = {each["code"] for each in self.document["facilities"]}
        rejected = [
            {"index": index, "id": event["id"], "code": "unknown_facility"}
            for index, event in enumerate(events)
            if event["data"]["facility"] not in known
        ]
        stored = duplicates = 0
        for event in events:
            if event["data"]["facility"] not in known:
                continue
            before = self.events.setdefault((event["source"], event["id"]), event)
            stored += before is event
            duplicates += before is not event
            self.conflicts += before != event
        batch = f"batch-{len(self.batches)}"
        self.batches[batch] = {"stored": stored, "duplicates": duplicates, "conflicts": 0}
        return {"batch": batch, "accepted": len(events) - len(rejected), "rejected": rejected}

    def describe(self, batch: str) -> dict[str, Any]:
        polls = sum(path.endswith(batch) for _, path in self.requests)
        state = "folded" if polls > self.polls_before_folded else "waiting"
        return {"id": batch, "state": state, **self.batches[batch]}


@contextmanager
def serving(product: Product, *, port: int = 0) -> Iterator[Product]:
    """The product on a free port of this machine, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(product))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    product.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield product
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(product: Product) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.respond(
                200,
                lambda: (
                    product.document
                    if self.path.endswith("/catalogue")
                    else product.describe(self.path.rsplit("/", 1)[1])
                ),
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            product.encodings.add(self.headers["Content-Encoding"])
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            self.respond(202, lambda: product.take(json.loads(body)))

        def respond(self, status: int, work: Callable[[], object]) -> None:
            with product.lock:
                product.requests.append((self.command, self.path))
                product.keys.add(self.headers["Authorization"])
                trouble = product.trouble.pop(0) if product.trouble else None
                if trouble is None or trouble.late:
                    answer = work()
            if trouble is None:
                self.write(status, answer, {})
            elif trouble.status:
                self.write(trouble.status, {"detail": "as the test wants it"}, trouble.headers)
            else:
                self.close_connection = True

        def write(self, status: int, answer: object, headers: dict[str, str]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Tests say what matters."""

    return Handler
