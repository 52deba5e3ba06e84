"""The web process as `make run` starts it, and clients that take their time, or too much of it."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from config import embedded, launch

pytestmark = pytest.mark.django_db(transaction=True)
LOOPBACK = "127.0.0.1"
BODY_SECONDS = 4
HEAD = "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """Where a web process of the product listens, on the database of the tests."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        chosen = probe.getsockname()[1]
    choices = launch.Choices(LOOPBACK, chosen, demo=False)
    told = {
        "DATABASE_URL": database_url(),
        "REDIS_URL": os.environ.get("REDIS_URL") or embedded.redis_url(),
        "THROUGHLINE_BODY_SECONDS": str(BODY_SECONDS),
        "THROUGHLINE_MAX_BODY_BYTES": "300000",
    }
    web = subprocess.Popen(
        launch.python(*launch.web_words(choices)),
        env={**os.environ, **told},
        cwd=launch.PROJECT,
        stderr=subprocess.DEVNULL,
        preexec_fn=few_files,
    )
    eventually(launch.answers(f"{choices.url}/healthz"))
    yield chosen
    web.send_signal(signal.SIGTERM)
    web.wait(30)


def few_files() -> None:
    """As many systems have it: the process is to raise it by itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))


@pytest.fixture
def many_files() -> Iterator[None]:
    """For the clients' own ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def database_url() -> str:
    from django.db import connection

    name = connection.settings_dict["NAME"]
    if url := os.environ.get("DATABASE_URL"):
        return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    return embedded.postgres_url(database=name)


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def key(transactional_db: None) -> str:
    from apps.telemetry.partitions import maintain
    from apps.telemetry.services.keys import issue_key
    from tests.catalog.network import build

    build()
    maintain()
    return issue_key(source="ehr").bearer


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def send(port: int, *parts: bytes, pause: float = 0.0, hang_up: bool = False) -> tuple[int, Any]:
    """The answer to a request written in parts: its status and what its JSON says."""
    with socket.create_connection((LOOPBACK, port), timeout=30) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(pause)
        if hang_up:
            client.shutdown(socket.SHUT_WR)
        head, _, body = read_all(client).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def read_all(client: socket.socket) -> bytes:
    """Until the other end closes, or has sent as much as it said."""
    text = b""
    while piece := client.recv(65_536):
        text += piece
        head, _, body = text.lower().partition(b"\r\n\r\n")
        if b"content-length:" in head and len(body) >= int(
            head.partition(b"content-length:")[2].split()[0]
        ):
            break
    return text


def measured(key: str, body: bytes) -> bytes:
    head = f"{HEAD}Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chunked(key: str, *chunks: bytes) -> bytes:
    head = f"{HEAD}Authorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


@pytest.mark.usefixtures("many_files")
def test_stalled_bodies_hold_up_nobody_and_end_in_time(port: int, key: str):
    from tests.telemetry.wire import event

    honest = measured(key, lines(event()))
    began = time.monotonic()
    with ExitStack() as stack, ThreadPoolExecutor(1) as aside:
        stalled = [
            stack.enter_context(socket.create_connection((LOOPBACK, port), timeout=30))
            for _ in range(1_200)
        ]
        for client in stalled:
            client.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
        size = len(honest) // 4
        parts = [honest[start : start + size] for start in range(0, len(honest), size)]
        slow = aside.submit(send, port, *parts, pause=0.5)

        while time.monotonic() - began < BODY_SECONDS - 1:
            asked = time.monotonic()
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/healthz", timeout=5) as answer:
                assert answer.status == 200
            assert send(port, measured(key, lines(event())))[0] == 202
            assert time.monotonic() - asked < 1

        assert slow.result()[0] == 202
        answers = [read_all(client) for client in stalled]
    assert time.monotonic() - began < BODY_SECONDS + 5
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert all(b'"code":"body_too_slow"' in answer for answer in answers)


