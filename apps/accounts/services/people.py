"""Accounts: made, closed and opened again."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.db import IntegrityError, transaction

from apps.accounts.acts import Act
from apps.accounts.enrolment import has_factor
from apps.accounts.models import RoleRequest, User
from apps.accounts.separation import SENSITIVE
from apps.accounts.services import audit
from apps.accounts.services.access import (
    NotAllowed,
    access_of,
    lapse_what_they_asked,
    locked,
    other_administrators,
    refuse_role,
    request_role,
    take_sensitive,
)
from apps.accounts.services.factors import reset_factors
from apps.accounts.services.tokens import revoke_tokens


class NameTaken(NotAllowed):
    """There is an account of this name."""


@transaction.atomic
def create_person(*, username: str, first_name: str, last_name: str, email: str, by: User) -> User:
    """An account without a role and without a password: a link lets its owner set one."""
    _check(by)
    person = User(username=username, first_name=first_name, last_name=last_name, email=email)
    person.set_unusable_password()
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError:
        raise NameTaken("There is an account of this name.") from None
    audit.record(by, Act.PERSON_CREATED, on=f"user:{person.pk}")
    return person


@transaction.atomic
def close_account(person: User, *, by: User) -> None:
    """Nobody gets in any more: sessions and tokens end, wishes for roles are withdrawn."""
    _check(by, person)
    person = locked(person)
    if not person.is_active:
        return
    if person.has_perm("accounts.manage_people") and not other_administrators(person):
        raise NotAllowed("This is the last administrator. Make another one first.")
    User.objects.filter(pk=person.pk).update(is_active=False)
    for request in RoleRequest.objects.filter(person=person, state=RoleRequest.State.PENDING):
        refuse_role(request, by=by, remark="The account was closed.")
    revoke_tokens(user=person, by=by)
    audit.record(by, Act.PERSON_DEACTIVATED, on=f"user:{person.pk}")
    lapse_what_they_asked(person)


@transaction.atomic
def reopen_account(person: User, *, by: User) -> None:
    """Let somebody in again, with what one person may give: their roles of two people are asked
    for anew, and their tokens stay revoked."""
    _check(by, person)
    person = locked(person)
    if User.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        take_sensitive(person, by=by)
        audit.record(by, Act.PERSON_REACTIVATED, on=f"user:{person.pk}")


@transaction.atomic
def reset_second_factors(person: User, *, by: User, why: str) -> tuple[str, ...]:
    """For who lost every second factor: they go, and with them the roles of two people, which are
    asked for again at once. So nobody alone weakens the account of a second person."""
    _check(by, person)
    person = locked(person)
    if not person.is_active:
        raise NotAllowed("This account is closed. Open it first.")
    if not has_factor(person):
        raise NotAllowed("This account has no second factor.")
    roles = take_sensitive(person, by=by)
    for role in roles:
        request_role(person, role, by=by, why=why)
    reset_factors(user=person)
    audit.record(by, Act.FACTOR_RESET, on=f"user:{person.pk}")
    return roles


def password_key(person: User, *, by: User) -> dict[str, str]:
    """The parts of a link with which somebody sets a password, once and for a day."""
    _check(by, person)
    if not person.is_active:
        raise NotAllowed("This account is closed. Open it first.")
    _check_stays_two_people(person)
    audit.record(by, Act.PERSON_INVITED, on=f"user:{person.pk}")
    key = default_token_generator.make_token(person)
    return {"uidb36": user_pk_to_url_str(person), "key": key}


def _check_stays_two_people(person: User) -> None:
    """Whoever makes a link could use it: who is a second person needs a factor that stops them."""
    if access_of(person).roles & set(SENSITIVE) and not has_factor(person):
        raise NotAllowed(
            "Their role takes two people, and no second factor would keep a link to its owner. "
            "Set the password on the server: manage.py changepassword."
        )


def _check(by: User, person: User | None = None) -> None:
    if not by.is_active or not by.has_perm("accounts.manage_people"):
        raise NotAllowed("This takes an administrator.")
    if person and person.pk == by.pk:
        raise NotAllowed("Nobody does this to their own account.")
    if person and person.is_superuser and not by.is_superuser:
        raise NotAllowed("Superusers are changed by superusers only.")
