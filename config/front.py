"""The way into a WSGI application: whole requests only, so that no thread ever waits for a client.

granian's own WSGI threads read bodies themselves: as many connections as there are threads, each
stalled inside a body, would silence the server, and nothing in granian ends them. As an RSGI
application we read on the event loop, where a client that is slow costs no thread, within a time, a
size and a sum of sizes; a thread gets the request when all of it is there. Answers leave the thread
whole, or as a file that granian sends, so slow readers hold none either.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio import AbstractEventLoop, Future
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

import msgspec
from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined]

log = logging.getLogger(__name__)

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Headers = list[tuple[str, str]]

# Bodies up to this size are taken in one piece, and do not count towards what all may hold.
SMALL = 65_536
# How many times the limit of a body is read, and dropped, before a sender is cut off: a client
# that is cut off while it sends never reads the answer.
PATIENCE = 8
# In-flight requests are answered before the process ends, for so long.
FAREWELL_SECONDS = 8.0


@dataclass(frozen=True)
class Limits:
    """What a client may take: bytes of one body, of all large bodies at once, and time.

    A body has `seconds`, and another second for each `rate` bytes that have come.
    """

    body: int
    together: int
    seconds: float
    rate: int


class Refused(Exception):
    """A request that no thread gets to see, with what it is answered."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, **headers: str) -> None:
        super().__init__(code)
        document = {
            "type": f"/api/#{code}",
            "title": status.phrase,
            "status": status.value,
            "code": code,
            "detail": detail,
        }
        self.status = status.value
        self.body = msgspec.json.encode(document)
        # What else the client was sending is not read, so the connection ends.
        self.headers: Headers = [
            ("Content-Type", "application/problem+json"),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]


def too_slow() -> Refused:
    detail = "The body came too slowly. Nothing was stored; send it again, or in smaller parts."
    return Refused(HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", detail)


def too_large() -> Refused:
    detail = "The body is over the limit. Send fewer events a request."
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)


def cut_off() -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "corrupt_body", "The body ended early.")


def too_busy() -> Refused:
    detail = "Too many large bodies are on their way. Send the same again later."
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, Retry_After="5")


@dataclass(slots=True)
class Task:
    """A complete request on its way through a thread."""

    scope: Scope
    proto: HTTPProtocol
    body: bytes
    answered: Future[None]


