"""An act on many cases: its selection is frozen and priced, shown, confirmed, and may be undone.

The selection is evaluated once, here, with the reader's own scope and realm, and written as items;
whoever confirms names the operation and the digest of what they saw. So what arrives later is never
touched, and what changed meanwhile is found by its version. The work is done by `bulk_run`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from apps.accounts.access import facilities_for
from apps.accounts.acts import Act as Audited
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.core.db import execute, fetch_all, fetch_one
from apps.core.doorbell import BULK, ring
from apps.triage.filters import Asked, conditions
from apps.triage.models import BulkOperation, Verb
from apps.triage.queue import OPEN, narrowed
from apps.triage.reader import Reader
from apps.triage.realms import Realm, worked_by
from apps.triage.services.acting import LEAD, NotAllowed, Refused
from apps.triage.services.bulk_verbs import WAYS
from apps.triage.transitions import TABLE

State = BulkOperation.State
MOST = 100_000
PREVIEW_HOLDS = timedelta(minutes=15)
UNDO_FOR = timedelta(minutes=30)
# From so many cases, or dollars, on the number is typed.
TYPED_ABOVE, TYPED_ABOVE_MINOR = 100, 5_000_000
SAMPLES = 5

IN_REALM: LiteralString = (
    "(%(is_everything)s OR c.kind_id = ANY(%(kinds)s::integer[])"
    " OR %(has_unexplained)s AND c.kind_id IS NULL)"
)
BY_QUERY: LiteralString = f"{OPEN} AND {{asked}} AND c.id <> ALL(%(excluded)s::uuid[])"
BY_IDS: LiteralString = "c.id = ANY(%(ids)s::uuid[])"
FREEZE: LiteralString = f"""
INSERT INTO triage_bulkitem (operation_id, case_id, version_at_freeze, amount_minor, is_ticked,
       eligible, skip_reason, state, error)
SELECT %(operation)s, f.id, f.version, f.amount_minor, f.is_ticked, f.reason = '', f.reason,
       CASE f.reason WHEN '' THEN 'active' ELSE 'skipped' END, ''
  FROM (SELECT c.id, c.version,
               CASE WHEN c.counts_money THEN COALESCE(c.amount_minor, 0) ELSE 0 END
                   AS amount_minor,
               c.id = ANY(%(ticked)s::uuid[]) AS is_ticked,
               CASE WHEN NOT {IN_REALM} THEN 'not_yours'
                    WHEN c.status = ANY(%(sources)s::text[]) THEN CASE {{unless}} ELSE '' END
                    WHEN c.status IN ('resolved', 'dismissed', 'merged') THEN 'over'
                    ELSE 'state' END AS reason
          FROM triage_case c
         WHERE c.facility_id = ANY(%(facilities)s::integer[]) AND {{selected}}
         LIMIT %(most)s) f
"""  # noqa: S608  constants only
TALLY = """
SELECT i.skip_reason AS reason, count(*) AS cases, sum(i.amount_minor)::bigint AS amount,
       count(*) FILTER (WHERE i.is_ticked) AS ticked,
       COALESCE(sum(i.amount_minor) FILTER (WHERE i.is_ticked), 0)::bigint AS ticked_amount,
       min(c.opened_at) AS oldest, array_agg(DISTINCT c.facility_id) AS facilities
  FROM triage_bulkitem i JOIN triage_case c ON c.id = i.case_id
 WHERE i.operation_id = %(operation)s
 GROUP BY 1 ORDER BY 2 DESC, 1
"""
DIGEST = """
SELECT encode(sha256(convert_to(COALESCE(string_agg(
           case_id::text || ' ' || version_at_freeze || ' ' || skip_reason, ',' ORDER BY case_id),
       ''), 'UTF8')), 'hex') AS digest
  FROM triage_bulkitem WHERE operation_id = %(operation)s
