"""How a person changes a case: one lock, one version, one row of history.

Every act is a function of an `Act`; `perform` finds the case in the reader's own scope, refuses
what is not theirs to do, and writes the case and what happened to it in one transaction. A form
sent twice happens once; a form that was filled in before somebody else acted is a conflict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.utils.timezone import localtime, now

from apps.accounts.access import facilities_for
from apps.accounts.models import User
from apps.triage import clocks
from apps.triage.models import Case, CaseEvent, Pend, Status
from apps.triage.realms import Realm, seen_by, worked_by
from apps.triage.transitions import Clock, Illegal, Trigger, move

LEASE = timedelta(minutes=20)
LEAD = "accounts.assign_cases"
LONGEST_REASON = 500
Kind = CaseEvent.Kind

# What an act may change of a case, and an undo gives back.
KEPT = (
    "status", "substatus", "team_id", "assignee_id", "is_assigned_by_hand", "leased_by_id",
    "leased_until", "responded_at", "transfers", "escalation", "resolution", "fixed_at",
    "verify_until", "late_until", "dismissal", "review_at", "merged_into_id", "resolved_at",
    "resolved_by",
)  # fmt: skip
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
    case = locked(case_id, by)
    if op_id and (done := CaseEvent.objects.filter(case=case, op_id=op_id).first()):
        if (done.actor_id, done.kind) != (by.pk, kind):
            raise conflict(case)
        return case
    if ask["version"] is not None and ask["version"] != case.version:
        raise conflict(case)
    act = Act(case, by, now(), worked_by(by), kind)
    _require_right(act)
    before = {name: getattr(case, name) for name in KEPT}
    deed(act)
    _renew(act)
    _write(act, before, op_id)
    case.refresh_from_db()
    return case


def locked(case_id: UUID, by: User) -> Case:
    """The case, if it is theirs to see, with nobody else changing it."""
    visible = Case.objects.filter(seen_by(by).condition, facility__in=facilities_for(by))
    named = visible.select_related("leased_by", "assignee", "kind")
    return named.select_for_update(of=("self",)).get(pk=case_id)


def conflict(case: Case) -> Conflict:
    """What somebody else did meanwhile."""
    latest = CaseEvent.objects.filter(case=case).select_related("actor").order_by("-id").first()
    case.refresh_from_db()
    return Conflict(case, latest)


def _require_right(act: Act) -> None:
    """Their kind of case, and nobody else is at it. A lead may step in, and anybody add a note."""
    if not act.realm.includes(act.case):
        raise NotAllowed("Your role does not work this kind of case.")
    if act.kind in (Kind.NOTED, Kind.LINKED) or act.is_lead:
        return
    if act.holder and act.holder != act.by:
        name, until = full_name(act.holder), localtime(act.case.leased_until)
        raise Refused(f"{name} is working on it until {until:%H:%M}.")


def _renew(act: Act) -> None:
    """Whoever acts is not away."""
    if act.holder == act.by:
        act.case.leased_until = act.at + LEASE


def _write(act: Act, before: dict[str, Any], op_id: UUID | None) -> None:
    case = act.case
    changed = {name: was for name, was in before.items() if was != getattr(case, name)}
    if changed.keys() - {"leased_until"}:
        case.version += 1
    if changed:
        fields = [name.removesuffix("_id") for name in changed]
        case.save(update_fields=[*fields, "version"])
    event = CaseEvent.objects.create(
        case=case, kind=act.kind, actor=act.by, at=act.at, before=before["status"],
        after=case.status, reason=act.reason, op_id=op_id, version=case.version,
        assignee_before_id=before["assignee_id"], assignee_after_id=case.assignee_id,
        facts=plain(act.facts), undo=plain(changed) if changed and act.can_be_undone else None,
    )  # fmt: skip
    if act.leaves:
        act.leaves(event)
    if run := RUNS_CLOCK.get(act.clock):
        run([case.pk], act.at)


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
