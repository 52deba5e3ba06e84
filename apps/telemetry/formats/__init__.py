"""The formats ingest understands: bytes in, events or refusals out. A module and a line each."""

from collections.abc import Callable, Iterable, Mapping

from apps.telemetry.formats import cloudevents
from apps.telemetry.formats.cloudevents import Reading, Unreadable

# May be lazy: whoever asks for more events than it wants need not pay for the rest.
Reader = Callable[[bytes, Mapping[str, str]], Iterable[Reading]]

READERS: dict[str, Reader] = {
    "application/cloudevents+json": cloudevents.structured,
    "application/cloudevents-batch+json": cloudevents.batch,
    "application/x-ndjson": cloudevents.lines,
}

__all__ = ["READERS", "Reader", "Reading", "Unreadable", "reader_for"]


def reader_for(media_type: str, headers: Mapping[str, str]) -> Reader | None:
    """The reader of a media type; attributes in headers make any other one binary mode."""
    if reader := READERS.get(media_type.partition(";")[0].strip().lower()):
        return reader
    return cloudevents.binary if any(name.startswith("ce-") for name in headers) else None
