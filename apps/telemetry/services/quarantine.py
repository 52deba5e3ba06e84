"""What happens to refused events: corrected and sent on, given up with a reason, or mended by the
catalogue, which is looked at again whenever it changes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cached_property
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.core.db import execute, fetch_all, fetch_value
from apps.core.doorbell import ring
from apps.telemetry.canonical import CanonicalEvent, Kind
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

MARK_SENT = """
UPDATE telemetry_quarantine q
   SET state = %(state)s, resolved_at = now(), resolved_by_id = %(by)s, reason = %(reason)s,
       operation_id = COALESCE(%(operation)s, q.operation_id),
       tried_version = COALESCE(%(version)s, q.tried_version),
       went_to_batch = s.batch, went_to_transaction = s.transaction
  FROM jsonb_to_recordset(%(sent)s) AS s (id uuid, batch uuid, transaction uuid)
 WHERE q.id = s.id
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
# For so long what was given up can be taken back.
UNDO_FOR = timedelta(minutes=15)


class AlreadyResolved(Exception):
    """Somebody else, or the catalogue, was faster."""


class CannotReopen(Exception):
    """Too late, or the same event came again and waits in its place."""


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


@dataclass(frozen=True)
class Sending:
    """How what was sent on is closed: as what, by whom and why, in which operation."""

    state: Quarantine.State
    by: int | None = None
    reason: str = ""
    operation: UUID | None = None
    version: int | None = None


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
    Quarantine.objects.filter(pk=item.pk).update(
        went_to_batch=batch, went_to_transaction=_transaction_of(event)
    )
    ring()
    return batch


@transaction.atomic
def discard(*, item: Quarantine, reason: str, by: User) -> None:
    """Give an event up; the reason stays."""
    _resolve_item(item, Quarantine.State.DISCARDED, by, reason, {"code": item.code})


def reopen(*, item: Quarantine, by: User) -> None:
    """Take back that an event was given up, for a quarter of an hour."""
    given_up = Quarantine.objects.filter(
        pk=item.pk, state=Quarantine.State.DISCARDED, resolved_at__gt=Now() - UNDO_FOR
    )
    try:
        with transaction.atomic():
            won = given_up.update(
                state=Quarantine.State.OPEN, resolved_at=None, resolved_by=None, reason=""
            )
            if won:
                act, on = Act.QUARANTINE_REOPENED, f"quarantine:{item.pk}"
                audit.record(by, act, on=on, facility=item.facility_id)
    except IntegrityError as error:  # quarantine_once: the same event waits already.
        raise CannotReopen from error
    if not won:
        raise CannotReopen


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
    retried = [try_again(item, facility_ids=item.view.get("scope")) for item in stuck]
    refused = [one.refused for one in retried if one.refused]
    sent = send_on(retried, Sending(Quarantine.State.REDRIVEN, version=version))
    execute(MARK_TRIED, {"tried": Jsonb(refused), "version": version})
    return len(stuck), sent


def try_again(
    item: Stuck, *, facility_ids: Sequence[int] | None, changes: Mapping[str, Any] | None = None
) -> Retried:
    """Look at a refused event again, as it was or with changes, for these facilities."""
    names = directory(source_id=item.source_id, system_id=item.system_id, facility_ids=facility_ids)
    try:
        event = _rebuild(merge(item.view.get("event", {}), changes or {}), item.view, names)
        return Retried(item, event=event, scope=names.scope)
    except Refused as refusal:
        return Retried(item, refused=_still_refused(item, refusal, names))


def send_on(retried: Sequence[Retried], sending: Sending) -> int:
    """Journal what is good now and close it, in the caller's transaction; how many.

    What a source was sending that was switched off meanwhile stays where it is.
    """
    sent: list[dict[str, object]] = []
    good = [(one, one.event) for one in retried if one.event]
    for (source_id, scope), group in groupby(good, key=_journaled_with):
        items = list(group)
        events = [event for _, event in items]
        if batch := journal_in_full(source_id=source_id, events=events, scope=scope):
            sent += [_went(one.item.id, event, batch) for one, event in items]
    if sent:
        execute(MARK_SENT, asdict(sending) | {"sent": Jsonb(sent)})
        ring()
    return len(sent)


def _journaled_with(one: tuple[Retried, CanonicalEvent]) -> tuple[int, list[int] | None]:
    """Events of one journal row have one source and one scope."""
    return one[0].item.source_id, one[0].scope


def _went(id: UUID, event: CanonicalEvent, batch: UUID) -> dict[str, object]:
    return {"id": str(id), "batch": str(batch), "transaction": _transaction_of(event)}


def _transaction_of(event: CanonicalEvent) -> str | None:
    """The transaction an event is of; only stages have one."""
    return event.transaction_id if event.kind == Kind.STAGE else None


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