def test_a_large_body_has_more_time_but_not_for_ever(port: int, key: str):
    pieces = [b"\n" * 40_000] * 7
    head = measured(key, b"".join(pieces))[: -7 * 40_000]

    assert send(port, head, *pieces, pause=0.8)[0] == 202
    assert send(port, head, b"\n" * 1_000)[1]["code"] == "body_too_slow"


def test_all_large_bodies_together_are_bounded_and_small_ones_do_not_wait(port: int, key: str):
    large = measured(key, b"\n" * 290_000)
    with ExitStack() as stack:
        for _ in range(8):
            client = stack.enter_context(socket.create_connection((LOOPBACK, port)))
            client.sendall(large[:-1])
        time.sleep(0.5)

        assert send(port, large)[1]["code"] == "unavailable"
        assert send(port, measured(key, b"\n"))[0] == 202
    eventually(lambda: send(port, large)[0] == 202)


def test_a_body_over_the_limit_is_refused_before_it_is_kept(port: int, key: str):
    status, problem = send(port, measured(key, b"\n" * 400_000))
    assert (status, problem["code"]) == (413, "too_large")

    status, problem = send(port, chunked(key, *[b"\n" * 50_000] * 8, b""))
    assert (status, problem["code"]) == (413, "too_large")


def test_a_chunked_body_is_taken_whole(port: int, key: str):
    from tests.telemetry.wire import event

    text = lines(event(), event())

    status, answer = send(port, chunked(key, text[:100], text[100:], b""))

    assert (status, answer["accepted"], answer["rejected"]) == (202, 2, [])


@pytest.mark.parametrize("chunks", [1, 2], ids=["between chunks", "after a whole line"])
def test_a_chunked_body_that_was_cut_off_stores_nothing(port: int, key: str, chunks: int):
    from apps.telemetry.models import IngestBatch
    from tests.telemetry.wire import event

    first, second = lines(event()), lines(event())
    parts = [first, second[:50]][:chunks] if chunks == 2 else [first]

    status, problem = send(port, chunked(key, *parts), hang_up=True)

    assert (status, problem["code"]) == (400, "corrupt_body")
    assert not IngestBatch.objects.exists()


def test_a_measured_body_that_was_cut_off_stores_nothing(port: int, key: str):
    from tests.telemetry.wire import event

    whole = measured(key, lines(event()))

    assert send(port, whole[:-10], hang_up=True)[1]["code"] == "corrupt_body"


def test_a_header_with_an_underscore_does_not_pass_for_one_with_a_dash(port: int):
    head = f"{HEAD}Content-Length: 2\r\nAuthorization_: x\r\nTransfer_Encoding: chunked\r\n\r\n"

    assert send(port, head.encode() + b"[]")[1]["code"] == "invalid_key"


def test_a_request_in_flight_is_answered_before_the_process_ends(tmp_path: Any):
    (tmp_path / "late.py").write_text(LATE)
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    words = launch.web_words(launch.Choices(LOOPBACK, port, demo=False))
    words[words.index("config.web:application")] = "late:application"
    paths = os.pathsep.join([str(tmp_path), str(launch.PROJECT)])
    web = subprocess.Popen(
        [sys.executable, *words], env={**os.environ, "PYTHONPATH": paths}, cwd=tmp_path
    )
    eventually(launch.answers(f"http://{LOOPBACK}:{port}/"))
    with ThreadPoolExecutor(1) as aside:
        late = aside.submit(send, port, b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.5)
        web.terminate()
        assert late.result() == (200, [])
    assert web.wait(30) == 0


LATE = """
import time
from config.front import Front, Limits

def late(environ, start):
    time.sleep(1.5 if environ["PATH_INFO"] == "/late" else 0)
    start("200 OK", [("Content-Length", "2")])
    return [b"[]"]

application = Front(late, threads=2, limits=Limits(body=1, together=1, seconds=1, rate=1))
"""
