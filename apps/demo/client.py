"""The product's HTTP API as any sender sees it, over one kept connection."""

import gzip
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

TIMEOUT_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BATCH = "application/cloudevents-batch+json"
T = TypeVar("T")
_HUNG_UP = (ConnectionResetError, BrokenPipeError)
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class Accepted(msgspec.Struct):
    """The answer to a batch that was taken."""

    batch: str
    accepted: int
    rejected: list[Any] = []


class Batch(msgspec.Struct):
    """What became of a batch."""

    state: Literal["waiting", "folded", "failed"]
    stored: int | None = None
    duplicates: int | None = None
    conflicts: int | None = None


class Unavailable(Exception):
    """No answer, or "come again". Nobody knows whether the request was carried out."""

    def __init__(self, reason: str, *, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class Declined(Exception):
    """An answer that repeating the request will not change."""


class Client:
    """One connection with one key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = urlsplit(url)
        self.key = key
        self.compresses = self.url.hostname not in _LOOPBACK
        self.connection: HTTPConnection | None = None

    def catalogue(self) -> Any:
        """All that exists, as the product describes it."""
        return msgspec.json.decode(self._request("GET", "/api/v1/catalogue"))

    def post(self, events: bytes) -> Accepted:
        """Hand over a batch. Safe to repeat: its events carry their ids."""
        headers = {"Content-Type": _BATCH}
        if self.compresses:
            events = gzip.compress(events, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        answer = self._request("POST", "/api/v1/events", events, headers)
        return msgspec.json.decode(answer, type=Accepted)

    def batch(self, batch_id: str) -> Batch:
        """What became of a batch so far."""
        return msgspec.json.decode(self._request("GET", f"/api/v1/batches/{batch_id}"), type=Batch)

    def close(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        wanted = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        target = self.url.path.rstrip("/") + path
        try:
            answer, content = self._exchange(method, target, body, wanted | (headers or {}))
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"no answer from {self.url.netloc}: {reason}") from None
        if answer.status in _TRY_AGAIN:
            raise Unavailable(_reason(answer, content), pause=_retry_after(answer))
        if answer.status >= 300:
            raise Declined(_reason(answer, content))
        return content

    def _exchange(self, *request: Any) -> tuple[HTTPResponse, bytes]:
        """Ask once; and once more on a new connection if the server had tired of the old one."""
        was_kept = self.connection is not None
        try:
            return self._ask(*request)
        except _HUNG_UP:
            if not was_kept:
                raise
            return self._ask(*request)

    def _ask(self, *request: Any) -> tuple[HTTPResponse, bytes]:
        try:
            connection = self._connect()
            connection.request(*request)
            answer = connection.getresponse()
            return answer, answer.read()
        except (OSError, HTTPException):
            self.close()
            raise

    def _connect(self) -> HTTPConnection:
        if self.connection is None:
            kind = HTTPSConnection if self.url.scheme == "https" else HTTPConnection
            self.connection = kind(self.url.netloc, timeout=TIMEOUT_SECONDS)
        return self.connection


def persist(
    attempt: Callable[[], T],
    *,
    wait: Callable[[float], object] = time.sleep,
    say: Callable[[str], object],
) -> T:
    """Repeat until it works; say so once when it begins to fail, and once when it is over."""
    pause, is_failing = FIRST_PAUSE, False
    while True:
        try:
            result = attempt()
        except Unavailable as error:
            if not is_failing:
                say(f"{error}; trying again")
            is_failing = True
            wait(max(pause, min(error.pause, 4 * LONGEST_PAUSE)))
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            if is_failing:
                say("answered again")
            return result


def _retry_after(answer: HTTPResponse) -> float:
    """The pause the server asks for; a date there is treated as no wish."""
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0


def _reason(answer: HTTPResponse, content: bytes) -> str:
    """The problem in the server's words (RFC 9457), or just the status."""
    try:
        problem = msgspec.json.decode(content)
        detail = problem.get("detail") or problem.get("title") or ""
    except (msgspec.DecodeError, AttributeError):
        detail = ""
    return f"HTTP {answer.status} {detail or answer.reason}".rstrip()
