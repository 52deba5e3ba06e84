"""The web process as `make run` starts it, and clients that take their time, or too much of it."""

import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from config import embedded, launch

pytestmark = pytest.mark.django_db(transaction=True)
LOOPBACK = "127.0.0.1"
BODY_SECONDS = 4
# More than anybody answers while a stalled body has its time.
MOST_ROUNDS = 20_000
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
    end = time.monotonic() + 90
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


@pytest.fixture
def token(key: str) -> str:
    """For the API's readers."""
    from apps.accounts.models import User
    from apps.accounts.services import issue_token

    return issue_token(user=User.objects.create_superuser("root"))


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def send(port: int, *parts: bytes, pause: float = 0.0, hang_up: bool = False) -> tuple[int, Any]:
    """The answer to a request written in parts: its status and what its JSON says."""
    head, _, body = answer_to(port, *parts, pause=pause, hang_up=hang_up).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def answer_to(port: int, *parts: bytes, pause: float = 0.0, hang_up: bool = False) -> bytes:
    with socket.create_connection((LOOPBACK, port), timeout=90) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(pause)
        if hang_up:
            client.shutdown(socket.SHUT_WR)
        return read_all(client)


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


def is_answered(client: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        return bool(selector.select(0))


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
    rounds = 0
    with ExitStack() as stack, ThreadPoolExecutor(1) as aside:
        stalled = [
            stack.enter_context(socket.create_connection((LOOPBACK, port), timeout=90))
            for _ in range(1_200)
        ]
        for client in stalled:
            client.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
        size = len(honest) // 4
        parts = [honest[start : start + size] for start in range(0, len(honest), size)]
        slow = aside.submit(send, port, *parts, pause=0.3)

        # Who had to wait for the stalled would be answered once, after the last of them.
        while not is_answered(stalled[-1]):
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/healthz", timeout=90) as answer:
                assert answer.status == 200
            assert send(port, measured(key, lines(event())))[0] == 202
            rounds += 1
            assert rounds < MOST_ROUNDS

        assert slow.result()[0] == 202
        answers = [read_all(client) for client in stalled]
    assert rounds > 1
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert all(b'"code":"body_too_slow"' in answer for answer in answers)


def test_a_large_body_has_more_time_but_not_for_ever(port: int, key: str):
    pieces = [b"\n" * 40_000] * 7
    head = measured(key, b"".join(pieces))[: -7 * 40_000]

    assert send(port, head, *pieces, pause=0.8)[0] == 202
    assert send(port, head, b"\n" * 1_000)[1]["code"] == "body_too_slow"


def test_all_large_bodies_together_are_bounded_and_small_ones_do_not_wait(port: int, key: str):
    large, small = measured(key, b"\n" * 290_000), measured(key, b"\n")

    def statuses() -> list[bytes]:
        """Of nine, one more than there is room for, that are all there before one is complete."""
        with ExitStack() as stack:
            clients = [
                stack.enter_context(socket.create_connection((LOOPBACK, port))) for _ in range(9)
            ]
            for client in clients:
                client.sendall(large[:-1])
            time.sleep(0.5)
            assert send(port, small)[0] == 202
            for client in clients:
                client.sendall(large[-1:])
            return sorted(read_all(client).split()[1] for client in clients)

    eventually(lambda: statuses() == [b"202"] * 8 + [b"503"])
    assert send(port, large)[0] == 202


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


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /healthz?日=é HTTP/1.1\r\n", 200),
        ("GET /api/v1/scorecards?workflow=日 HTTP/1.1\r\nAuthorization: Bearer {token}\r\n", 400),
    ],
)
def test_an_address_may_be_sent_as_raw_utf_8(port: int, token: str, head: str, status: int):
    text = f"{head.format(token=token)}Host: localhost\r\n\r\n".encode()

    assert answer_to(port, text).startswith(b"HTTP/1.1 %d " % status)


def test_where_somebody_wanted_to_go_survives_raw_utf_8(port: int):
    answer = answer_to(port, "GET /flow/?a=日%20é HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 302 ")
    assert b"next=/flow/%3Fa%3D%25E6%2597%25A5%2520%25C3%25A9" in answer


def test_a_query_is_read_alike_raw_and_escaped(port: int, token: str):
    raw, escaped = (
        answer_to(
            port,
            f"GET /api/v1/scorecards?from={word} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {token}\r\n\r\n".encode(),
        ).partition(b"\r\n\r\n")[2]
        for word in ("日é", "%E6%97%A5%C3%A9")
    )

    assert raw == escaped


@pytest.mark.parametrize("name", ["ce-subject", "authorization", "x-anything"])
def test_a_header_that_is_not_ascii_is_refused_by_its_name(port: int, key: str, name: str):
    text = measured(key, b"[]").replace(b"Host", f"{name}: 日本é\r\nHost".encode(), 1)
    if name == "authorization":
        text = text.replace(f"Authorization: Bearer {key}\r\n".encode(), b"")

    status, problem = send(port, text)

    assert (status, problem["code"]) == (400, "invalid_header")
    assert f"The header {name} is not ASCII" in problem["detail"]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Host: other", 400),
        ("ce-id: 1\r\nce-id: 1", 400),
        ("ce-subject: a\r\nce-type: b\r\nCe-Subject: c", 400),
        ("Accept: a/b\r\nAccept: c/d", 202),
    ],
)
def test_what_is_said_once_is_not_said_twice(port: int, key: str, line: str, status: int):
    text = measured(key, b"\n").replace(b"Host:", f"{line}\r\nHost:".encode(), 1)

    given, answer = send(port, text)

    assert given == status
    assert status == 202 or answer["code"] == "invalid_header"


