"""Where somebody is signed in, and how they end it."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from apps.accounts.access import needs
from apps.accounts.acts import Act
from apps.accounts.devices import device
from apps.accounts.models import Session
from apps.accounts.services.audit import record
from apps.accounts.services.sessions import end_session, end_sessions, live_sessions
from apps.accounts.views.security import signed_in


@dataclass(frozen=True, slots=True)
class Row:
    """One session as its owner reads it."""

    handle: str
    device: str
    address: str
    started_at: datetime
    last_active_at: datetime
    ends_at: datetime
    is_this: bool


@require_safe
@needs()
def sessions(request: HttpRequest) -> HttpResponse:
    key = request.session.session_key
    rows = [
        row_of(one, is_this=one.session_key == key) for one in live_sessions(signed_in(request))
    ]
    rows.sort(key=lambda row: not row.is_this)
    return render(request, "accounts/sessions.html", {"rows": rows, "others": len(rows) - 1})


def row_of(one: Session, *, is_this: bool) -> Row:
    return Row(one.handle, device(one.agent), one.address or "", one.started_at,
               one.last_active_at, one.expire_date, is_this)  # fmt: skip


@require_POST
@needs()
def end(request: HttpRequest, handle: str) -> HttpResponse:
    """End one. Somebody else's is not found; one that just ended by itself is not, either."""
    if not end_session(user=signed_in(request), handle=handle):
        raise Http404
    record(request.user, Act.SESSION_ENDED)
    messages.success(request, "The session is ended.")
    return redirect("accounts:sessions")


@require_POST
@needs()
def end_others(request: HttpRequest) -> HttpResponse:
    count = end_sessions(user=signed_in(request), keep=request.session.session_key)
    record(request.user, Act.SESSION_ENDED, facts={"sessions": count})
    messages.success(request, "All your other sessions are ended.")
    return redirect("accounts:sessions")


@require_POST
@needs()
def stay(request: HttpRequest) -> HttpResponse:
    """Nothing but activity. What the page said of the end is looked at again."""
    return trigger_client_event(HttpResponse(status=204), "refresh")
