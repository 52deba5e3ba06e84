"""Acts on many refused events at once: asked for as a row, worked off in slices by whoever looks.

An operation names events by codes and a last id. Each event it has handled carries its id, so a
slice that was killed, repeated or raced by a person, another operation or the catalogue finds
exactly what is left. Every slice is one transaction: an event is journaled and closed, or neither.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from psycopg.types.json import Jsonb

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.core.db import execute, fetch_all, fetch_value
from apps.telemetry.models import Quarantine
from apps.telemetry.queries import Selection
from apps.telemetry.services.quarantine import (
    CURRENT_VERSION,
    MARK_TRIED,
    UNDO_FOR,
    Sending,
    Stuck,
    send_on,
    try_again,
)

AT_ONCE = 200
SECONDS_AT_A_TIME = 2.0

BEGIN = """
INSERT INTO telemetry_quarantineoperation (act, code, source_id, facility_id, since, last_id, scope,
       field, value, reason, total, asked_by_id)
SELECT %(act)s, %(code)s, %(source)s, %(facility)s, %(since)s,
       (array_agg(q.id ORDER BY q.id DESC))[1], %(scope)s::integer[],
       %(field)s, %(value)s, %(reason)s, count(*), %(by)s
  FROM telemetry_quarantine q
 WHERE q.state = 'open' AND q.code = %(code)s
   AND (%(last)s::uuid IS NULL OR q.id <= %(last)s)
   AND (%(source)s::integer IS NULL OR q.source_id = %(source)s)
   AND (%(facility)s::integer IS NULL OR q.facility_id = %(facility)s)
   AND (%(since)s::timestamptz IS NULL OR q.received_at >= %(since)s)
   AND (%(scope)s::integer[] IS NULL OR q.facility_id = ANY(%(scope)s))
HAVING count(*) > 0
RETURNING id, total
"""

# SKIP LOCKED: two workers take an operation each, and never wait for one another.
CLAIM = """
SELECT id, act, state, code, source_id, facility_id, since, last_id, scope, field, value, reason,
       asked_by_id
  FROM telemetry_quarantineoperation WHERE state IN ('waiting', 'undoing')
 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""

WITHIN = """
 WHERE q.state = 'open' AND q.code = %(code)s AND q.id <= %(last_id)s
   AND q.operation_id IS DISTINCT FROM %(id)s
   AND (%(source_id)s::integer IS NULL OR q.source_id = %(source_id)s)
   AND (%(facility_id)s::integer IS NULL OR q.facility_id = %(facility_id)s)
   AND (%(since)s::timestamptz IS NULL OR q.received_at >= %(since)s)
   AND (%(scope)s::integer[] IS NULL OR q.facility_id = ANY(%(scope)s))
"""
# What somebody else holds is left for the next slice: waiting for it could close a circle.
SLICE = (
    """
SELECT q.id, q.source_id, s.system_id, q.view AS document
  FROM telemetry_quarantine q JOIN telemetry_source s ON s.id = q.source_id
"""
    + WITHIN
    + " ORDER BY q.source_id, q.id LIMIT %(limit)s FOR UPDATE OF q SKIP LOCKED"
)
IS_ANY_LEFT = (
    """
SELECT count(*) > 0
  FROM telemetry_quarantine q
"""
    + WITHIN
)

GIVE_UP = """
UPDATE telemetry_quarantine
   SET state = 'discarded', resolved_at = now(), resolved_by_id = %(by)s, reason = %(reason)s,
       operation_id = %(operation)s
 WHERE id = ANY(%(ids)s)
"""
MARK_LOOKED_AT = (
    "UPDATE telemetry_quarantine SET operation_id = %(operation)s WHERE id = ANY(%(ids)s)"
)
COUNT = """
UPDATE telemetry_quarantineoperation
   SET changed = changed + %(changed)s, refused = refused + %(refused)s WHERE id = %(id)s
"""
FINISH = """
UPDATE telemetry_quarantineoperation SET finished_at = now(),
       state = CASE state WHEN 'undoing' THEN 'undone' ELSE 'done' END
 WHERE id = %(id)s
"""

# One that came again meanwhile stands for what was given up: it is not there twice.
GIVEN_UP = """
SELECT q.id FROM telemetry_quarantine q
 WHERE q.operation_id = %(id)s AND q.state = 'discarded' AND NOT EXISTS (
       SELECT FROM telemetry_quarantine twin
        WHERE twin.state = 'open' AND twin.source_id = q.source_id AND twin.digest = q.digest)
"""
REOPEN = (
    """
UPDATE telemetry_quarantine
   SET state = 'open', resolved_at = NULL, resolved_by_id = NULL, reason = '' WHERE id IN (
"""
    + GIVEN_UP
    + " ORDER BY q.id LIMIT %(limit)s FOR UPDATE OF q SKIP LOCKED)"
)
IS_ANY_GIVEN_UP = "SELECT EXISTS (" + GIVEN_UP + ")"
RESTORED = """
UPDATE telemetry_quarantineoperation SET restored = restored + %(restored)s WHERE id = %(id)s
"""

# The WHERE decides who wins: what was sent on stays so, what has not gone is stopped.
TAKE_BACK = """
UPDATE telemetry_quarantineoperation
   SET state = CASE act WHEN 'discard' THEN 'undoing' ELSE 'stopped' END,
       finished_at = CASE act WHEN 'discard' THEN finished_at ELSE now() END
 WHERE id = %(id)s
   AND (state = 'waiting'
        OR act = 'discard' AND state = 'done' AND finished_at > now() - %(undo_for)s)
"""