"""
# To whom it shall go decides about some more; whoever chooses somebody else is asked anew.
AIM: LiteralString = f"""
UPDATE triage_bulkitem i
   SET skip_reason = j.reason, eligible = j.reason = '',
       state = CASE j.reason WHEN '' THEN 'active' ELSE 'skipped' END
  FROM (SELECT i.id, CASE WHEN c.assignee_id = %(to)s AND c.is_assigned_by_hand THEN 'has_it'
                          WHEN NOT (c.facility_id = ANY(%(places)s::integer[]) AND {IN_REALM})
                          THEN 'unable' ELSE '' END AS reason
          FROM triage_bulkitem i JOIN triage_case c ON c.id = i.case_id
         WHERE i.operation_id = %(operation)s AND i.skip_reason IN ('', 'has_it', 'unable')) j
 WHERE i.id = j.id AND i.skip_reason <> j.reason
"""  # noqa: S608  constants only
LEAVE_OUT = """
UPDATE triage_bulkitem SET state = 'cancelled', skip_reason = 'left_out', eligible = false
 WHERE operation_id = %(operation)s AND state = 'active' AND NOT is_ticked
"""
CANCEL_REST = """
UPDATE triage_bulkitem SET state = 'cancelled'
 WHERE operation_id = %(operation)s AND state = 'active'
"""
BEGIN_UNDO = """
UPDATE triage_bulkitem SET state = 'undoing'
 WHERE operation_id = %(operation)s AND state = 'completed'
"""


@dataclass(frozen=True)
class Selection:
    """Cases by their ids; or all that the queue is asked for, but for some."""

    ids: Sequence[UUID] = ()
    asked: Asked | None = None
    excluded: Sequence[UUID] = ()
    # Those whose boxes were ticked when everything was asked for.
    ticked: Collection[UUID] = field(default=())


@dataclass(frozen=True, slots=True)
class Part:
    """Cases of a selection that go alike."""

    reason: str
    cases: int
    amount: int
    ticked: int
    ticked_amount: int
    oldest: datetime
    facilities: list[int]


@dataclass(frozen=True, slots=True)
class _Digest:
    digest: str


@transaction.atomic
def preview(reader: Reader, verb: Verb, selection: Selection) -> BulkOperation:
    """Freeze a selection: what it comes to, and what will be left alone."""
    _require_lead(reader.user)
    moment = now()
    operation = BulkOperation.objects.create(
        verb=verb, selection=_told(selection), as_of=moment, created_by=reader.user
    )
    operation.refresh_from_db()
    selected, params = _selected(reader, selection)
    sources = [str(one) for one in TABLE[WAYS[verb].trigger].sources]
    unless = WAYS[verb].unless or "WHEN false THEN ''"
    found = execute(
        FREEZE.format(unless=unless, selected=selected),
        params | _realm(worked_by(reader.user)) | {
            "operation": operation.pk, "sources": sources, "most": MOST + 1,
            "ticked": list(selection.ticked or selection.ids),
        },
    )  # fmt: skip
    if found > MOST:
        raise Refused(f"More than {MOST:,} cases: narrow the filters, and do it in parts.")
    if not found:
        raise Refused("None of these cases is there any more.")
    _count(operation)
    return operation


def _selected(reader: Reader, selection: Selection) -> tuple[LiteralString, dict[str, Any]]:
    if selection.asked is None:
        return BY_IDS, {"ids": list(selection.ids), "facilities": list(reader.facilities)}
    clauses, facilities = narrowed(reader, selection.asked)
    sql, params = conditions(clauses)
    more = {"facilities": facilities, "excluded": list(selection.excluded)}
    return BY_QUERY.format(asked=sql), params | more


def _told(selection: Selection) -> dict[str, Any]:
    if selection.asked is None:
        return {"ids": [str(one) for one in selection.ids]}
    excluded = [str(one) for one in selection.excluded]
    return {"query": selection.asked.query(), "excluded": excluded}


def _realm(realm: Realm) -> dict[str, Any]:
    return {
        "is_everything": realm.is_everything,
        "kinds": list(realm.kinds),
        "has_unexplained": realm.has_unexplained,
    }


def tally(operation: BulkOperation) -> list[Part]:
    """What an operation's selection comes to, by why it will or will not change."""
    return fetch_all(TALLY, {"operation": operation.pk}, row=Part)


