"""Reading a request's body: bounded on the wire, bounded again when it is inflated.

A compressed body is read piece by piece and given up at the limit, so 33 kB that stand for a
gigabyte cost no more memory than an honest body.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import zstandard
from django.conf import settings
from django.http import HttpRequest

# A piece inflates to 2 MiB at most: deflate makes a thousandfold of it, four bytes of zstd 128 KiB.
_GZIP_PIECE = 2_048
_ZSTD_PIECE = 64
# zstd's own default for --long=27 streams; a frame may otherwise ask for gigabytes of window.
_MAX_WINDOW = 2**27
# Each costs some microseconds, however little is in it; as many as a request may hold events.
_MAX_MEMBERS = 20_000


class TooLarge(Exception):
    """The body is over the limit, as sent or inflated."""


class LengthRequired(Exception):
    """A chunked body behind a server that does not say where it ends."""


class UnknownEncoding(Exception):
    """A Content-Encoding other than gzip, zstd and identity."""


class Corrupt(Exception):
    """The body is not what its Content-Encoding says, or ends too soon."""


def wire_body(request: HttpRequest) -> bytes:
    """The body as sent, before any inflating: what a signature covers.

    The front gives every body a length, chunked ones too; what comes without one came another way.
    """
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or len(length) > 18:
        raise Corrupt
    if int(length) > settings.THROUGHLINE_MAX_BODY_BYTES:
        raise TooLarge
    body = request.read(int(length))
    if len(body) < int(length):
        raise Corrupt
    return body


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
    try:
        return _bounded(_pieces(body, lambda: zlib.decompressobj(wbits=31), _GZIP_PIECE), limit)
    except zlib.error:
        raise Corrupt from None


def _unzstd(body: bytes, limit: int) -> bytes:
    context = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        return _bounded(_pieces(body, context.decompressobj, _ZSTD_PIECE), limit)
    except zstandard.ZstdError:
        raise Corrupt from None


def _pieces(body: bytes, new_inflater: Callable[[], Any], size: int) -> Iterator[bytes]:
    """A body inflated bit by bit; members of gzip and frames of zstd may follow one another."""
    start = members = 0
    while start < len(body) or not members:
        inflater, members = new_inflater(), members + 1
        while not inflater.eof:
            piece = body[start : start + size]
            if not piece or members > _MAX_MEMBERS:
                raise Corrupt
            start += len(piece)
            yield inflater.decompress(piece)
        start -= len(inflater.unused_data)


def _bounded(pieces: Iterable[bytes], limit: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            raise TooLarge
    return bytes(body)
