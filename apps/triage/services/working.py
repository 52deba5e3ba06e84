"""Who works a case: taking it, giving it back, the next one, handing it over, calling a lead."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Unpack
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from apps.accounts.access import facilities_for, who_see
from apps.accounts.models import User
from apps.catalog.models import Team
from apps.core.db import execute, fetch_all
from apps.triage.models import Case, CaseEvent, Skip, Status, Substatus
from apps.triage.realms import worked_by
from apps.triage.services.acting import (
    LEAD,
    LEASE,
    Act,
    Ask,
    Kind,
    Refused,
    full_name,
    perform,
)
from apps.triage.transitions import Trigger

MOST_LEASES = 3
# A case that was skipped is not offered again to the same person before this.
SKIPPED_FOR = timedelta(hours=12)
SKIPS_THAT_FLAG = 3
# So many times a case may change hands before a lead decides whose it is.
FREE_TRANSFERS = 2
# Time tells leads of a case in levels below this one; at this one somebody called them, and it is
# theirs.
CALLED = 3


@dataclass(frozen=True)
class _Found:
    id: UUID


# Of two acts that take a case for the same person, the second counts the first.
ONE_TAKES = "SELECT pg_advisory_xact_lock(hashtext('triage.lease'), %(user)s::integer)"

# Whatever somebody else is about to take is passed over. The order is that of the queue.
NEXT = """
SELECT c.id FROM triage_case c
 WHERE c.status = 'open' AND c.facility_id = ANY(%(facilities)s::integer[])
   AND (%(is_everything)s OR c.kind_id = ANY(%(kinds)s::integer[])
        OR %(has_unexplained)s AND c.kind_id IS NULL)
   AND (c.assignee_id IS NULL OR c.assignee_id = %(user)s)
   AND (c.team_id IS NULL OR c.team_id = ANY(%(teams)s::integer[])
        OR %(teams)s::integer[] = '{}')
   AND (c.escalation < %(called)s OR %(is_lead)s)
   AND NOT EXISTS (SELECT FROM triage_skip s WHERE s.case_id = c.id AND s.person_id = %(user)s
                      AND s.at > %(since)s)
 ORDER BY c.score DESC, c.id
 LIMIT 1 FOR UPDATE OF c SKIP LOCKED
"""


def take(case_id: UUID, **ask: Unpack[Ask]) -> Case:
    """Work it: for 20 minutes from the last act it is theirs alone."""
    return perform(case_id, Kind.TAKEN, _take, **ask)


def _take(act: Act) -> None:
    case = act.case
    _require_lead_if_called(act)
    if case.is_assigned_by_hand and case.assignee and case.assignee != act.by:
        act.needs_lead(f"It was given to {full_name(case.assignee)}.")
    execute(ONE_TAKES, {"user": act.by.pk})
    held = Case.objects.filter(leased_by=act.by, leased_until__gt=act.at).exclude(pk=case.pk)
    if held.count() >= MOST_LEASES:
        raise Refused(f"You work on {MOST_LEASES} cases already: finish one or give it back.")
    act.move(Trigger.TAKE)
    act.answered()
    case.assignee = act.by
    case.leased_by, case.leased_until = act.by, act.at + LEASE


def release(case_id: UUID, **ask: Unpack[Ask]) -> Case:
    """Give it back to whom it belonged before."""
    return perform(case_id, Kind.RELEASED, _release, **ask)


def _release(act: Act) -> None:
    act.move(Trigger.RELEASE)
    taken = CaseEvent.objects.filter(case=act.case, kind=Kind.TAKEN).order_by("-id").first()
    if taken and taken.assignee_after_id == act.case.assignee_id:
        act.case.assignee_id = taken.assignee_before_id


@transaction.atomic
def next_best(*, by: User, op_id: UUID | None = None) -> Case | None:
    """Take what costs most to leave waiting, of what is theirs to work; none if nothing waits."""
    if op_id and (done := _taken_with(op_id, by)):
        return done
    realm = worked_by(by)
    asked = {
        "user": by.pk,
        "facilities": list(facilities_for(by)),
        "is_everything": realm.is_everything,
        "kinds": list(realm.kinds),
        "has_unexplained": realm.has_unexplained,
        "teams": list(by.teams.values_list("pk", flat=True)),
        "is_lead": by.has_perm(LEAD),
        "called": CALLED,
        "since": now() - SKIPPED_FOR,
    }
    found = fetch_all(NEXT, asked, row=_Found)
    return take(found[0].id, by=by, version=None, op_id=op_id) if found else None


def _taken_with(op_id: UUID, by: User) -> Case | None:
    done = CaseEvent.objects.filter(op_id=op_id, actor=by, kind=Kind.TAKEN)
    event = done.select_related("case").first()
    return event.case if event else None


def skip(case_id: UUID, *, reason: str, **ask: Unpack[Ask]) -> Case:
    """Not this one. Whoever skips says why; a case that three people skip goes to a lead."""
    return perform(case_id, Kind.SKIPPED, partial(_skip, reason=reason), **ask)


def _skip(act: Act, *, reason: str) -> None:
    act.says_why(reason)
    act.can_be_undone = False
    if act.case.status == Status.IN_PROGRESS:
        _release(act)
    else:
        act.move(Trigger.ASSIGN)
    Skip.objects.create(case=act.case, person=act.by, at=act.at, reason=act.reason)
    skips = Skip.objects.filter(case=act.case).count()
    if skips >= SKIPS_THAT_FLAG and act.case.escalation < CALLED:
        act.case.escalation = CALLED
        act.facts["skips"] = skips


def assign(case_id: UUID, *, to: User | None, **ask: Unpack[Ask]) -> Case:
    """Say whose it is; routing leaves it alone from then on. A lead's act, but for oneself."""
    return perform(case_id, Kind.ASSIGNED, partial(assigning, to=to), **ask)


