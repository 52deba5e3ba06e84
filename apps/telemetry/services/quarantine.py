"""What happens to refused events: corrected and sent on, given up with a reason, or mended by the
catalogue, which is looked at again whenever it changes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.core.db import execute, fetch_all, fetch_value
from apps.core.doorbell import ring
from apps.telemetry.canonical import CanonicalEvent
from apps.telemetry.directory import directory
from apps.telemetry.formats.cloudevents import understand
from apps.telemetry.formats.strict import check
from apps.telemetry.models import Quarantine
from apps.telemetry.refusals import MENDED_BY_CATALOGUE, Code, Refused
from apps.telemetry.resolve import Directory, Kept, resolve
from apps.telemetry.services.accept import journal_in_full
from apps.telemetry.view import facility_of

CURRENT_VERSION = "SELECT version FROM catalog_catalogversion"

# Refused for want of something in the catalogue, and not looked at since it changed.
# SKIP LOCKED: two sweeps share the work instead of waiting for each other.
STUCK = """
SELECT q.id, q.source_id, s.system_id, q.view AS document
  FROM telemetry_quarantine q JOIN telemetry_source s ON s.id = q.source_id
 WHERE q.state = 'open' AND s.active
   AND q.code = ANY(%(codes)s) AND q.tried_version < %(version)s
 ORDER BY q.source_id, q.id
 LIMIT %(limit)s
   FOR UPDATE OF q SKIP LOCKED
"""

MARK_REDRIVEN = """
UPDATE telemetry_quarantine SET state = 'redriven', resolved_at = now(), tried_version = %(version)s
 WHERE id = ANY(%(ids)s)
"""

MARK_TRIED = """
UPDATE telemetry_quarantine q
   SET tried_version = %(version)s, code = t.code, pointer = t.pointer, message = t.message,
       facility_id = COALESCE(t.facility_id, q.facility_id)
  FROM jsonb_to_recordset(%(tried)s) AS t (
       id uuid, code text, pointer text, message text, facility_id integer)
 WHERE q.id = t.id
