"""Flow health: the board of workflows and facilities."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.accounts.exports import EXPORT, Extent, download
from apps.core.exports import Form
from apps.core.htmx import render_page, unless_unchanged, wants_partial
from apps.dashboard import board, tables
from apps.dashboard.scope import scope_of
from apps.dashboard.views.frame import frame


@require_safe
@needs("accounts.view_scorecards")
def flow(request: HttpRequest) -> HttpResponse:
    """The matrix with everything around it; an htmx swap gets it without the frame."""
    return render_page(request, "dashboard/flow.html", "dashboard/_flow.html", _flow(request))


@require_safe
@needs("accounts.view_scorecards")
def flow_board(request: HttpRequest) -> HttpResponse:
    """Only the figures, for the page that asks again every second."""
    if not wants_partial(request):
        return flow(request)
    _, shown = _shown(request, timezone.now())
    response = unless_unchanged(request, HttpResponse(shown.html), shown.etag)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
@needs("accounts.view_scorecards", EXPORT)
def flow_table(request: HttpRequest, form: Form) -> HttpResponseBase:
    """The cells of the matrix as a file."""
    now = timezone.now()
    scope = scope_of(request)
    chosen = board.selection(
        scope, window=request.GET.get("window", ""), places=request.GET.get("places", "")
    )
    table = tables.cells(scope, chosen, now=now)
    places = [place.id for place in chosen.places.facilities]
    return download(request, table, form, Extent(places, board.WINDOWS[chosen.window][1], now))


def _flow(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    chosen, shown = _shown(request, now)
    return frame(now, scope_of(request), chosen) | {
        "board": shown.html,
        "version": shown.etag,
        "picture": shown.picture,
    }


def _shown(request: HttpRequest, now: datetime) -> tuple[board.Selection, board.Shown]:
    """What the reader chose to look at, and the board of it."""
    scope = scope_of(request)
    chosen = board.selection(
        scope, window=request.GET.get("window", ""), places=request.GET.get("places", "")
    )
    return chosen, board.shown(request, scope, chosen, now=now)