class Front:
    """An RSGI application that hands complete requests to the threads of a WSGI application."""

    def __init__(self, application: Wsgi, *, threads: int, limits: Limits) -> None:
        self.application = application
        self.threads = threads
        self.limits = limits
        self.held = 0
        self.in_flight = 0
        self.tasks: SimpleQueue[Task] = SimpleQueue()

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        for number in range(self.threads):
            Thread(target=self._work, name=f"web-{number}", daemon=True).start()

    def __rsgi_del__(self, loop: AbstractEventLoop) -> None:
        loop.run_until_complete(self._finish())

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        self.in_flight += 1
        try:
            body = await self._body(scope, proto)
            answered = self.loop.create_future()
            self.tasks.put(Task(scope, proto, body, answered))
            await answered
        except Refused as refused:
            proto.response_bytes(refused.status, refused.headers, refused.body)
        finally:
            self.in_flight -= 1

    async def _finish(self) -> None:
        end = self.loop.time() + FAREWELL_SECONDS
        while self.in_flight and self.loop.time() < end:
            await asyncio.sleep(0.02)

    # -- on the event loop: the body ---------------------------------------------------------------

    async def _body(self, scope: Scope, proto: HTTPProtocol) -> bytes:
        length = scope.headers.get("content-length")
        if length is None:
            return await self._large(proto) if "transfer-encoding" in scope.headers else b""
        size = int(length)
        if size > SMALL:
            body = await self._large(proto, size)
            if len(body) != size:
                raise cut_off()
            return body
        return await self._in_time(proto(), self.limits.seconds) if size else b""

    async def _large(self, proto: HTTPProtocol, size: int = 0) -> bytes:
        """A body piece by piece: of a length that is known, or chunked."""
        if size > self.limits.body:
            await self._drop(proto.__aiter__())
            raise too_large()
        body = bytearray()
        try:
            await self._collect(proto.__aiter__(), body)
        finally:
            self.held -= len(body)
        return bytes(body)

    async def _collect(self, pieces: Any, body: bytearray) -> None:
        began = self.loop.time()
        while piece := await self._next(pieces, began, len(body)):
            body += piece
            self.held += len(piece)
            if len(body) > self.limits.body:
                await self._drop(pieces)
                raise too_large()
            if self.held > self.limits.together:
                raise too_busy()
        await self._check_end(pieces, began)

    async def _check_end(self, pieces: Any, began: float) -> None:
        """granian gives an empty piece at the end, and two where the connection broke before it.

        Trailers look the same, and are refused with what was cut off.
        """
        try:
            await self._next(pieces, began, 0)
        except StopAsyncIteration:
            return
        raise cut_off()

    async def _drop(self, pieces: Any) -> None:
        began, dropped = self.loop.time(), 0
        while piece := await self._next(pieces, began, dropped):
            dropped += len(piece)
            if dropped > PATIENCE * self.limits.body:
                return

    async def _next(self, pieces: Any, began: float, so_far: int) -> bytes:
        end = began + self.limits.seconds + so_far / self.limits.rate
        return await self._in_time(pieces.__anext__(), end - self.loop.time())

    async def _in_time(self, coming: Awaitable[bytes], seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds):
                return await coming
        except TimeoutError:
            raise too_slow() from None
        except RuntimeError:
            raise cut_off() from None

    # -- in a thread: the application --------------------------------------------------------------

    def _work(self) -> None:
        while True:
            task = self.tasks.get()
            try:
                self._answer(task)
            except Exception as error:
                log.error("web: a request failed outside the application", exc_info=error)
                task.proto.response_empty(500, [])
            finally:
                self.loop.call_soon_threadsafe(task.answered.set_result, None)
                del task

    def _answer(self, task: Task) -> None:
        start = _Start()
        result = self.application(environ(task.scope, task.body), start)
        try:
            if isinstance(result, _File) and (path := result.path):
                task.proto.response_file(start.status, start.headers, path)
            else:
                task.proto.response_bytes(start.status, start.headers, b"".join(result))
        finally:
            if close := getattr(result, "close", None):
                close()


class _Start:
    """WSGI's start_response, which keeps what it is told."""

    __slots__ = ("headers", "status")

    def __call__(self, status: str, headers: Headers, *_: object) -> None:
        self.status = int(status[:3])
        self.headers = headers


class _File:
    """WSGI's file_wrapper: a whole file on disk is sent by its path, without a thread of ours."""

    def __init__(self, file: IO[bytes], _size: int = 0) -> None:
        self.file = file
        self.close = file.close
        name = getattr(file, "name", None)
        self.path = name if isinstance(name, str) else None

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(SMALL), b"")


def environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The request as WSGI has it. A chunked body has a length by now."""
    found = _ALWAYS | _ends(scope.server, scope.client.rpartition(":")[0])
    found["REQUEST_METHOD"] = scope.method
    found["PATH_INFO"] = scope.path.encode().decode("latin-1")
    found["QUERY_STRING"] = scope.query_string
    found["SERVER_PROTOCOL"] = f"HTTP/{scope.http_version}"
    found["wsgi.url_scheme"] = scope.scheme
    found["wsgi.input"] = BytesIO(body)
    for name, value in scope.headers.items():
        if key := _key(name):
            found[key] = f"{found[key]},{value}" if key in found else value
    found["CONTENT_LENGTH"] = str(len(body))
    return found


@lru_cache(maxsize=256)
def _key(name: str) -> str:
    """WSGI's name of a header. One with an underscore would pass for another that has a dash."""
    if "_" in name or name == "transfer-encoding":
        return ""
    key = name.replace("-", "_").upper()
    return key if name in {"content-type", "content-length"} else f"HTTP_{key}"


@lru_cache(maxsize=256)
def _ends(server: str, client: str) -> dict[str, str]:
    """Both ends of the connection; clients come again."""
    host, _, port = server.rpartition(":")
    return {
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": client.strip("[]"),
    }


_ALWAYS: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.file_wrapper": _File,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}
