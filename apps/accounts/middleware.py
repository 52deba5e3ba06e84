"""Deny by default: nobody opens a view that does not say who may. Refusals are on record."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts import origin
from apps.accounts.access import Denied, is_declared
from apps.accounts.acts import Act
from apps.accounts.enrolment import OPEN, must_enrol
from apps.accounts.models import Session
from apps.accounts.services import audit
from apps.accounts.sessions import touch
from apps.core.htmx import SignInRequiredMiddleware

log = logging.getLogger(__name__)


class AccessMiddleware(SignInRequiredMiddleware):
    """Sends strangers to sign in, and refuses views that declare nothing."""

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        response = super().process_view(request, view_func, view_args, view_kwargs)
        if response is None and not is_declared(view_func):
            log.error("refused: %s does not say who may open it", view_func.__qualname__)
            raise Denied
        if response is None and is_closed(request, view_func):
            return to_enrolment(request)
        return response


def is_closed(request: HttpRequest, view: Any) -> bool:
    """Whether a page waits for the second factor that its reader must have. Views of the API are
    public as far as Django knows; they ask when they know whether a token decides."""
    is_public = not getattr(view, "login_required", True)
    return not is_public and not hasattr(view, OPEN) and must_enrol(request)


def to_enrolment(request: HttpRequest) -> HttpResponseBase:
    """Leads to the one page that opens."""
    response = redirect("mfa_index")
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(response.url)
    return response


def activity_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """What a person asks keeps their session alive, what a page asks by itself does not.

    The answer says in how many seconds the session ends, so that a page can say so in time.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        row: Session | None = getattr(request.session, "row", None)
        if row is not None and row.user_id is not None:
            if "X-Poll" not in request.headers:
                touch(row)
            left = (row.expire_date - timezone.now()).total_seconds()
            response.headers["X-Session-Ends"] = str(max(0, round(left)))
        return response

    return middleware


class AuditMiddleware:
    """Tells the audit trail where a request comes from, and what it was refused."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        entered = origin.enter(origin.of_request(request))
        try:
            response = self.get_response(request)
            if response.status_code in REFUSALS and request.resolver_match:
                needed = getattr(request, "needed", "")
                note_refusal(request, REFUSALS[response.status_code], needed)
            return response
        finally:
            origin.leave(entered)

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        """Before the page that says no, which names the row."""
        if isinstance(error, PermissionDenied):
            note_refusal(request, Act.ACCESS_REFUSED, getattr(error, "missing", ""))


# Elsewhere and nowhere give the same answer; whoever tries many addresses is seen here.
REFUSALS = {403: Act.ACCESS_REFUSED, 404: Act.ACCESS_NOT_FOUND}


def note_refusal(request: HttpRequest, act: Act, missing: str = "") -> None:
    """Once a request, and once a minute of a person and a page: the page, never its address."""
    if hasattr(request, "refusal"):
        return
    match = request.resolver_match
    page = match.view_name or match.route if match else ""
    facts = {"method": request.method} | ({"needs": missing} if missing else {})
    row = audit.record_lately(request.user, act, on=f"page:{page}", facts=facts)
    request.refusal = row  # type: ignore[attr-defined]