def assigning(act: Act, *, to: User | None) -> None:
    if to != act.by:
        act.needs_lead("Only a lead gives work to others.")
    _require_lead_if_called(act)
    _hand_over(act, to)


def transfer(
    case_id: UUID, *, to: User | None = None, team: Team | None = None, reason: str,
    **ask: Unpack[Ask],
) -> Case:  # fmt: skip
    """Hand it over to somebody, or to the pool of a team. The third time a lead decides."""
    deed = partial(transferring, to=to, team=team, reason=reason)
    return perform(case_id, Kind.TRANSFERRED, deed, **ask)


def transferring(act: Act, *, to: User | None, team: Team | None, reason: str) -> None:
    act.says_why(reason)
    if to is None and team is None:
        raise Refused("Say to whom: a person or a team.")
    if act.case.transfers >= FREE_TRANSFERS:
        act.needs_lead(f"It changed hands {act.case.transfers} times.")
    if team:
        act.case.team = team
        act.facts["team"] = team.name
    _hand_over(act, to)
    act.case.transfers += 1


def _hand_over(act: Act, to: User | None) -> None:
    if to and act.case.assignee == to and act.case.is_assigned_by_hand:
        raise Refused(f"{full_name(to)} has it already.")
    if to and to != act.by:
        _require_able(to, act)
    act.move(Trigger.RELEASE if act.case.status == Status.IN_PROGRESS else Trigger.ASSIGN)
    act.give_to(to, by_hand=True)


def _require_lead_if_called(act: Act) -> None:
    if act.case.escalation >= CALLED:
        act.needs_lead("It was escalated.")


def _require_able(person: User, act: Act) -> None:
    """Nobody is given what they may not see or work."""
    place = act.case.facility_id
    seers = act.once(("sees", person, place), lambda: who_see(place, among=[person.pk]))
    realm = act.once(("works", person), lambda: worked_by(person))
    if not person.is_active or person.pk not in seers or not realm.includes(act.case):
        raise Refused(f"{full_name(person)} may not work this case.")


def escalate(case_id: UUID, *, reason: str, **ask: Unpack[Ask]) -> Case:
    """Call a lead: it leaves one's own hands and the pool."""
    return perform(case_id, Kind.ESCALATED, partial(escalating, reason=reason), **ask)


def escalating(act: Act, *, reason: str) -> None:
    act.says_why(reason)
    act.move(Trigger.ESCALATE)
    act.case.escalation = CALLED
    act.give_to(None, by_hand=True)


def deescalate(case_id: UUID, *, reason: str, **ask: Unpack[Ask]) -> Case:
    """A lead gives it back to everybody."""
    return perform(case_id, Kind.DEESCALATED, partial(deescalating, reason=reason), **ask)


def deescalating(act: Act, *, reason: str) -> None:
    act.needs_lead("It was escalated.")
    act.says_why(reason)
    if not act.case.escalation:
        raise Refused("Nobody has escalated it.")
    act.move(Trigger.ASSIGN)
    act.case.escalation = 0
    if act.case.substatus == Substatus.ESCALATING:
        act.case.substatus = Substatus.ONGOING
