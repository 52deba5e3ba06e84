"""Who holds which role and which facilities. Every way to change it leads through here.

Sensitive roles are asked for by one person and confirmed by another; roles that do not go together
are refused, whoever asks and however.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from apps.accounts.acts import Act
from apps.accounts.models import FacilityUserGrant, RoleRequest, User
from apps.accounts.roles import ROLES
from apps.accounts.separation import SENSITIVE, Combination, toxic
from apps.accounts.services import audit
from apps.accounts.services.grants import grant_facility, revoke_facility
from apps.catalog.models import Facility
from apps.catalog.services import proposals
from apps.core.db import execute

REQUESTS_LAST = timedelta(days=7)
SHORTEST_WHY, LONGEST_WHY = 5, 500
State = RoleRequest.State


class NotAllowed(Exception):
    """A change that nobody, or not this person, may make; the text says why in plain words."""


class Lapsed(NotAllowed):
    """Who asked for it may not ask for it any more."""


class Toxic(NotAllowed):
    """Roles that one person may not hold together."""

    def __init__(self, found: Collection[Combination]) -> None:
        super().__init__(" ".join(map(str, found)))
        self.found = found


@dataclass(frozen=True, slots=True)
class Access:
    """What a person holds: codes of roles, ids of facilities."""

    roles: frozenset[str]
    facilities: frozenset[int]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a wish: what is given and taken at once, and what a second person decides."""

    gives: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    opens: frozenset[int] = field(default_factory=frozenset)
    closes: frozenset[int] = field(default_factory=frozenset)

    @property
    def is_empty(self) -> bool:
        return not (self.gives or self.takes or self.asks or self.opens or self.closes)


def access_of(person: User) -> Access:
    """The roles and facilities somebody holds now."""
    roles = person.groups.filter(name__in=ROLES).values_list("name", flat=True)
    grants = FacilityUserGrant.objects.filter(user=person, permission__codename="view_facility")
    return Access(frozenset(roles), frozenset(grants.values_list("content_object_id", flat=True)))


def planned(person: User, wanted: Access, *, by: User) -> Change:
    """What it takes to come from what somebody holds to what is wanted; raises NotAllowed."""
    _check_persons(person, by)
    held = access_of(person)
    waiting = set(_pending(person).values_list("role", flat=True))
    _check_combination(wanted.roles | waiting)
    _check_somebody_is_left(person, leaves=held.roles - wanted.roles)
    added = wanted.roles - held.roles
    return Change(
        gives=_ordered(added - set(SENSITIVE)),
        takes=_ordered(held.roles - wanted.roles),
        asks=_ordered((added & set(SENSITIVE)) - waiting),
        opens=wanted.facilities - held.facilities,
        closes=held.facilities - wanted.facilities,
    )


def change_access(person: User, wanted: Access, *, by: User, why: str) -> Change:
    """Give and take at once what one person may decide, and ask for the rest."""
    try:
        return _change_access(person, wanted, by=by, why=why)
    except Toxic as refusal:
        note_blocked(person, refusal, by=by)
        raise


def note_blocked(person: User, refusal: Toxic, *, by: User) -> None:
    """An attempt to join what must stay apart is on record, although nothing came of it."""
    pairs = [sorted(one.roles) for one in refusal.found]
    audit.record(by, Act.ROLE_BLOCKED, on=f"user:{person.pk}", facts={"roles": pairs})


@transaction.atomic
def _change_access(person: User, wanted: Access, *, by: User, why: str) -> Change:
    person = locked(person)
    change = planned(person, wanted, by=by)
    for role in change.takes:
        _take(person, role, by=by)
    for role in change.gives:
        _give(person, role, by=by)
    for role in change.asks:
        request_role(person, role, by=by, why=why)
    for place in Facility.objects.filter(pk__in=change.opens):
        grant_facility(to=person, facility=place, by=by)
    for place in Facility.objects.filter(pk__in=change.closes):
        revoke_facility(of=person, facility=place, by=by)
    if change.closes:
        lapse_what_they_asked(person)
    return change