"""

REDRIVE_AT_ONCE = 500
RESOLVED_BY = {
    Quarantine.State.RESUBMITTED: Act.QUARANTINE_RESUBMITTED,
    Quarantine.State.DISCARDED: Act.QUARANTINE_DISCARDED,
}
# Characters of why an event was given up.
SHORTEST_REASON, LONGEST_REASON = 5, 500


class AlreadyResolved(Exception):
    """Somebody else, or the catalogue, was faster."""


@dataclass(frozen=True)
class Stuck:
    """A quarantined event that the catalogue may have mended."""

    id: UUID
    source_id: int
    system_id: int | None
    document: str

    @cached_property
    def view(self) -> dict[str, Any]:
        """The masked view; rows of plain SQL bring JSON as text."""
        found: dict[str, Any] = json.loads(self.document)
        return found


@dataclass(frozen=True)
class Retried:
    """A stuck event looked at again: mended, or refused for the reason that still holds."""

    item: Stuck
    event: CanonicalEvent | None = None
    scope: list[int] | None = None
    refused: Mapping[str, object] | None = None


@transaction.atomic
def resubmit(
    *, item: Quarantine, changes: Mapping[str, Any], facilities: Sequence[int], by: User
) -> UUID:
    """Send an event on, corrected; the id of its batch. Only for facilities `by` may act for.

    `changes` is a JSON merge patch (RFC 7396) of the masked view. Refused leaves the item as it is.
    """
    if item.state != Quarantine.State.OPEN:
        raise AlreadyResolved
    names = directory(
        source_id=item.source_id,
        system_id=item.source.system_id,
        facility_ids=_common(item.view.get("scope"), facilities),
    )
    event = _rebuild(merge(item.view.get("event", {}), changes), item.view, names)
    changed = list(_pointers(changes))
    reason = f"Changed: {', '.join(changed) or 'nothing'}"
    facts = {"code": item.code, "changed": changed}
    _resolve_item(item, Quarantine.State.RESUBMITTED, by, reason, facts)
    batch = journal_in_full(source_id=item.source_id, events=[event], scope=names.scope)
    if batch is None:
        raise Refused(
            Code.INVALID_ATTRIBUTE, "/source", "The source of this event is switched off."
        )
    ring()
    return batch


@transaction.atomic
def discard(*, item: Quarantine, reason: str, by: User) -> None:
    """Give an event up; the reason stays."""
    _resolve_item(item, Quarantine.State.DISCARDED, by, reason, {"code": item.code})


def redrive_quarantine() -> int:
    """Send on every event that a change of the catalogue has mended; how many."""
    redriven = 0
    while True:
        tried, sent = _redrive_some()
        redriven += sent
        if tried < REDRIVE_AT_ONCE:
            return redriven


def merge(document: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396): null removes, objects merge, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


@transaction.atomic
def _redrive_some() -> tuple[int, int]:
    """How many stuck events were looked at, and how many of them sent on."""
    version = fetch_value(CURRENT_VERSION)
    codes = [code.value for code in MENDED_BY_CATALOGUE]
    limits = {"codes": codes, "version": version, "limit": REDRIVE_AT_ONCE}
    stuck = fetch_all(STUCK, limits, row=Stuck)
    retried = [_try_again(item) for item in stuck]
    sent = [one for one in retried if one.event]
    refused = [one.refused for one in retried if one.refused]
    _send_on(sent)
    execute(MARK_REDRIVEN, {"ids": [one.item.id for one in sent], "version": version})
    execute(MARK_TRIED, {"tried": Jsonb(refused), "version": version})
    return len(stuck), len(sent)


def _try_again(item: Stuck) -> Retried:
    names = directory(
        source_id=item.source_id, system_id=item.system_id, facility_ids=item.view.get("scope")
    )
    try:
        event = _rebuild(item.view.get("event", {}), item.view, names)
        return Retried(item, event=event, scope=names.scope)
    except Refused as refusal:
        return Retried(item, refused=_still_refused(item, refusal, names))


def _send_on(sent: Sequence[Retried]) -> None:
    for (source_id, scope), group in groupby(sent, key=lambda one: (one.item.source_id, one.scope)):
        events = [one.event for one in group if one.event]
        journal_in_full(source_id=source_id, events=events, scope=scope)
    if sent:
        ring()


def _still_refused(item: Stuck, refusal: Refused, names: Directory) -> dict[str, object]:
    return {
        "id": str(item.id),
        "code": refusal.code,
        "pointer": refusal.pointer,
        "message": refusal.message,
        "facility_id": facility_of(item.view, names),
    }


def _rebuild(document: Any, view: Mapping[str, Any], names: Directory) -> CanonicalEvent:
    """The event of a masked view, with the tokens kept beside it."""
    check(document)
    kept = Kept(
        business_keys=[tuple(key) for key in view.get("business_keys", [])],
        records=list(view.get("records", [])),
    )
    return resolve(understand(document), names, kept)


def _resolve_item(
    item: Quarantine, state: Quarantine.State, by: User, reason: str, facts: Mapping[str, Any]
) -> None:
    """The WHERE clause, not a lock, decides who wins a race."""
    won = Quarantine.objects.filter(pk=item.pk, state=Quarantine.State.OPEN).update(
        state=state, resolved_at=Now(), resolved_by=by, reason=reason[:LONGEST_REASON]
    )
    if not won:
        raise AlreadyResolved
    act = RESOLVED_BY[state]
    audit.record(by, act, on=f"quarantine:{item.pk}", facility=item.facility_id, facts=facts)


def _common(scope: Sequence[int] | None, facilities: Sequence[int]) -> list[int]:
    """Where both the key that sent the event and the person who corrects it may act."""
    if scope is None:
        return sorted(facilities)
    return sorted(set(scope) & set(facilities))


def _pointers(changes: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for name, value in sorted(changes.items()):
        if isinstance(value, Mapping):
            yield from _pointers(value, f"{prefix}/{name}")
        else:
            yield f"{prefix}/{name}"
