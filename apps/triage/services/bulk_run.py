"""Working off acts on many cases, in parts of 200, each of them one short transaction.

The state of an item is how far an operation is: a worker that is killed leaves its part as it was,
and the next one begins there. A part locks its operation, so that two workers never share one, and
then its cases in the order of their ids, as everybody does. What a case becomes is said by the same
deed as when somebody acts on it alone.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.db import InterfaceError, OperationalError, transaction
from django.utils.timezone import now
from psycopg.types.json import Jsonb

from apps.accounts.models import User
from apps.core.db import execute, fetch_all
from apps.core.doorbell import BULK, ring
from apps.triage import policy
from apps.triage.models import BulkItem, BulkOperation, Case, CaseEvent, Verb
from apps.triage.realms import worked_by
from apps.triage.services.acting import (
    LEAD,
    Act,
    Conflict,
    Kind,
    Refused,
    judge,
    locked_many,
    plain,
    write,
)
from apps.triage.services.bulk import close
from apps.triage.services.bulk_verbs import WAYS
from apps.triage.services.undoing import give_back
from apps.triage.transitions import Clock

log = logging.getLogger(__name__)

State, ItemState = BulkOperation.State, BulkItem.State
AT_ONCE = 200
SECONDS_AT_A_TIME = 2.0
# The time a case stood still, which an undo gives back to the second.
STOOD = ("paused_at", "paused_seconds")

# Who waits longest goes first, so a small one is not behind a large one. SKIP LOCKED: another
# worker takes another one.
CLAIM = """
SELECT id FROM triage_bulkoperation WHERE state IN ('created', 'active', 'undoing')
 ORDER BY moved_at NULLS FIRST, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
MARK = """
UPDATE triage_bulkitem i
   SET state = n.state, skip_reason = n.skip_reason, error = n.error,
       before = COALESCE(n.before, i.before), after = COALESCE(n.after, i.after),
       version_after = COALESCE(n.version_after, i.version_after)
  FROM jsonb_populate_recordset(NULL::triage_bulkitem, %(items)s) n
 WHERE i.operation_id = %(operation)s AND i.case_id = n.case_id
"""
LATEST = """
SELECT DISTINCT ON (e.case_id) e.case_id, e.kind,
       COALESCE(NULLIF(trim(u.first_name || ' ' || u.last_name), ''), u.username, 'Throughline')
           AS name
  FROM triage_caseevent e LEFT JOIN accounts_user u ON u.id = e.actor_id
 WHERE e.case_id = ANY(%(ids)s::uuid[])
 ORDER BY e.case_id, e.id DESC
"""
# As if it had never stood still, or had all along; the due time follows from it.
REWIND = """
UPDATE triage_case c
   SET paused_at = n.paused_at, paused_seconds = n.paused_seconds, resolve_by = NULL
  FROM jsonb_populate_recordset(NULL::triage_case, %(cases)s) n WHERE c.id = n.id
"""


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: UUID


@dataclass(frozen=True, slots=True)
class _Latest:
    case_id: UUID
    kind: str
    name: str


