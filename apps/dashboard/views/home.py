"""Where a reader begins, the honesty strip, and the page that says no."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.access import needs
from apps.accounts.roles import roles_with
from apps.core.htmx import render_page, unless_unchanged, wants_partial
from apps.dashboard.denial import GIVE_ROLES, denial
from apps.dashboard.navigation import navigation
from apps.dashboard.scope import scope_of
from apps.dashboard.strip import strip_of

# What static/js/app.js and, where there are cases, cases.js understand.
KEYS = (
    ("/", "", "Search"),
    ("j", "k", "Next row, previous row"),
    ("Enter", "o", "Open the row"),
    ("x", "Shift x", "Select the exception, or all up to it"),
    ("u", "", "Back to the list"),
    ("n", "", "Take the next best case"),
    ("i", "", "Take a case, or give it back"),
    ("r", "p", "Resolve a case, put it aside"),
    ("a", "d", "Assign a case, dismiss it"),
    ("c", "z", "Note on a case, undo the last act"),
    ("Esc", "", "Close, or select nothing"),
    ("?", "", "This list"),
)


@require_safe
@needs()
def home(request: HttpRequest) -> HttpResponse:
    """Where a role begins: the first page that it may open."""
    links = navigation(request)
    if not links:
        return render(request, "dashboard/no_role.html", {"givers": roles_with(GIVE_ROLES)})
    return redirect(links[0].address)


@require_safe
@needs()
def keys(request: HttpRequest) -> HttpResponse:
    """Every key of the keyboard, with where it leads this reader."""
    context = {"links": navigation(request), "keys": KEYS}
    return render_page(request, "dashboard/keys.html", "dashboard/_keys.html", context)


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The 403 of every page. A swap does not show it, so htmx is told to leave for it."""
    if wants_partial(request) and request.method in ("GET", "HEAD"):
        response: HttpResponse = HttpResponseClientRedirect(request.get_full_path())
        response.status_code = 403
    else:
        response = render(request, "403.html", {"denial": denial(exception)}, status=403)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
@needs()
def strip(request: HttpRequest) -> HttpResponse:
    """The honesty strip by itself."""
    context = {"strip": strip_of(scope_of(request), now=timezone.now())}
    return unless_unchanged(request, render(request, "_strip.html", context))
