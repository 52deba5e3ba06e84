"""The way into a WSGI application: whole requests only, so that no thread ever waits for a client.

granian's own WSGI threads read bodies themselves: as many connections as there are threads, each
stalled inside a body, would silence the server, and nothing in granian ends them. As an RSGI
application we read on the event loop, where a client that is slow costs no thread, within a time, a
size and a sum of sizes. A thread gets the request when all of it is there, and only so many wait
for one. Answers leave the thread whole, or as a file that granian sends, so slow readers hold none
either.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio import AbstractEventLoop, Future
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from queue import SimpleQueue
from string import punctuation
from threading import Thread
from typing import IO, Any
from urllib.parse import quote

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
    """What clients may take: bytes of one body, of all large bodies at once, places and time.

    Bodies of `body` bytes are taken at the addresses that begin as one of `large_at` does, and of
    `elsewhere` bytes at all others. A body has `seconds`, and another second for each `rate` bytes
    that have come. `waiting` requests may wait for a thread.
    """

    body: int
    elsewhere: int
    large_at: tuple[str, ...]
    together: int
    seconds: float
    rate: int
    waiting: int


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


class Unwanted(Refused):
    """A request of which the rest is read and dropped, so that its sender reads the answer."""


def too_slow() -> Refused:
    detail = "The body came too slowly. Nothing was stored; send it again, or in smaller parts."
    return Refused(HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", detail)


def too_large() -> Refused:
    detail = "The body is over the limit. Nothing was stored; send it in smaller parts."
    return Unwanted(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)


def cut_off() -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "corrupt_body", "The body ended early.")


def too_busy() -> Refused:
    detail = "Too many large bodies are on their way. Send the same again later."
    return Unwanted(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, Retry_After="5")


def too_many() -> Refused:
    detail = "Too many requests wait for their answers. Send the same again later."
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, Retry_After="5")


def not_chunked() -> Refused:
    detail = "Transfer-Encoding may be chunked, and nothing else. Compress with Content-Encoding."
    return Refused(HTTPStatus.NOT_IMPLEMENTED, "unknown_transfer_encoding", detail)


def not_ascii(name: str) -> Refused:
    detail = f"The header {name} is not ASCII. Percent-encode what is not, or leave it out."
    return Refused(HTTPStatus.BAD_REQUEST, "invalid_header", detail)


def sent_twice(name: str) -> Refused:
    detail = f"The header {name} came more than once. Send it once."
    return Refused(HTTPStatus.BAD_REQUEST, "invalid_header", detail)


@dataclass(slots=True)
class Request:
    """A request from its first line to its answer; `held` bytes count towards what all may hold."""

    scope: Scope
    proto: HTTPProtocol
    answered: Future[None]
    body: bytes | bytearray = b""
    held: int = 0

    def refuse(self, refused: Refused) -> None:
        self.proto.response_bytes(refused.status, refused.headers, refused.body)


class Front:
    """An RSGI application that hands complete requests to the threads of a WSGI application."""

    def __init__(self, application: Wsgi, *, threads: int, limits: Limits) -> None:
        self.application = application
        self.threads = threads
        self.limits = limits
        self.held = 0
        self.in_flight = 0
        self.tasks: SimpleQueue[Request] = SimpleQueue()

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        for number in range(self.threads):
            Thread(target=self._work, name=f"web-{number}", daemon=True).start()

    def __rsgi_del__(self, loop: AbstractEventLoop) -> None:
        loop.run_until_complete(self._finish())

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        request = Request(scope, proto, self.loop.create_future())
        self.in_flight += 1
        try:
            request.body = await self._body(request)
            if self.tasks.qsize() >= self.limits.waiting:
                raise too_many()
            self.tasks.put(request)
            await request.answered
        except Refused as refused:
            request.refuse(refused)
        finally:
            self._let_go(request)
            self.in_flight -= 1

    async def _finish(self) -> None:
        end = self.loop.time() + FAREWELL_SECONDS
        while self.in_flight and self.loop.time() < end:
            await asyncio.sleep(0.02)

    # -- on the event loop: the body ---------------------------------------------------------------

    async def _body(self, request: Request) -> bytes:
        headers = request.scope.headers
        length = headers.get("content-length")
        if length is None:
            return await self._chunked(request) if "transfer-encoding" in headers else b""
        size = int(length)
        if size > SMALL:
            body = await self._large(request, size)
            if len(body) != size:
                raise cut_off()
            return body
        return await self._in_time(request.proto(), self.limits.seconds) if size else b""

    async def _chunked(self, request: Request) -> bytes:
        """A body whose length nobody said; any other coding would still be on it."""
        body = await self._large(request)
        lines = request.scope.headers.items()
        codings = [value.lower() for name, value in lines if name == "transfer-encoding"]
        if codings != ["chunked"]:
            raise not_chunked()
        return body

    async def _large(self, request: Request, size: int = 0) -> bytes:
        """A body piece by piece: of a length that is known, or chunked."""
        limit = self._limit(request.scope.path)
        pieces = request.proto.__aiter__()
        try:
            if size > limit:
                raise too_large()
            await self._collect(pieces, request, limit)
        except Unwanted:
            self._let_go(request)
            await self._drop(pieces, limit)
            raise
        return bytes(request.body)

    def _limit(self, path: str) -> int:
        is_large = path.startswith(self.limits.large_at)
        return self.limits.body if is_large else self.limits.elsewhere

    def _let_go(self, request: Request) -> None:
        self.held -= request.held
        request.held, request.body = 0, b""

    async def _collect(self, pieces: Any, request: Request, limit: int) -> None:
        began = self.loop.time()
        request.body = bytearray()
        while piece := await self._next(pieces, began, request.held):
            request.body += piece
            request.held += len(piece)
            self.held += len(piece)
            if request.held > limit:
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

    async def _drop(self, pieces: Any, limit: int) -> None:
        began, dropped = self.loop.time(), 0
        while piece := await self._next(pieces, began, dropped):
            dropped += len(piece)
            if dropped > PATIENCE * limit:
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
            request = self.tasks.get()
            try:
                self._answer(request)
            except Refused as refused:
                request.refuse(refused)
            except Exception as error:
                log.error("web: a request failed outside the application", exc_info=error)
                request.proto.response_empty(500, [])
            finally:
                self.loop.call_soon_threadsafe(request.answered.set_result, None)
                del request

    def _answer(self, request: Request) -> None:
        start, proto = _Start(), request.proto
        result = self.application(environ(request.scope, request.body), start)
        try:
            if isinstance(result, _File) and (path := result.path):
                proto.response_file(start.status, start.headers, path)
            else:
                proto.response_bytes(start.status, start.headers, b"".join(result))
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


def environ(scope: Scope, body: bytes | bytearray) -> dict[str, Any]:
    """The request as WSGI has it. A chunked body has a length by now."""
    found = _ALWAYS | _ends(scope.server, scope.client.rpartition(":")[0])
    found["REQUEST_METHOD"] = scope.method
    found["PATH_INFO"] = scope.path.encode().decode("latin-1")
    found["QUERY_STRING"] = _escaped(scope.query_string)
    found["SERVER_PROTOCOL"] = f"HTTP/{scope.http_version}"
    found["wsgi.url_scheme"] = scope.scheme
    found["wsgi.input"] = BytesIO(body)
    for name, value in header_lines(scope):
        if key := _key(name):
            found[key] = f"{found[key]},{value}" if key in found else value
    found["CONTENT_LENGTH"] = str(len(body))
    return found


def _escaped(query: str) -> str:
    """A query as it ought to be sent: Latin-1 of raw UTF-8 would be read well and passed on ill."""
    return query if query.isascii() else quote(query, safe=punctuation)


def header_lines(scope: Scope) -> list[tuple[str, str]]:
    """The lines of the head, each of which says all that was sent under its name.

    granian leaves out values that are not ASCII, and keeps their names.
    """
    lines: list[tuple[str, str]] = scope.headers.items()
    values = dict(lines)
    names = len(scope.headers)  # type: ignore[arg-type]
    if not len(values) == len(lines) == names:
        if lost := sorted(set(scope.headers.keys()) - values.keys()):
            raise not_ascii(lost[0])
        for name, count in Counter(name for name, _ in lines).items():
            if count > 1 and (name == "host" or name.startswith("ce-")):
                raise sent_twice(name)
    return lines


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
