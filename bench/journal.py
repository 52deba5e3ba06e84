"""Fill the journal without HTTP: the same reading and accepting, in this process."""

from collections.abc import Iterable

from apps.core.db import fetch_value
from apps.telemetry.canonical import CanonicalEvent, decode_journal
from apps.telemetry.formats import reader_for
from apps.telemetry.services.accept import accept
from apps.telemetry.services.keys import Sender, issue_key, sender_for
from bench.corpus import Bodies, content_type

BODY = "SELECT body FROM telemetry_ingestbatch WHERE id = %(id)s"


def new_key() -> str:
    """A key that may speak for every facility."""
    return issue_key(source="bench").bearer


def new_sender() -> Sender:
    """Who sends when nobody sends over HTTP."""
    sender = sender_for(new_key())
    assert sender
    return sender


def fill(bodies: Bodies, posts: int, sender: Sender) -> list[object]:
    """Put so many bodies into the journal; the ids of its rows."""
    media_type = content_type(bodies.batch)
    headers = {"content-type": media_type}
    reader = reader_for(media_type, headers)
    assert reader
    return [accept(reader(body, headers), sender=sender).batch for body in bodies.take(posts)]


def events_of(rows: Iterable[object]) -> list[CanonicalEvent]:
    """The canonical events of these journal rows."""
    return [
        event for row in rows for event in decode_journal(bytes(fetch_value(BODY, {"id": row})))
    ]