class NothingToDo(Exception):
    """No event is left of what was selected."""


class TooLate(Exception):
    """What was asked to be undone is done for good."""


@dataclass(frozen=True)
class Plan:
    """What to do with a selection: which act, why, and one field to set before sending on."""

    act: str
    reason: str = ""
    field: str = ""
    value: str = ""


@dataclass(frozen=True)
class Operation:
    """An operation held by this transaction."""

    id: UUID
    act: str
    state: str
    code: str
    source_id: int | None
    facility_id: int | None
    since: datetime | None
    last_id: UUID
    scope: list[int] | None
    field: str
    value: str
    reason: str
    asked_by_id: int


@transaction.atomic
def begin(
    selection: Selection, plan: Plan, *, scope: Sequence[int] | None, by: User, last: UUID | None
) -> UUID:
    """Ask for an act on everything selected up to `last`; the id of the operation.

    `scope` names the facilities `by` may act for; None is all, and events of no known one.
    """
    params = {
        "act": plan.act,
        "reason": plan.reason,
        "field": plan.field,
        "value": plan.value,
        "code": selection.code,
        "source": selection.source_id,
        "facility": selection.facility_id,
        "since": selection.since,
        "scope": None if scope is None else list(scope),
        "by": by.pk,
        "last": last,
    }
    found = fetch_all(BEGIN, params, row=_Begun)
    if not found:
        raise NothingToDo
    facts = {"act": plan.act, "code": selection.code, "events": found[0].total}
    audit.record(by, Act.QUARANTINE_BULK, on=f"operation:{found[0].id}", facts=facts)
    return found[0].id


@transaction.atomic
def take_back(operation: UUID, *, by: User) -> None:
    """Undo what was given up, for a quarter of an hour; stop what has not been sent on yet."""
    if not execute(TAKE_BACK, {"id": operation, "undo_for": UNDO_FOR}):
        raise TooLate
    audit.record(by, Act.QUARANTINE_BULK_UNDONE, on=f"operation:{operation}")


def advance_operations(*, seconds: float = SECONDS_AT_A_TIME) -> int:
    """Work on what was asked for until nothing is left or the time is up; how many slices."""
    deadline = time.monotonic() + seconds
    slices = 0
    while time.monotonic() < deadline and advance():
        slices += 1
    return slices


def advance() -> bool:
    """One slice of one operation; whether there was one to take."""
    try:
        return _advance()
    except IntegrityError:
        # quarantine_once: the same event came while it was being reopened; the next slice sees it.
        return True


@transaction.atomic
def _advance() -> bool:
    found = fetch_all(CLAIM, {}, row=Operation)
    if not found:
        return False
    operation = found[0]
    if operation.state == "undoing":
        return _reopen_slice(operation)
    items = fetch_all(SLICE, _names(operation) | {"limit": AT_ONCE}, row=Stuck)
    if items:
        changed, refused = ACTS[operation.act](operation, items)
        execute(COUNT, {"id": operation.id, "changed": changed, "refused": refused})
    elif fetch_value(IS_ANY_LEFT, _names(operation)):
        return False
    else:
        execute(FINISH, {"id": operation.id})
    return True


def _reopen_slice(operation: Operation) -> bool:
    if restored := execute(REOPEN, {"id": operation.id, "limit": AT_ONCE}):
        execute(RESTORED, {"id": operation.id, "restored": restored})
    elif fetch_value(IS_ANY_GIVEN_UP, {"id": operation.id}):
        return False
    else:
        execute(FINISH, {"id": operation.id})
    return True


def _give_up(operation: Operation, items: Sequence[Stuck]) -> tuple[int, int]:
    ids = [item.id for item in items]
    by = {"by": operation.asked_by_id, "reason": operation.reason, "operation": operation.id}
    return execute(GIVE_UP, by | {"ids": ids}), 0


def _resubmit(operation: Operation, items: Sequence[Stuck]) -> tuple[int, int]:
    """Send on what is good now; the rest stays open with the reason it has now."""
    retried = [
        try_again(item, facility_ids=_common(item, operation), changes=_changes(operation))
        for item in items
    ]
    version = fetch_value(CURRENT_VERSION)
    refused = [one.refused for one in retried if one.refused]
    execute(MARK_LOOKED_AT, {"ids": [item.id for item in items], "operation": operation.id})
    execute(MARK_TRIED, {"tried": Jsonb(refused), "version": version})
    sending = Sending(
        Quarantine.State.RESUBMITTED, operation.asked_by_id, operation.reason, operation.id, version
    )
    sent = send_on(retried, sending)
    return sent, len(items) - sent


ACTS = {"discard": _give_up, "resubmit": _resubmit}


def _changes(operation: Operation) -> dict[str, object]:
    return {"data": {operation.field: operation.value}} if operation.field else {}


def _common(item: Stuck, operation: Operation) -> Sequence[int] | None:
    """Where both the key that sent the event and the person who asked may act."""
    of_key = item.view.get("scope")
    if operation.scope is None or of_key is None:
        return of_key if operation.scope is None else operation.scope
    return sorted(set(of_key) & set(operation.scope))


def _names(operation: Operation) -> dict[str, object]:
    return {
        "id": operation.id,
        "code": operation.code,
        "source_id": operation.source_id,
        "facility_id": operation.facility_id,
        "since": operation.since,
        "last_id": operation.last_id,
        "scope": operation.scope,
    }


@dataclass(frozen=True)
class _Begun:
    id: UUID
    total: int
