"""Who looks at the product under measurement, with sessions as signing in leaves them."""

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group

from apps.accounts.enrolment import ENROLLED
from apps.accounts.models import User
from apps.accounts.services import ensure_roles, grant_facility
from apps.accounts.sessions import SessionStore
from apps.catalog.models import Facility


def reader() -> User:
    """Someone who may see everything."""
    user, _ = User.objects.get_or_create(
        username="bench", defaults={"is_superuser": True, "is_staff": True}
    )
    return user


def leads(count: int) -> list[User]:
    """So many integration leads of the whole network."""
    ensure_roles()
    root = Facility.objects.filter(parent=None).order_by("pk")[0]
    role = Group.objects.get(name="integration_lead")
    people = []
    for number in range(count):
        user, is_new = User.objects.get_or_create(username=f"bench-{number}")
        if is_new:
            user.groups.add(role)
            grant_facility(to=user, facility=root)
        people.append(user)
    return people


def supervisor() -> User:
    """Somebody who may change any case of the whole network, many at once."""
    ensure_roles()
    user, is_new = User.objects.get_or_create(username="bench-supervisor")
    if is_new:
        user.groups.add(Group.objects.get(name="rcm_supervisor"))
        grant_facility(to=user, facility=Facility.objects.filter(parent=None).order_by("pk")[0])
    return user


def cookie(user: User) -> str:
    """The cookie of a session of theirs, second factor included."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[ENROLLED] = True
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
