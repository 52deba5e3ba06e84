"""What Django announces, put on record: sign-ins, and every change in the administration."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from apps.accounts import queries
from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit

TELL = "If you did not ask for it, tell an administrator or an auditor now."
IN_ADMINISTRATION = {
    ADDITION: Act.ADMIN_ADDED,
    CHANGE: Act.ADMIN_CHANGED,
    DELETION: Act.ADMIN_DELETED,
}


@receiver(user_logged_in)
def signed_in(user: User, request: HttpRequest | None = None, **_: Any) -> None:
    reset = queries.reset_since_last_sign_in(user)
    if reset and request:
        by = f" by {reset.actor}" if reset.actor else " on the server"
        text = f"Your second factors were taken away on {reset.at:%d %b %Y, %H:%M} UTC{by}. {TELL}"
        messages.warning(request, text, fail_silently=True)
    audit.record(user, Act.SIGNED_IN, on=f"user:{user.pk}")


@receiver(user_logged_out)
def signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        audit.record(user, Act.SIGNED_OUT, on=f"user:{user.pk}")


@receiver(user_login_failed)
def sign_in_failed(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Only accounts that exist are named: what was typed may be a password in the wrong field."""
    named = credentials.get("username") or ""
    # PostgreSQL's text has no NUL, so nobody is called by one.
    found = User.objects.filter(username=str(named).replace("\0", "")).first()
    audit.record_lately(None, Act.SIGN_IN_FAILED, on=f"user:{found.pk}" if found else "")


@receiver(post_save, sender=LogEntry)
def administered(instance: LogEntry, created: bool, **_: Any) -> None:
    """The administration keeps a log of its own, which anybody with the database may edit."""
    if not created:
        return
    kind = instance.content_type
    changed = instance.get_change_message() if instance.action_flag == CHANGE else ""
    audit.record(
        instance.user,
        IN_ADMINISTRATION[instance.action_flag],
        on=f"{kind.model if kind else 'row'}:{instance.object_id}",
        facts={"changed": changed} if changed else None,
    )