def _count(operation: BulkOperation) -> None:
    """Keep what the frozen selection comes to, and its digest."""
    parts = tally(operation)
    going = next((one for one in parts if not one.reason), None)
    operation.counts = {one.reason or "eligible": [one.cases, one.amount] for one in parts}
    operation.total, operation.amount_minor = (going.cases, going.amount) if going else (0, 0)
    operation.facilities = sorted({place for one in parts for place in one.facilities})
    asked = {"operation": operation.pk}
    operation.preview_hash = fetch_one(DIGEST, asked, row=_Digest).digest
    operation.save(update_fields=["counts", "total", "amount_minor", "facilities", "preview_hash"])


@transaction.atomic
def aim(operation_id: UUID, params: Mapping[str, Any], by: User) -> bool:
    """Note what is to be done; whether that leaves out other cases than was shown."""
    operation = _own(operation_id, by)
    if operation.is_begun:
        return False
    operation.params = dict(params)
    operation.save(update_fields=["params"])
    if operation.verb not in (Verb.ASSIGN, Verb.TRANSFER):
        return False
    person = User.objects.filter(pk=params.get("to") or 0).first()
    asked = {"operation": operation.pk, "to": person.pk if person else None}
    reach = {"places": list(facilities_for(person))} | _realm(worked_by(person)) if person else (
        {"places": operation.facilities} | _realm(Realm(is_everything=True))
    )  # fmt: skip
    if not execute(AIM, asked | reach):
        return False
    _count(operation)
    return True


@dataclass(frozen=True)
class Confirmed:
    """What whoever confirms says: the digest they saw, the number they typed, all or the ticked."""

    preview_hash: str
    typed: str = ""
    only_ticked: bool = False


@transaction.atomic
def run(operation_id: UUID, said: Confirmed, by: User) -> BulkOperation:
    """Begin what was previewed. Said twice, it begins once."""
    operation = _own(operation_id, by)
    if operation.is_begun:
        return operation
    _require_lead(by)
    moment = now()
    if operation.as_of < moment - PREVIEW_HOLDS:
        minutes = PREVIEW_HOLDS.seconds // 60
        raise Refused(f"This preview is older than {minutes} minutes: select and look again.")
    if said.preview_hash != operation.preview_hash:
        raise Refused("This is not what you were shown: look again before you confirm.")
    part = next((one for one in tally(operation) if not one.reason), None)
    cases, amount = _extent(part, only_ticked=said.only_ticked)
    if not cases:
        raise Refused("Nothing of it would change.")
    if needs_number(cases, amount) and said.typed.replace(",", "").strip() != str(cases):
        raise Refused(f"Type {cases} to confirm so many cases or dollars.")
    if said.only_ticked:
        execute(LEAVE_OUT, {"operation": operation.pk})
    operation.total, operation.amount_minor = cases, amount
    operation.state, operation.started_at = State.CREATED, moment
    operation.save(update_fields=["total", "amount_minor", "state", "started_at"])
    _record(by, Audited.BULK_BEGUN, operation)
    ring(BULK)
    return operation


def needs_number(cases: int, amount: int) -> bool:
    """Whether so much is confirmed by typing how many."""
    return cases > TYPED_ABOVE or amount > TYPED_ABOVE_MINOR


def _extent(part: Part | None, *, only_ticked: bool) -> tuple[int, int]:
    if part is None:
        return 0, 0
    return (part.ticked, part.ticked_amount) if only_ticked else (part.cases, part.amount)


@transaction.atomic
def suspend(operation_id: UUID, by: User) -> None:
    """Hold it after the part that is being worked."""
    operation = _led(operation_id, by)
    if operation.state not in (State.CREATED, State.ACTIVE):
        raise Refused("It is not running.")
    _set(operation, State.SUSPENDED)
    _record(by, Audited.BULK_SUSPENDED, operation)


