"""One person per role for the demo network, a second lead, and one who may see nothing."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import Group
from django.db import transaction

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.accounts.services import audit
from apps.accounts.services.grants import ensure_roles, grant_facility
from apps.catalog.models import Facility, Team


class NotADemo(Exception):
    """Known names with one shared password have no place outside demo mode."""


@dataclass(frozen=True)
class Person:
    """A member of the demo cast; without a facility they see nothing, without a team they are given
    no cases."""

    username: str
    first_name: str
    last_name: str
    role: str
    facility: str | None
    teams: tuple[str, ...] = ()


DEMO_CAST = (
    Person(
        "bea", "Bea", "Lindqvist", "revenue_cycle_analyst", "QH-EAST",
        ("billing_office", "follow_up", "denials"),
    ),
    Person(
        "rosa", "Rosa", "Okonjo", "rcm_supervisor", "QH-CENTRAL",
        ("revenue_cycle", "billing_office", "charge_integrity", "coding", "patient_access"),
    ),
    Person("eli", "Eli", "Marchetti", "integration_engineer", "QH", ("integration",)),
    Person("ivo", "Ivo", "Hartmann", "integration_lead", "QH", ("integration", "erp_platform")),
    # What one lead proposes, the other decides.
    Person("lea", "Lea", "Brandvold", "integration_lead", "QH", ("integration",)),
    Person(
        "fay", "Fay", "Delacroix", "finance_approver", "QH",
        ("finance", "cash_posting", "controllership"),
    ),
    Person("eve", "Eve", "Tanaka", "executive", "QH"),
    Person("cal", "Cal", "Whitlock", "compliance_auditor", "QH"),
    Person("ada", "Ada", "Nkemelu", "administrator", None),
    Person("sam", "Sam", "Stranger", "revenue_cycle_analyst", None),
)  # fmt: skip


@dataclass(frozen=True)
class SignIn:
    """What to print: who, as what, and where."""

    username: str
    role: str
    sees: str


@dataclass(frozen=True)
class DemoUsers:
    """The cast, and the shared password unless it was set earlier and is not known any more."""

    sign_ins: tuple[SignIn, ...]
    password: str | None


@transaction.atomic
def seed_demo_users(*, password: str | None = None) -> DemoUsers:
    """Make the cast; safe to repeat. A password given is set, else one is made the first time."""
    if not settings.THROUGHLINE_DEMO:
        raise NotADemo
    ensure_roles()
    known = {user.username: user for user in User.objects.filter(username__in=names())}
    if password is None and len(known) < len(DEMO_CAST):
        password = secrets.token_urlsafe(9)
    if password is not None:
        set_passwords(known, password)
    return DemoUsers(tuple(sign_ins()), password)


def set_passwords(known: dict[str, User], password: str) -> None:
    """Create who is missing. One hash for all: ten slow ones would delay every start."""
    current = next(iter(known.values()), None)
    encoded = current.password if current else ""
    if not check_password(password, encoded):
        encoded = make_password(password)
        User.objects.filter(pk__in=[user.pk for user in known.values()]).update(password=encoded)
    for person in DEMO_CAST:
        if person.username not in known:
            create_person(person, encoded)


def create_person(person: Person, encoded_password: str) -> None:
    """A user in their role's group with their facility granted."""
    user = User.objects.create(
        username=person.username,
        first_name=person.first_name,
        last_name=person.last_name,
        password=encoded_password,
        is_staff=ROLES[person.role].works_in_admin,
    )
    user.groups.add(Group.objects.get(name=person.role))
    audit.record(None, Act.ROLE_GRANTED, on=f"user:{user.pk}", facts={"role": person.role})
    # A network of one's own may have no such team, and no such place; the person then sees nothing.
    user.teams.add(*Team.objects.filter(code__in=person.teams))
    facility = Facility.objects.filter(code=person.facility).first()
    if facility:
        grant_facility(to=user, facility=facility)


def names() -> list[str]:
    return [person.username for person in DEMO_CAST]


def sign_ins() -> Iterator[SignIn]:
    """The cast in words."""
    for person in DEMO_CAST:
        yield SignIn(person.username, ROLES[person.role].name, person.facility or "nothing")
