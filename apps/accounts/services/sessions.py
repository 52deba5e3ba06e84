"""Sessions of a person: which are live, and ending them."""

from django.utils import timezone

from apps.accounts.models import Session, User


def live_sessions(user: User) -> list[Session]:
    """A person's sessions, the last active first."""
    found = Session.objects.filter(user=user, expire_date__gt=timezone.now())
    return list(found.defer("session_data").order_by("-last_active_at"))


def end_session(*, user: User, handle: str) -> bool:
    """End one of a person's own sessions; False when there is none of that name."""
    key = next((one.session_key for one in live_sessions(user) if one.handle == handle), None)
    return bool(key and Session.objects.filter(pk=key, user=user).delete()[0])


def end_sessions(*, user: User, keep: str | None = None) -> int:
    """End all sessions of a person, or all but one."""
    return Session.objects.filter(user=user).exclude(pk=keep or "").delete()[0]


def forget_ended_sessions() -> int:
    """Drop rows of sessions that are over."""
    return Session.objects.filter(expire_date__lte=timezone.now()).delete()[0]
