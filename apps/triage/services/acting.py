"""How a person changes a case: one lock, one version, one row of history.

Every act is a function of an `Act`; `perform` finds the case in the reader's own scope, refuses
what is not theirs to do, and writes the case and what happened to it in one transaction. A form
sent twice happens once; a form that was filled in before somebody else acted is a conflict.

An act on many cases (`bulk_run`) is the same function of as many acts, judged one by one and
written together.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypedDict, TypeVar, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import localtime, now
from psycopg.types.json import Jsonb

from apps.accounts.access import facilities_for
from apps.accounts.models import User
from apps.core.db import execute
from apps.triage import clocks, counting
from apps.triage.models import CLOSED, Case, CaseEvent, Pend, Status
from apps.triage.realms import Realm, seen_by, worked_by
from apps.triage.transitions import Clock, Illegal, Trigger, move

LEASE = timedelta(minutes=20)
LEAD = "accounts.assign_cases"
LONGEST_REASON = 500
Kind = CaseEvent.Kind
# What anybody may add who works such cases, whoever is at it, and what stands in nobody's way.
BESIDE = (Kind.NOTED, Kind.LINKED)
# What ends a case or opens it again, and so may move the money of its transaction to another.
ENDS_OR_REOPENS = frozenset(
    {Kind.RESOLVED, Kind.DISMISSED, Kind.REOPENED, Kind.MERGED, Kind.UNMERGED, Kind.UNDONE}
)
Found = TypeVar("Found")

# What an act may change of a case, and an undo gives back.
KEPT = (
    "status", "substatus", "team_id", "assignee_id", "is_assigned_by_hand", "leased_by_id",
    "leased_until", "responded_at", "transfers", "escalation", "resolution", "fixed_at",
    "verify_until", "late_until", "dismissal", "review_at", "merged_into_id", "resolved_at",
    "resolved_by",
)  # fmt: skip
# All of them, as they are in memory: each row is locked, and what stays the same costs nothing.
WRITE = """
UPDATE triage_case c
   SET status = n.status, substatus = n.substatus, team_id = n.team_id,
       assignee_id = n.assignee_id, is_assigned_by_hand = n.is_assigned_by_hand,
       leased_by_id = n.leased_by_id, leased_until = n.leased_until,
       responded_at = n.responded_at, transfers = n.transfers, escalation = n.escalation,
       resolution = n.resolution, fixed_at = n.fixed_at, verify_until = n.verify_until,
       late_until = n.late_until, dismissal = n.dismissal, review_at = n.review_at,
       merged_into_id = n.merged_into_id, resolved_at = n.resolved_at,
       resolved_by = n.resolved_by, version = n.version
  FROM jsonb_populate_recordset(NULL::triage_case, %(cases)s) n
 WHERE c.id = n.id
"""
# What a case that is closed needs none of: its time stands by `resolved_at`.
RUNS_CLOCK: Mapping[Clock, Callable[[list[UUID], datetime], object]] = {
    Clock.PAUSES: clocks.pause,
    Clock.RESUMES: clocks.resume,
    Clock.RESTARTS: clocks.restart,
}


class Ask(TypedDict):
    """Who asks for an act, having seen which version, with which form."""

    by: User
    version: int | None
    op_id: UUID | None


class Conflict(Exception):
    """The case is not what the form was filled in for; `event` is what happened last."""

    def __init__(self, case: Case, event: CaseEvent | None) -> None:
        super().__init__(f"case {case.pk} is at version {case.version}")
        self.case, self.event = case, event


class Refused(Exception):
    """It cannot be done, and this is why; the case is as it was."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotAllowed(Refused):
    """It can be done, but not by this person."""