def confirm_role(request: RoleRequest, *, by: User) -> None:
    """Give a role that somebody else asked for, for a third person."""
    try:
        _confirm(request, by=by)
    except Toxic as refusal:
        note_blocked(request.person, refusal, by=by)
        raise
    except Lapsed:
        _close_undecided(request, State.LAPSED)
        raise


@transaction.atomic
def _confirm(request: RoleRequest, *, by: User) -> None:
    person = locked(request.person)
    _check_second_person(request, by)
    if not person.is_active:
        raise NotAllowed("This account is closed.")
    _check_combination(access_of(person).roles | {request.role})
    _decide(request, State.CONFIRMED, by=by)
    audit.record(by, Act.ROLE_CONFIRMED, on=f"user:{person.pk}", facts=_facts(request))
    _give(person, request.role, by=by)


@transaction.atomic
def refuse_role(request: RoleRequest, *, by: User, remark: str = "") -> None:
    """Say no to a request; who made it withdraws it."""
    if not by.is_active or not by.has_perm("accounts.confirm_roles"):
        raise NotAllowed("This takes an administrator or a compliance auditor.")
    if by.pk == request.person_id:
        raise NotAllowed("Nobody decides about their own roles.")
    is_own = by.pk == request.requested_by_id
    _decide(request, State.WITHDRAWN if is_own else State.REFUSED, by=by, remark=remark)
    act = Act.ROLE_WITHDRAWN if is_own else Act.ROLE_REFUSED
    audit.record(by, act, on=f"user:{request.person_id}", facts=_facts(request))


def expire_requests() -> int:
    """Close requests that nobody decided in time; how many."""
    late = RoleRequest.objects.filter(state=State.PENDING, expires_at__lte=now())
    return sum(_close_undecided(request, State.EXPIRED) for request in late)


def lapse_what_they_asked(person: User) -> None:
    """What somebody asked for ends with their right to ask for it: nobody decides it after."""
    person = User.objects.get(pk=person.pk)
    if not may_ask(person):
        for request in RoleRequest.objects.filter(requested_by=person, state=State.PENDING):
            _close_undecided(request, State.LAPSED)
    for lapsed in proposals.lapse(by=person):
        on = f"proposal:{lapsed.pk}"
        facts = {"kind": lapsed.kind}
        audit.record(None, Act.CHANGE_LAPSED, on=on, facility=lapsed.facility_id, facts=facts)


CLOSED_BY_ITSELF = {State.EXPIRED: Act.ROLE_EXPIRED, State.LAPSED: Act.ROLE_LAPSED}


@transaction.atomic
def _close_undecided(request: RoleRequest, state: RoleRequest.State) -> bool:
    undecided = RoleRequest.objects.filter(pk=request.pk, state=State.PENDING)
    closed = undecided.update(state=state, decided_at=now())
    if closed:
        act, facts = CLOSED_BY_ITSELF[state], _facts(request)
        audit.record(None, act, on=f"user:{request.person_id}", facts=facts)
    return bool(closed)


def may_ask(person: User) -> bool:
    """Whether somebody may ask for a role for others."""
    return person.is_active and person.has_perm("accounts.manage_people")


def locked(person: User) -> User:
    """Two changes of one person take turns: what goes together is judged by what both leave."""
    return User.objects.select_for_update(no_key=True).get(pk=person.pk)


# -- checks --------------------------------------------------------------------------------------


def _check_persons(person: User, by: User) -> None:
    if not may_ask(by):
        raise NotAllowed("This takes an administrator.")
    if person.pk == by.pk:
        raise NotAllowed("Nobody changes their own access. Ask another administrator.")
    if person.is_superuser and not by.is_superuser:
        raise NotAllowed("Superusers are changed by superusers only.")


def _check_combination(roles: Collection[str]) -> None:
    if found := toxic(roles):
        raise Toxic(found)


