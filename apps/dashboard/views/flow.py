"""Flow health: the board of workflows and facilities."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.core.htmx import render_page, unless_unchanged, wants_partial
from apps.dashboard import board
from apps.dashboard import flow_charts as charts
from apps.dashboard.charts import answer
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
    shown = board.shown(request, scope_of(request), _chosen(request), now=timezone.now())
    response = unless_unchanged(request, HttpResponse(shown.html), shown.etag)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
@needs("accounts.view_scorecards")
def flow_charts(request: HttpRequest) -> HttpResponse:
    """Every chart of the page in words, for the page that asks again."""
    if not wants_partial(request):
        return flow(request)
    now = timezone.now()
    chosen = _chosen(request)
    found = charts.flow_charts(scope_of(request), chosen, now=now)
    page = render(request, "dashboard/_flow_charts.html", {"charts": found, "chosen": chosen})
    response = unless_unchanged(request, page, found.version)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
@needs("accounts.view_scorecards")
def flow_chart(request: HttpRequest, name: str) -> HttpResponse:
    """One chart of the page: its figure, its table."""
    chosen = _chosen(request)
    found = charts.flow_charts(scope_of(request), chosen, now=timezone.now())
    chart = found.named(name)
    if chart is None:
        raise Http404
    back = reverse("dashboard:flow") + chosen.query
    return answer(request, chart, page="Flow health", back=back)


def _flow(request: HttpRequest) -> dict[str, Any]:
    now, scope, chosen = timezone.now(), scope_of(request), _chosen(request)
    shown = board.shown(request, scope, chosen, now=now)
    return frame(now, scope, chosen) | {
        "places_address": reverse("dashboard:flow"),
        "board": shown.html,
        "version": shown.etag,
        "picture": shown.picture,
        "charts": charts.flow_charts(scope, chosen, now=now),
    }


def _chosen(request: HttpRequest) -> board.Selection:
    """What the reader chose to look at."""
    return board.selection(
        scope_of(request),
        window=request.GET.get("window", ""),
        places=request.GET.get("places", ""),
    )
