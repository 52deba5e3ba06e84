"""Flow health: the board of workflows and facilities."""

from datetime import datetime
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
from apps.dashboard.charts import answer, answer_figures
from apps.dashboard.flow import board as flow_health
from apps.dashboard.flow import charts
from apps.dashboard.middleware import of_figures
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
    shown = flow_health.shown(request, scope_of(request), _chosen(request), now=timezone.now())
    response = unless_unchanged(request, HttpResponse(shown.html), shown.etag)
    patch_vary_headers(response, ["HX-Request"])
    return of_figures(response, scope_of(request).ids)


@require_safe
@needs("accounts.view_scorecards")
def flow_charts(request: HttpRequest) -> HttpResponse:
    """What lies below the board, for the page that asks again; with `as=figure` what is drawn."""
    if request.GET.get("as") == "figure":
        trends, _ = charts.trends(scope_of(request), _chosen(request), now=timezone.now())
        return answer_figures(request, trends.charts)
    if not wants_partial(request):
        return flow(request)
    now, chosen = timezone.now(), _chosen(request)
    context = _trends(request, chosen, now)
    response = render(request, "dashboard/_flow_charts.html", context)
    patch_vary_headers(response, ["HX-Request"])
    response = unless_unchanged(request, response, context["trends_version"])
    return of_figures(response, scope_of(request).ids)


@require_safe
@needs("accounts.view_scorecards")
def flow_chart(request: HttpRequest, name: str) -> HttpResponse:
    """One chart of the page: its figure, its table."""
    chosen = _chosen(request)
    trends, _ = charts.trends(scope_of(request), chosen, now=timezone.now())
    chart = trends.named(name)
    if chart is None:
        raise Http404
    back = reverse("dashboard:flow") + chosen.query
    return answer(request, chart, page="Flow health", back=back)


def _trends(request: HttpRequest, chosen: board.Selection, now: datetime) -> dict[str, Any]:
    """What lies below the board."""
    scope = scope_of(request)
    trends, version = charts.trends(scope, chosen, now=now)
    return {"trends": trends, "trends_version": version, "chosen": chosen, "scope": scope}


def _flow(request: HttpRequest) -> dict[str, Any]:
    now, scope, chosen = timezone.now(), scope_of(request), _chosen(request)
    shown = flow_health.shown(request, scope, chosen, now=now)
    return frame(now, scope, chosen) | {
        "places_address": reverse("dashboard:flow"),
        "board": shown.html,
        "version": shown.etag,
        "picture": shown.picture,
        **_trends(request, chosen, now),
    }


def _chosen(request: HttpRequest) -> board.Selection:
    """What the reader chose to look at."""
    return board.selection(
        scope_of(request),
        window=request.GET.get("window", ""),
        places=request.GET.get("places", ""),
    )