@dataclass
class Outcome:
    """What became of an item."""

    case_id: UUID
    state: str
    skip_reason: str = ""
    error: str = ""
    before: Any = None
    after: Any = None
    version_after: int | None = None

    def row(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {
            "case_id": str(self.case_id)
        }


def advance_bulk(*, seconds: float = SECONDS_AT_A_TIME) -> int:
    """Work off what waits, for so long; return how many parts that were. Asks to be called again
    while something is left."""
    began, parts = time.monotonic(), 0
    while _advance():
        parts += 1
        if time.monotonic() - began > seconds:
            ring(BULK)
            break
    return parts


@transaction.atomic
def _advance() -> bool:
    """One part of the operation that waits longest, if there is one."""
    found = fetch_all(CLAIM, {}, row=_Claimed)
    if not found:
        return False
    operation = BulkOperation.objects.select_related("created_by", "undone_by").get(pk=found[0].id)
    # Index: bulkitem_left.
    left = operation.items.filter(state__in=(ItemState.ACTIVE, ItemState.UNDOING))
    items = list(left.order_by("case_id")[:AT_ONCE])
    part = _undo if operation.state == State.UNDOING else _do
    outcomes = _safely(part, operation, items)
    if outcomes:
        marked = Jsonb([one.row() for one in outcomes])
        execute(MARK, {"operation": operation.pk, "items": marked})
    _count(operation, outcomes)
    operation.moved_at = now()
    if operation.state == State.CREATED:
        operation.state = State.ACTIVE
    operation.save()
    if len(items) < AT_ONCE:
        _finish(operation)
    return True


def _count(operation: BulkOperation, outcomes: Sequence[Outcome]) -> None:
    def among(state: str) -> int:
        return sum(one.state == state for one in outcomes)

    operation.completed += among(ItemState.COMPLETED)
    operation.skipped += among(ItemState.SKIPPED)
    operation.failed += among(ItemState.FAILED)
    operation.restored += among(ItemState.RESTORED)
    operation.kept += among(ItemState.KEPT)


def _finish(operation: BulkOperation) -> None:
    if operation.state == State.UNDOING:
        operation.state, operation.undo_until = State.UNDONE, None
        operation.save(update_fields=["state", "undo_until"])
        return
    if operation.completed == operation.total:
        operation.state = State.COMPLETED
    else:
        is_part = operation.completed > 0
        operation.state = State.PARTIALLY_COMPLETED if is_part else State.FAILED
    close(operation)


def _safely(part: Any, operation: BulkOperation, items: Sequence[BulkItem]) -> list[Outcome]:
    """All of them in one go; if that breaks, halves, until only what breaks is left out."""
    if not items:
        return []
    try:
        with transaction.atomic():
            done: list[Outcome] = part(operation, items)
            return done
    except (OperationalError, InterfaceError):
        # The database, not the case: the whole part is done again.
        raise
    except Exception as error:
        if len(items) == 1:
            log.exception("bulk: an item of %s failed", operation.pk)
            return [_failed(operation, items[0].case_id, type(error).__name__)]
    middle = len(items) // 2
    return [*_safely(part, operation, items[:middle]), *_safely(part, operation, items[middle:])]


def _failed(operation: BulkOperation, case_id: UUID, what: str) -> Outcome:
    is_undo = operation.state == State.UNDOING
    said = f"It broke on our side ({what})."
    return Outcome(case_id, ItemState.KEPT if is_undo else ItemState.FAILED, error=said)


def _do(operation: BulkOperation, items: Sequence[BulkItem]) -> list[Outcome]:
    by, way = operation.created_by, WAYS[Verb(operation.verb)]
    cases = _cases(items, by)
    deed, realm, at = way.deed(operation.params), worked_by(by), now()
    known: dict[Any, Any] = {}
    outcomes, acts, overtaken = [], [], []
    for item in items:
        case = cases.get(item.case_id)
        if case is None:
            outcomes.append(Outcome(item.case_id, ItemState.SKIPPED, "not_yours"))
            continue
        act = Act(case, by, at, realm, way.kind, known=known)
        try:
            if case.version != item.version_at_freeze:
                raise Conflict(case, None)
            judge(act, deed)
        except Conflict:
            overtaken.append(item.case_id)
        except Refused as refused:
            said = refused.reason
            outcomes.append(Outcome(item.case_id, ItemState.SKIPPED, "refused", said))
        else:
            acts.append(act)
    outcomes += [Outcome(one, ItemState.SKIPPED, "changed", said) for one, said in who(overtaken)]
    return [*outcomes, *_written(acts, operation.pk)]


def _cases(items: Sequence[BulkItem], by: User) -> Mapping[UUID, Case]:
    """What is theirs to change now: rights may have ended since the preview."""
    if not by.is_active or not by.has_perm(LEAD):
        return {}
    return locked_many([one.case_id for one in items], by)


def _written(acts: Sequence[Act], op_id: UUID) -> list[Outcome]:
    """Write them, and keep of each what it was and what it became."""
    before = [plain(act.changed | _stood(act)) for act in acts]
    write(acts, op_id)
    return [
        Outcome(
            act.case.pk, ItemState.COMPLETED, before=was,
            after=plain({name: getattr(act.case, name) for name in act.changed}),
            version_after=act.case.version,
        )
        for act, was in zip(acts, before, strict=True)
    ]  # fmt: skip


def _stood(act: Act) -> dict[str, Any]:
    """Where the clock stands before the act moves it."""
    if act.clock not in (Clock.PAUSES, Clock.RESUMES):
        return {}
    return {name: getattr(act.case, name) for name in STOOD}


def who(ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """Who changed cases last: `changed by Ana`."""
    if not ids:
        return []
    latest = {one.case_id: one.name for one in fetch_all(LATEST, {"ids": list(ids)}, row=_Latest)}
    return [(one, f"changed by {latest.get(one, 'somebody')}") for one in ids]


def _undo(operation: BulkOperation, items: Sequence[BulkItem]) -> list[Outcome]:
    by = operation.undone_by or operation.created_by
    cases = _cases(items, by)
    events = CaseEvent.objects.filter(op_id=operation.pk, case__in=cases)
    done = {event.case_id: event for event in events}
    realm, at = worked_by(by), now()
    acts, kept, outcomes = [], [], []
    for item in items:
        case, event = cases.get(item.case_id), done.get(item.case_id)
        if case is None or event is None or case.version != item.version_after:
            kept.append(item.case_id)
            continue
        act = Act(case, by, at, realm, Kind.UNDONE)
        try:
            give_back(act, event)
        except Refused as refused:
            outcomes.append(Outcome(item.case_id, ItemState.KEPT, "changed", refused.reason))
            continue
        act.clock = Clock.RUNS
        acts.append(act)
    write(acts, uuid5(operation.pk, "undo"))
    _rewind([one for one in items if one.case_id in {act.case.pk for act in acts}])
    outcomes += [Outcome(act.case.pk, ItemState.RESTORED) for act in acts]
    return outcomes + [Outcome(one, ItemState.KEPT, "changed", said) for one, said in who(kept)]


def _rewind(items: Sequence[BulkItem]) -> None:
    stood = [
        {"id": str(one.case_id)} | {name: one.before[name] for name in STOOD}
        for one in items
        if one.before and STOOD[0] in one.before
    ]
    if stood:
        execute(REWIND, {"cases": Jsonb(stood)})
        policy.apply([UUID(one["id"]) for one in stood])
