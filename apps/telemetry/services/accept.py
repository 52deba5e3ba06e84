"""Accept events: resolve each, then store the good ones and the refused ones in one statement.

The journal's row is the acknowledgement: nothing is answered before it is committed, and it holds
only canonical events. That the key is live is asked in the same statement, so a key revoked while
its request was read stores nothing.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from psycopg.types.json import Jsonb

from apps.core.db import fetch_prepared
from apps.core.doorbell import ring
from apps.telemetry.canonical import CanonicalEvent, encode_journal
from apps.telemetry.directory import directory
from apps.telemetry.formats import Reading, Unreadable
from apps.telemetry.refusals import Code, Refused, Rejection
from apps.telemetry.resolve import Directory, is_test, resolve
from apps.telemetry.services.clocks import note_clock
from apps.telemetry.services.keys import Sender, touch_key
from apps.telemetry.services.words import note_words
from apps.telemetry.tokens import refused_digest
from apps.telemetry.view import (
    content_of,
    event_id_of,
    facility_of,
    is_marked_test,
    quarantine_view,
)

# Good events only, the usual case: one row, one statement, one commit.
JOURNAL = """
INSERT INTO telemetry_ingestbatch (source_id, events, scope, body)
SELECT k.source_id, %(events)s, %(scope)s::integer[], %(body)s
  FROM telemetry_sourcekey k JOIN telemetry_source s ON s.id = k.source_id
 WHERE k.id = %(key_id)s AND s.active AND k.revoked_at IS NULL
   AND (k.expires_at IS NULL OR k.expires_at > now())