def _check_second_person(request: RoleRequest, by: User) -> None:
    if not by.is_active or not by.has_perm("accounts.confirm_roles"):
        raise NotAllowed("A second person confirms: an administrator or a compliance auditor.")
    if by.pk == request.requested_by_id:
        raise NotAllowed("Who asked for a role does not confirm it. Ask somebody else.")
    if by.pk == request.person_id:
        raise NotAllowed("Nobody confirms their own role.")
    if not may_ask(User.objects.get(pk=request.requested_by_id)):
        raise Lapsed("Who asked for this role may not ask for roles any more. Ask for it anew.")


def _check_somebody_is_left(person: User, *, leaves: Collection[str]) -> None:
    """Without anybody who gives access, nobody could mend that."""
    if "administrator" in leaves and not other_administrators(person):
        raise NotAllowed("This is the last administrator. Make another one first.")


# Two administrators who end each other at once would each find the other still there.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('accounts.last_administrator'))"


def other_administrators(person: User) -> bool:
    """Whether anybody else can give access, once whoever is ending one has done so."""
    execute(TAKE_TURNS)
    others = User.objects.filter(is_active=True).exclude(pk=person.pk)
    by_role = others.filter(groups__name="administrator")
    return by_role.exists() or others.filter(is_superuser=True).exists()


# -- single steps, under the lock of the person ----------------------------------------------------


def _give(person: User, role: str, *, by: User) -> None:
    person.groups.add(Group.objects.get(name=role))
    _keep_doors(person)
    audit.record(by, Act.ROLE_GRANTED, on=f"user:{person.pk}", facts={"role": role})


def _take(person: User, role: str, *, by: User) -> None:
    person.groups.remove(Group.objects.get(name=role))
    _keep_doors(person)
    audit.record(by, Act.ROLE_REVOKED, on=f"user:{person.pk}", facts={"role": role})
    lapse_what_they_asked(person)


def take_sensitive(person: User, *, by: User) -> tuple[str, ...]:
    """Take the roles of two people away, under the lock of the person; which."""
    taken = _ordered(access_of(person).roles & set(SENSITIVE))
    _check_somebody_is_left(person, leaves=taken)
    for role in taken:
        _take(person, role, by=by)
    return taken


def _keep_doors(person: User) -> None:
    """Some roles work in the administration, the others have no business there."""
    held = access_of(person).roles
    is_staff = person.is_superuser or any(ROLES[code].works_in_admin for code in held)
    User.objects.filter(pk=person.pk).update(is_staff=is_staff)


def request_role(person: User, role: str, *, by: User, why: str) -> None:
    """Ask for a role that a second person gives, under the lock of the person."""
    if len(why.strip()) < SHORTEST_WHY:
        raise NotAllowed("Say why: the second person decides by it.")
    for late in RoleRequest.objects.filter(person=person, role=role, expires_at__lte=now()):
        _close_undecided(late, State.EXPIRED)
    moment = now()
    request = RoleRequest.objects.create(
        person=person,
        role=role,
        requested_by=by,
        requested_at=moment,
        expires_at=moment + REQUESTS_LAST,
        why=why.strip()[:LONGEST_WHY],
    )
    audit.record(by, Act.ROLE_REQUESTED, on=f"user:{person.pk}", facts=_facts(request))


def _decide(request: RoleRequest, state: RoleRequest.State, *, by: User, remark: str = "") -> None:
    """The WHERE clause, not a lock, decides who was first."""
    moment = now()
    open_one = RoleRequest.objects.filter(pk=request.pk, state=State.PENDING, expires_at__gt=moment)
    if not open_one.update(
        state=state, decided_by=by, decided_at=moment, remark=remark.strip()[:LONGEST_WHY]
    ):
        raise NotAllowed("This request was decided already, or has expired.")


def _pending(person: User) -> QuerySet[RoleRequest]:
    return RoleRequest.objects.filter(person=person, state=State.PENDING, expires_at__gt=now())


def _facts(request: RoleRequest) -> dict[str, object]:
    return {"role": request.role, "request": request.pk}


def _ordered(roles: Iterable[str]) -> tuple[str, ...]:
    chosen = set(roles)
    return tuple(code for code in ROLES if code in chosen)
