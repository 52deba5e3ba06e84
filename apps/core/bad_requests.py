"""What no page can mean is refused in one place, and the API says every refusal as a problem."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.defaults import bad_request

from apps.core.problem import CONTENT_TYPE, problem

log = logging.getLogger(__name__)

API = "/api/v1"
CODES = {
    400: ("bad_request", "The request makes no sense as it stands."),
    403: ("forbidden", "This is not yours to do."),
    404: ("not_found", "There is nothing under this address."),
    405: ("method_not_allowed", "Another method is needed here; Allow names it."),
    500: ("internal_error", "The fault is ours. Nothing is known to have changed."),
}
KEPT = ("Allow", "Vary", "WWW-Authenticate", "Retry-After")


class BadRequestMiddleware:
    """Answers 400 to NUL in an address, and to what the database cannot even be asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if holds_nul(request):
            response: HttpResponseBase = bad_request(request, ValueError())
        else:
            response = self.get_response(request)
        return as_problem(response) if request.path_info.startswith(API) else response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The administration looks up whatever an address or a form says: broken expressions, and
        rows by what is no number."""
        is_unreadable = isinstance(error, DataError) and request.GET
        if not (is_unreadable or is_no_number(request, error)):
            return None
        log.warning("refused: the database cannot read what %s asks", request.path_info)
        return bad_request(request, error)


def is_no_number(request: HttpRequest, error: Exception) -> bool:
    """Whether a widget of the administration was sent a row's id that nobody could have chosen."""
    match = request.resolver_match
    is_inside = match is not None and match.app_name == "admin"
    return is_inside and isinstance(error, ValueError) and "expected a number" in str(error)


def holds_nul(request: HttpRequest) -> bool:
    """PostgreSQL's text has no NUL, so nothing can be found by one."""
    return "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")


def as_problem(response: HttpResponseBase) -> HttpResponseBase:
    """An error as programs read it, whoever in Django made a page of it."""
    status = response.status_code
    is_ready = response.headers.get("Content-Type") == CONTENT_TYPE
    if status not in CODES or is_ready or (settings.DEBUG and status == 500):
        return response
    kept = {name: response.headers[name] for name in KEPT if name in response.headers}
    code, detail = CODES[status]
    return problem(status, code, detail, headers=kept)