@pytest.mark.parametrize("codings", ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked"])
def test_a_transfer_coding_that_nobody_undoes_is_refused(port: int, key: str, codings: str):
    from tests.telemetry.wire import event

    text = chunked(key, lines(event()), b"")

    status, problem = send(port, text.replace(b": chunked", f": {codings}".encode()))

    assert (status, problem["code"]) == (501, "unknown_transfer_encoding")
    assert send(port, text.replace(b": chunked", b": Chunked"))[0] == 202


def test_a_request_in_flight_is_answered_before_the_process_ends(tmp_path: Path):
    with serving(tmp_path) as (web, port), ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(send, port, WAIT)
        eventually((tmp_path / "inside").exists)
        web.terminate()
        time.sleep(0.5)
        (tmp_path / "gate").touch()
        assert waiting.result() == (200, [])
        assert web.wait(30) == 0


def test_a_large_body_counts_until_it_is_answered(tmp_path: Path):
    large = post("/large", 3 * 2**20)
    with serving(tmp_path) as (web, port), ThreadPoolExecutor(10) as aside:
        waiting = [aside.submit(send, port, large) for _ in range(10)]
        assert first_answer(waiting)[1]["code"] == "unavailable"
        most = memory_of(web)

        (tmp_path / "gate").touch()
        assert sorted(one.result()[0] for one in waiting) == [200] * 9 + [503]
        assert send(port, large)[0] == 200
        eventually(lambda: most - memory_of(web) > 20 * 2**20)


def test_who_gave_up_waiting_counts_until_a_thread_was_there(tmp_path: Path):
    large = post("/large", 3 * 2**20)
    with serving(tmp_path) as (_, port):
        for _ in range(9):
            with socket.create_connection((LOOPBACK, port)) as client:
                client.sendall(large)

        eventually(lambda: b" 503 " in who_gives_up(port, large))
        (tmp_path / "gate").touch()
        eventually(lambda: send(port, large)[0] == 200)


def test_only_so_many_requests_wait_for_a_thread(tmp_path: Path):
    with serving(tmp_path) as (_, port), ThreadPoolExecutor(23) as aside:
        waiting = [aside.submit(send, port, WAIT) for _ in range(23)]
        assert first_answer(waiting)[1]["code"] == "unavailable"

        (tmp_path / "gate").touch()
        assert sorted(one.result()[0] for one in waiting) == [200] * 22 + [503]
        assert send(port, WAIT)[0] == 200


def test_a_large_body_is_refused_where_none_belongs(tmp_path: Path):
    (tmp_path / "gate").touch()
    with serving(tmp_path) as (_, port):
        assert send(port, post("/large/too", 200_000))[0] == 200
        assert send(port, post("/small", 90_000))[0] == 200
        assert send(port, post("/small", 200_000))[0] == 413


def post(path: str, size: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + bytes(size)


def first_answer(asked: list[Future[tuple[int, Any]]]) -> tuple[int, Any]:
    """Of many asked at once, what the first was told."""
    return next(as_completed(asked, timeout=90)).result()


def who_gives_up(port: int, text: bytes) -> bytes:
    """What somebody of little patience was told."""
    with socket.create_connection((LOOPBACK, port), timeout=90) as client:
        client.sendall(text)
        client.settimeout(0.3)
        try:
            return read_all(client)
        except TimeoutError:
            return b""


def memory_of(process: subprocess.Popen[bytes]) -> int:
    """Bytes of real memory that the one worker of a server has."""
    [worker] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    pages = Path(f"/proc/{worker}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


@contextmanager
def serving(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server, started as the product's is, whose threads wait for a file named gate."""
    (directory / "gated.py").write_text(GATED)
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    words = launch.web_words(launch.Choices(LOOPBACK, port, demo=False))
    words[words.index("config.web:application")] = "gated:application"
    paths = os.pathsep.join([str(directory), str(launch.PROJECT)])
    web = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **launch.FRUGAL, "PYTHONPATH": paths},
        cwd=directory,
    )
    try:
        eventually(launch.answers(f"http://{LOOPBACK}:{port}/"))
        yield web, port
    finally:
        (directory / "gate").touch()
        web.terminate()
        web.wait(30)


WAIT = b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n"
GATED = """
import time
from pathlib import Path
from config.front import Front, Limits

def gated(environ, start):
    if environ["PATH_INFO"] == "/wait":
        Path("inside").touch()
    while environ["PATH_INFO"] != "/" and not Path("gate").exists():
        time.sleep(0.05)
    environ["wsgi.input"].read()
    start("200 OK", [("Content-Length", "2")])
    return [b"[]"]

application = Front(
    gated,
    threads=2,
    limits=Limits(
        body=4 * 2**20,
        elsewhere=100_000,
        large_at=("/large",),
        together=28 * 2**20,
        seconds=10,
        rate=2**20,
        waiting=20,
    ),
)
"""