RETURNING id
"""

# The same with whatever else a request may bring.
# - A signature is used up with the row it signs: its second use stores nothing.
# - Files and resubmitted events come without a key; a source that was switched off takes neither.
# - A row without events (all refused, or tests) has nothing to fold and is closed at once.
# - A refused event that is already in quarantine, and the same, is counted on its row; of new ones
#   a source may add so many rows a day, and what comes beyond is counted on the day.
# - ORDER BY digest fixes the lock order: requests that repeat the same events never deadlock.
JOURNAL_IN_FULL = """
WITH live AS (
    SELECT s.id AS source_id FROM telemetry_source s
     WHERE s.id = %(source_id)s AND s.active
       AND (%(key_id)s::integer IS NULL OR EXISTS (
            SELECT FROM telemetry_sourcekey k
             WHERE k.id = %(key_id)s AND k.source_id = s.id AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > now())))
), used AS (
    INSERT INTO telemetry_usedsignature (signature)
    SELECT %(signature)s FROM live WHERE %(signature)s::bytea IS NOT NULL
        ON CONFLICT ON CONSTRAINT signature_once DO NOTHING
    RETURNING signature
), batch AS (
    INSERT INTO telemetry_ingestbatch (source_id, events, scope, tests, rejected, body, state,
                                       stored, duplicates, conflicts, folded_at)
    SELECT source_id, %(events)s, %(scope)s::integer[], %(tests)s, %(rejected)s, %(body)s,
           CASE WHEN %(events)s = 0 THEN 1 ELSE 0 END,
           CASE WHEN %(events)s = 0 THEN 0 END, CASE WHEN %(events)s = 0 THEN 0 END,
           CASE WHEN %(events)s = 0 THEN 0 END, CASE WHEN %(events)s = 0 THEN now() END
      FROM live
     WHERE %(signature)s::bytea IS NULL OR EXISTS (SELECT FROM used)
    RETURNING id, source_id
), came AS (
    SELECT b.source_id, b.id AS batch_id, decode(r.digest, 'hex') AS digest,
           count(*) AS seen, min(r.index) AS index
      FROM batch b CROSS JOIN jsonb_to_recordset(%(refused)s) AS r (digest text, index integer)
     GROUP BY 1, 2, 3
), fresh AS (
    SELECT c.digest, row_number() OVER (ORDER BY c.index) AS place
      FROM came c
     WHERE NOT EXISTS (SELECT FROM telemetry_quarantine q
                        WHERE q.state = 'open' AND q.source_id = c.source_id
                          AND q.digest = c.digest)
), today AS (
    INSERT INTO telemetry_quarantineday AS d (source_id, day, kept, overflow)
    SELECT b.source_id, (now() AT TIME ZONE 'UTC')::date,
           LEAST(f.rows, %(rows_a_day)s), GREATEST(f.rows - %(rows_a_day)s, 0)
      FROM batch b, (SELECT count(*) AS rows FROM fresh) AS f WHERE f.rows > 0
        ON CONFLICT ON CONSTRAINT quarantine_day_once DO UPDATE
       SET kept = GREATEST(d.kept, LEAST(d.kept + excluded.kept, %(rows_a_day)s)),
           overflow = d.overflow + excluded.overflow
                    + GREATEST(d.kept + excluded.kept - GREATEST(d.kept, %(rows_a_day)s), 0)
    RETURNING new.kept - COALESCE(old.kept, 0) AS room
), refused AS (
    INSERT INTO telemetry_quarantine AS q (source_id, batch_id, index, event_id, code, pointer,
           message, view, facility_id, tried_version, digest, seen)
    SELECT c.source_id, c.batch_id, r.index, r.event_id, r.code, r.pointer, r.message, r.view,
           r.facility_id, %(version)s, c.digest, c.seen
      FROM came c
      JOIN jsonb_to_recordset(%(refused)s) AS r (
           index integer, event_id text, code text, pointer text, message text, view jsonb,
           facility_id integer) USING (index)
      LEFT JOIN fresh f ON f.digest = c.digest
     WHERE f.place IS NULL OR f.place <= (SELECT room FROM today)
     ORDER BY c.digest
        ON CONFLICT (source_id, digest) WHERE state = 'open' DO UPDATE
       SET seen = q.seen + excluded.seen, last_seen_at = now()
)
SELECT id FROM batch
"""

# How often a process writes down what a key's traffic says about the key and the sender's clock.
NOTE_EVERY_SECONDS = 10.0


class KeyRevoked(Exception):
    """The key ended between reading the request and storing it."""


class SignatureUsed(Exception):
    """The signature stored a request before (or its key ended meanwhile)."""


class ForeignFacility(Exception):
    """Every event speaks for a facility that the key may not speak for."""


@dataclass(frozen=True)
class Receipt:
    """What was done with a request's events; committed when the caller sees it."""

    batch: UUID
    accepted: int
    rejected: list[Rejection]


@dataclass
class _Parted:
    """A request's events: what is journaled, what is refused, and how many were only tests."""

    events: list[CanonicalEvent] = field(default_factory=list)
    refused: list[tuple[int, Reading, Refused]] = field(default_factory=list)
    tests: int = 0


def accept(
    readings: Sequence[Reading], *, sender: Sender, signature: bytes | None = None
) -> Receipt:
    """Store what can be stored of a request and quarantine the rest, all or nothing."""
    names = directory(
        source_id=sender.source_id, system_id=sender.system_id, facility_ids=sender.scope
    )
    parted = _part(readings, names)
    if _is_all_foreign(parted):
        raise ForeignFacility
    batch = _journal(parted, names, sender, signature)
    if batch is None:
        raise KeyRevoked if signature is None else SignatureUsed
    if parted.events:
        ring()
    _note_traffic(sender, readings)
    return Receipt(
        batch=batch,
        accepted=len(parted.events) + parted.tests,
        rejected=[_rejection(*refused) for refused in parted.refused],
    )


def _part(readings: Sequence[Reading], names: Directory) -> _Parted:
    parted = _Parted()
    keep = parted.events.append
    for index, reading in enumerate(readings):
        try:
            if isinstance(reading, Unreadable):
                raise reading.refusal
            event = resolve(reading, names)
        except Refused as refusal:
            parted.refused.append((index, reading, refusal))
            continue
        if is_test(reading):
            parted.tests += 1
        else:
            keep(event)
    return parted


