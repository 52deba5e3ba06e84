"""Reading a request's body: bounded on the wire, bounded again when it is inflated.

A compressed body is read piece by piece and given up at the limit, so 33 kB that stand for a
gigabyte cost no more memory than an honest body.
"""

import zlib
from collections.abc import Iterable
from typing import IO

import zstandard
from django.conf import settings
from django.http import HttpRequest

_PIECE = 65_536
# How many times the limit is read, and dropped, before a sender is cut off.
_PATIENCE = 8
# Four bytes of zstd may stand for 128 KiB: a piece inflates to 2 MiB at most.
_ZSTD_PIECE = 64
# zstd's own default for --long=27 streams; a frame may otherwise ask for gigabytes of window.
_MAX_WINDOW = 2**27


class TooLarge(Exception):
    """The body is over the limit, as sent or inflated."""


class LengthRequired(Exception):
    """A chunked body behind a server that does not say where it ends."""


class UnknownEncoding(Exception):
    """A Content-Encoding other than gzip, zstd and identity."""


class Corrupt(Exception):
    """The body is not what its Content-Encoding says, or ends too soon."""


def wire_body(request: HttpRequest) -> bytes:
    """The body as sent, before any inflating: what a signature covers."""
    limit = settings.THROUGHLINE_MAX_BODY_BYTES
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal():
        if len(length) > 18 or int(length) > limit:
            _drain(request, limit)
            raise TooLarge
        body = request.read(int(length))
        if len(body) < int(length):
            raise Corrupt
        return body
    if not request.META.get("HTTP_TRANSFER_ENCODING"):
        return b""
    if not request.META.get("wsgi.input_terminated"):
        raise LengthRequired
    return _read_chunked(request.META["wsgi.input"], limit)


def _read_chunked(stream: IO[bytes], limit: int) -> bytes:
    try:
        return _bounded(iter(lambda: stream.read(_PIECE), b""), limit)
    except TooLarge:
        _drain(stream, limit)
        raise


def _drain(stream: IO[bytes] | HttpRequest, limit: int) -> None:
    """Read on for a while: a client that is cut off while it sends never reads the answer."""
    for _ in range(_PATIENCE * limit // _PIECE):
        if not stream.read(_PIECE):
            return


def inflate(body: bytes, encoding: str) -> bytes:
    """The body without its Content-Encoding."""
    limit = settings.THROUGHLINE_MAX_INFLATED_BYTES
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzip(body, limit)
        case "zstd":
            return _unzstd(body, limit)
    raise UnknownEncoding


def _gunzip(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        text = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise Corrupt from None
    if len(text) > limit:
        raise TooLarge
    if not inflater.eof or inflater.unused_data:
        raise Corrupt
    return text


def _unzstd(body: bytes, limit: int) -> bytes:
    inflater = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
    starts = range(0, len(body), _ZSTD_PIECE)
    try:
        text = _bounded(
            (inflater.decompress(body[start : start + _ZSTD_PIECE]) for start in starts), limit
        )
    except zstandard.ZstdError:
        raise Corrupt from None
    if not inflater.eof or inflater.unused_data:
        raise Corrupt
    return text


def _bounded(pieces: Iterable[bytes], limit: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            raise TooLarge
    return bytes(body)