@transaction.atomic
def resume(operation_id: UUID, by: User) -> None:
    """Let it go on."""
    operation = _led(operation_id, by)
    if operation.state != State.SUSPENDED:
        raise Refused("It is not suspended.")
    _set(operation, State.ACTIVE)
    _record(by, Audited.BULK_RESUMED, operation)
    ring(BULK)


@transaction.atomic
def cancel(operation_id: UUID, by: User) -> None:
    """Leave the rest as it is; what was done can be undone."""
    operation = _led(operation_id, by)
    if operation.state not in (State.CREATED, State.ACTIVE, State.SUSPENDED):
        raise Refused("It is over already.")
    execute(CANCEL_REST, {"operation": operation.pk})
    operation.state = State.CANCELLED
    close(operation)
    _record(by, Audited.BULK_CANCELLED, operation)


def close(operation: BulkOperation) -> None:
    """It is over: from now on it can be undone for a while, if any of it can."""
    operation.finished_at = now()
    if WAYS[Verb(operation.verb)].can_be_undone and operation.completed:
        operation.undo_until = operation.finished_at + UNDO_FOR
    operation.save(update_fields=["state", "finished_at", "undo_until"])


def can_be_undone(operation: BulkOperation, at: datetime) -> bool:
    """Whether it is over, not for good, and not too long ago."""
    over = (State.COMPLETED, State.PARTIALLY_COMPLETED, State.CANCELLED)
    return operation.state in over and bool(operation.undo_until and at < operation.undo_until)


def last_of(reader: Reader) -> BulkOperation | None:
    """The last one of the reader's own that can still be undone."""
    if not reader.user.has_perm(LEAD):
        return None
    own = BulkOperation.objects.filter(created_by=reader.user, undo_until__gt=reader.now)
    here = own.filter(facilities__contained_by=list(reader.facilities))
    return here.order_by("-as_of").first()


@transaction.atomic
def undo(operation_id: UUID, by: User) -> None:
    """Give every case back what it was, unless something happened to it since."""
    operation = _led(operation_id, by)
    if operation.state in (State.UNDOING, State.UNDONE):
        return
    if not can_be_undone(operation, now()):
        raise Refused("It cannot be undone, or not any more.")
    execute(BEGIN_UNDO, {"operation": operation.pk})
    operation.state, operation.undone_by, operation.moved_at = State.UNDOING, by, None
    operation.save(update_fields=["state", "undone_by", "moved_at"])
    _record(by, Audited.BULK_UNDONE, operation)
    ring(BULK)


def visible_to(by: User) -> QuerySet[BulkOperation]:
    """Operations whose every place somebody sees; elsewhere there is none."""
    return BulkOperation.objects.filter(facilities__contained_by=list(facilities_for(by)))


def forget_previews() -> int:
    """Previews that nobody confirmed in time are nothing to keep."""
    old = BulkOperation.objects.filter(state=State.PREVIEWED, as_of__lt=now() - 2 * PREVIEW_HOLDS)
    return old.delete()[0]


def _own(operation_id: UUID, by: User) -> BulkOperation:
    return _locked(by).get(pk=operation_id, created_by=by)


def _led(operation_id: UUID, by: User) -> BulkOperation:
    """One that a lead of all its places holds, resumes or undoes, whoever began it."""
    found = _locked(by).get(pk=operation_id)
    _require_lead(by)
    return found


def _locked(by: User) -> QuerySet[BulkOperation]:
    return visible_to(by).select_for_update(of=("self",))


def _set(operation: BulkOperation, state: str) -> None:
    operation.state = state
    operation.save(update_fields=["state"])


def _require_lead(by: User) -> None:
    if not by.has_perm(LEAD):
        raise NotAllowed("Only a lead changes many cases at once.")


def _record(by: User, act: Audited, operation: BulkOperation) -> None:
    facts = {"verb": operation.verb, "cases": operation.total, "dollars": operation.amount_minor}
    audit.record(by, act, on=f"bulk:{operation.pk}", facts=facts)
