"""Events in files: lines as a stream, documents whole, packed or not."""

import gzip
import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

import zstandard

from apps.telemetry.formats import Reading, cloudevents

AT_ONCE = 1000
STANDARD_INPUT = "-"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass
class EventFile:
    """An open file of events: `raw` as stored, `text` unpacked."""

    name: str
    raw: io.BufferedReader
    text: io.BufferedReader
    size: int

    def done(self) -> float:
        """The part of the file that was read, between 0 and 1; unknown sizes stay at 0."""
        return self.raw.tell() / self.size if self.size else 0.0


@dataclass
class Group:
    """Some events of a file and the number, from 1, of the first of them."""

    first: int
    readings: list[Reading]


@contextmanager
def opened(name: str) -> Iterator[EventFile]:
    """A file of events by its path, or standard input as `-`; gzip and zstd are recognised."""
    if name == STANDARD_INPUT:
        raw = cast(io.BufferedReader, sys.stdin.buffer)
        yield EventFile("standard input", raw, _unpacked(raw), 0)
        return
    path = Path(name)
    with path.open("rb") as raw:
        yield EventFile(path.name, raw, _unpacked(raw), path.stat().st_size)


def groups(file: EventFile, *, start: int = 1) -> Iterator[Group]:
    """The file's events, a thousand at a time, from event `start` on."""
    if file.name.removesuffix(".gz").removesuffix(".zst").endswith(".headers-and-body.txt"):
        headers, body = _split_headers(file.text.read())
        yield Group(1, cloudevents.binary(body, headers))
    elif _is_lines(file):
        yield from _line_groups(file, start)
    else:
        yield from _document_groups(file.text.read(), start)


def _unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    magic = raw.peek(4)[:4]
    if magic.startswith(_GZIP):
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)))
    if magic == _ZSTD:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return io.BufferedReader(reader)
    return raw


def _is_lines(file: EventFile) -> bool:
    """Whether the first line is a whole event: a document of one line is then one line too."""
    if any(suffix in file.name for suffix in (".ndjson", ".jsonl")):
        return True
    start = file.text.peek(io.DEFAULT_BUFFER_SIZE).lstrip()
    line, newline, _ = start.partition(b"\n")
    try:
        return bool(newline) and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _line_groups(file: EventFile, start: int) -> Iterator[Group]:
    first = 1
    while some := list(islice(file.text, AT_ONCE)):
        readings = list(cloudevents.lines(b"".join(some), {}))
        yield from _from(start, Group(first, readings))
        first += len(readings)


def _document_groups(text: bytes, start: int) -> Iterator[Group]:
    reader = cloudevents.batch if text.lstrip().startswith(b"[") else cloudevents.structured
    readings = list(reader(text, {}))
    for index in range(0, len(readings), AT_ONCE):
        yield from _from(start, Group(index + 1, readings[index : index + AT_ONCE]))


def _from(start: int, group: Group) -> Iterator[Group]:
    """The group without what lies before `start`."""
    skip = max(0, start - group.first)
    if readings := group.readings[skip:]:
        yield Group(group.first + skip, readings)


def _split_headers(text: bytes) -> tuple[Mapping[str, str], bytes]:
    """A saved binary-mode request: header lines, an empty line, the body."""
    head, _, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    pairs = (line.partition(":") for line in head.decode("latin-1").splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, body
