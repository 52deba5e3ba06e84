"""Who must have a second factor and has none yet: nothing opens for them but its enrolment."""

from collections.abc import Callable
from typing import Any, TypeVar

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest

from apps.accounts.models import User

# What a view carries that stays open for them, and what a session that needs no more asking does.
OPEN, ENROLLED = "open_before_enrolment", "enrolled"
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)

View = TypeVar("View", bound=Callable[..., Any])


def open_before_enrolment(view: View) -> View:
    """Declare a view to be part of enrolment, or of leaving."""
    setattr(view, OPEN, True)
    return view


def has_factor(user: User) -> bool:
    """Whether this person has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def needs_factor(user: User) -> bool:
    """Whether one of this person's roles takes a second factor here."""
    roles = settings.THROUGHLINE_MFA_ROLES
    return bool(roles) and (user.is_superuser or user.groups.filter(name__in=roles).exists())


def must_enrol(request: HttpRequest) -> bool:
    """Whether this session is kept to enrolment. Removing a factor ends the other sessions, so
    one that has been seen to have one need not be asked again."""
    user = request.user
    if not settings.THROUGHLINE_MFA_ROLES or not isinstance(user, User):
        return False
    if request.session.get(ENROLLED):
        return False
    if has_factor(user):
        request.session[ENROLLED] = True
        return False
    return needs_factor(user) and not came_vouched_for(request, user)


def came_vouched_for(request: HttpRequest, user: User) -> bool:
    """Whether single sign-on let them in, and its provider is known to ask for two factors."""
    records = get_authentication_records(request, user)
    by_provider = any(record["method"] == "socialaccount" for record in records)
    return by_provider and settings.THROUGHLINE_OIDC_IS_MFA