def _is_all_foreign(parted: _Parted) -> bool:
    """Nothing is acceptable, and only because the key may not speak for these facilities."""
    return (
        bool(parted.refused)
        and not (parted.events or parted.tests)
        and all(refusal.code is Code.FACILITY_FORBIDDEN for _, _, refusal in parted.refused)
    )


def _journal(
    parted: _Parted, names: Directory, sender: Sender, signature: bytes | None
) -> UUID | None:
    """The id of the committed row; nothing if the key, or the signature, was not good for one."""
    if parted.refused or parted.tests or signature or not parted.events or not sender.key_id:
        return journal_in_full(
            source_id=sender.source_id,
            key_id=sender.key_id,
            events=parted.events,
            scope=names.scope,
            tests=parted.tests,
            rejected=len(parted.refused),
            refused=[
                _quarantined(*refused, names)
                for refused in parted.refused
                if not is_marked_test(refused[1])
            ],
            version=names.version,
            signature=signature,
        )
    note_words(source_id=sender.source_id, events=parted.events)
    params = {
        "key_id": sender.key_id,
        "events": len(parted.events),
        "scope": names.scope,
        "body": encode_journal(parted.events),
    }
    return _first_id(fetch_prepared(JOURNAL, params))


def journal_in_full(
    *,
    source_id: int,
    key_id: int | None = None,
    events: Sequence[CanonicalEvent],
    scope: Sequence[int] | None,
    tests: int = 0,
    rejected: int = 0,
    refused: Sequence[Mapping[str, object]] = (),
    version: int = 0,
    signature: bytes | None = None,
) -> UUID | None:
    """One journal row with all that may come with it."""
    note_words(source_id=source_id, events=events)
    params = {
        "source_id": source_id,
        "key_id": key_id,
        "events": len(events),
        "scope": scope,
        "tests": tests,
        "rejected": rejected,
        "body": encode_journal(events),
        "refused": Jsonb(refused),
        "version": version,
        "signature": signature,
        "rows_a_day": settings.THROUGHLINE_QUARANTINE_ROWS_A_DAY,
    }
    return _first_id(fetch_prepared(JOURNAL_IN_FULL, params))


def _first_id(rows: Sequence[tuple[UUID]]) -> UUID | None:
    return rows[0][0] if rows else None


def _rejection(index: int, reading: Reading, refusal: Refused) -> Rejection:
    return Rejection(
        index=index,
        id=event_id_of(reading),
        code=refusal.code,
        pointer=refusal.pointer,
        message=refusal.message,
    )


def _quarantined(
    index: int, reading: Reading, refusal: Refused, names: Directory
) -> dict[str, object]:
    """A refused event as a row of the quarantine: never more of it than the masked view."""
    view = quarantine_view(reading, names)
    return {
        "index": index,
        "event_id": event_id_of(reading),
        "code": refusal.code,
        "pointer": refusal.pointer,
        "message": refusal.message,
        "view": view,
        "facility_id": facility_of(view, names),
        "digest": refused_digest(refusal.code, content_of(reading)).hex(),
    }


_noted: dict[int, float] = {}


def _note_traffic(sender: Sender, readings: Sequence[Reading]) -> None:
    """Now and then, from a request: when the key was used and how far its sender's clock is off."""
    moment = time.monotonic()
    if sender.key_id is None or moment - _noted.get(sender.key_id, 0.0) < NOTE_EVERY_SECONDS:
        return
    _noted[sender.key_id] = moment
    touch_key(sender)
    if (fastest_ms := _fastest_delivery(readings)) is not None:
        note_clock(source_id=sender.source_id, fastest_ms=fastest_ms)


def _fastest_delivery(readings: Sequence[Reading]) -> int | None:
    """How long ago, by our clock, the latest event says it happened; a day off is no clock."""
    now = time.time()
    ages = [now - event.time.timestamp() for event in readings if not isinstance(event, Unreadable)]
    near = [age for age in ages if abs(age) < 86_400]
    return round(min(near) * 1000) if near else None