@dataclass
class Act:
    """One person about to change one case, which is locked."""

    case: Case
    by: User
    at: datetime
    realm: Realm
    kind: Kind
    trigger: Trigger | None = None
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    can_be_undone: bool = True
    clock: Clock = Clock.RUNS
    # What the act leaves besides, once its row of history is written.
    leaves: Callable[[CaseEvent], object] | None = None
    # What was looked up already, for this case or another of the same act on many.
    known: dict[Hashable, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.before = {name: getattr(self.case, name) for name in KEPT}

    @property
    def changed(self) -> dict[str, Any]:
        """What of the case is not as it was, as it was."""
        return {name: was for name, was in self.before.items() if was != getattr(self.case, name)}

    @property
    def ends_or_reopens(self) -> bool:
        """Whether it was open and is not, or the other way round."""
        return (self.before["status"] in CLOSED) != (self.case.status in CLOSED)

    def once(self, key: Hashable, look: Callable[[], Found]) -> Found:
        """What is looked up once for all cases that have the key in common."""
        if key not in self.known:
            self.known[key] = look()
        found: Found = self.known[key]
        return found

    @cached_property
    def is_lead(self) -> bool:
        """Whether they decide about cases of others."""
        return self.by.has_perm(LEAD)

    @property
    def holder(self) -> User | None:
        """Who works it now, if somebody does."""
        until = self.case.leased_until
        return self.case.leased_by if until and until > self.at else None

    def move(self, trigger: Trigger) -> None:
        """Let the state machine take it; what the table does not know is a conflict."""
        was = self.case.status
        try:
            found = move(self.case, trigger, self.at)
        except Illegal:
            raise conflict(self.case) from None
        self.trigger, self.clock = trigger, found.clock
        if was == Status.PENDING and self.case.status != Status.PENDING:
            self.facts["waited"] = put_away(self.case)

    def give_to(self, person: User | None, *, by_hand: bool) -> None:
        """Change whose it is."""
        self.case.assignee = person
        self.case.is_assigned_by_hand = by_hand

    def answered(self) -> None:
        """Somebody looks after it: the first response is never later than this."""
        self.case.responded_at = self.case.responded_at or self.at

    def needs_lead(self, why: str) -> None:
        """Refuse everybody else."""
        if not self.is_lead:
            raise NotAllowed(f"{why} Ask a lead.")

    def says_why(self, reason: str) -> None:
        """Keep the reason, and insist on one."""
        self.reason = reason.strip()
        if not self.reason:
            raise Refused("Say why in a few words: the next person reads it.")
        if len(self.reason) > LONGEST_REASON:
            raise Refused(f"Say it in {LONGEST_REASON} characters.")


Deed = Callable[[Act], object]


@transaction.atomic
def perform(case_id: UUID, kind: Kind, deed: Deed, **ask: Unpack[Ask]) -> Case:
    """Do it, or raise Case.DoesNotExist, Conflict or Refused with the case as it was."""
    by, op_id = ask["by"], ask["op_id"]
    if kind in ENDS_OR_REOPENS:
        counting.lock([case_id])
    case = locked(case_id, by)
    if op_id and (done := CaseEvent.objects.filter(case=case, op_id=op_id).first()):
        if (done.actor_id, done.kind) != (by.pk, kind):
            raise conflict(case)
        return case
    if ask["version"] is not None and ask["version"] != case.version:
        raise conflict(case)
    act = Act(case, by, now(), worked_by(by), kind)
    judge(act, deed)
    write([act], op_id)
    case.refresh_from_db()
    return case


def judge(act: Act, deed: Deed) -> None:
    """Let the deed change the case in memory, if they may."""
    _require_right(act)
    deed(act)
    _renew(act)


def locked(case_id: UUID, by: User) -> Case:
    """The case, if it is theirs to see, with nobody else changing it."""
    return _theirs(by).get(pk=case_id)


def locked_many(ids: Collection[UUID], by: User) -> dict[UUID, Case]:
    """Those that are theirs to see, locked in the order of the fold, with all of the same
    transactions."""
    counting.lock(ids)
    return {one.pk: one for one in _theirs(by).filter(pk__in=ids).order_by("pk")}


def _theirs(by: User) -> QuerySet[Case]:
    visible = Case.objects.filter(seen_by(by).condition, facility__in=facilities_for(by))
    named = visible.select_related("leased_by", "assignee", "kind")
    return named.select_for_update(of=("self",))


def conflict(case: Case) -> Conflict:
    """What somebody else did meanwhile."""
    latest = CaseEvent.objects.filter(case=case).select_related("actor").order_by("-id").first()
    case.refresh_from_db()
    return Conflict(case, latest)


def _require_right(act: Act) -> None:
    """Their kind of case, and nobody else is at it. A lead may step in, and anybody add a note."""
    if not act.realm.includes(act.case):
        raise NotAllowed("Your role does not work this kind of case.")
    if act.kind in BESIDE or act.is_lead:
        return
    if act.holder and act.holder != act.by:
        name, until = full_name(act.holder), localtime(act.case.leased_until)
        raise Refused(f"{name} is working on it until {until:%H:%M}.")


def _renew(act: Act) -> None:
    """Whoever acts is not away."""
    if act.holder == act.by:
        act.case.leased_until = act.at + LEASE


def write(acts: Sequence[Act], op_id: UUID | None) -> list[CaseEvent]:
    """Write cases as they are now in memory, and what happened to each."""
    changed = [(act, act.changed) for act in acts]
    for act, was in changed:
        act.case.version += bool(was.keys() - {"leased_until"})
    execute(WRITE, {"cases": Jsonb([_row(act.case) for act, was in changed if was])})
    if moved := [act.case.pk for act in acts if act.ends_or_reopens]:
        counting.recount(moved)
    events = CaseEvent.objects.bulk_create(_event(act, was, op_id) for act, was in changed)
    for act, event in zip(acts, events, strict=True):
        if act.leaves:
            act.leaves(event)
    for clock, run in RUNS_CLOCK.items():
        for at, ids in _by_moment(act for act in acts if act.clock == clock).items():
            run(ids, at)
    return events


def _row(case: Case) -> Any:
    """Of a case what an act may change."""
    return plain({name: getattr(case, name) for name in ("id", "version", *KEPT)})


def _event(act: Act, changed: dict[str, Any], op_id: UUID | None) -> CaseEvent:
    return CaseEvent(
        case=act.case, kind=act.kind, actor=act.by, at=act.at, before=act.before["status"],
        after=act.case.status, reason=act.reason, op_id=op_id, version=act.case.version,
        assignee_before_id=act.before["assignee_id"], assignee_after_id=act.case.assignee_id,
        facts=plain(act.facts), undo=plain(changed) if changed and act.can_be_undone else None,
    )  # fmt: skip


def _by_moment(acts: Iterable[Act]) -> dict[datetime, list[UUID]]:
    found: dict[datetime, list[UUID]] = {}
    for act in acts:
        found.setdefault(act.at, []).append(act.case.pk)
    return found


def put_away(case: Case) -> dict[str, Any]:
    """End what a case waits for, and tell what that was."""
    pend = Pend.objects.filter(case=case).first()
    if pend is None:
        return {}
    kept = {field.attname: getattr(pend, field.attname) for field in Pend._meta.concrete_fields}
    pend.delete()
    return kept


def plain(values: dict[str, Any]) -> Any:
    """As JSON keeps it."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return plain(value)
    # To the microsecond: an undo gives back exactly what there was.
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def full_name(person: User) -> str:
    """A person as colleagues call them."""
    return person.get_full_name() or person.username
