"""The tables of the pages as files."""

from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.accounts.exports import EXPORT, Extent, download
from apps.core.exports import Form
from apps.dashboard import board, queries, tables
from apps.dashboard.flow import charts
from apps.dashboard.scope import scope_of
from apps.dashboard.views.cell import line_and_place


@require_safe
@needs("accounts.view_scorecards", EXPORT)
def flow_table(request: HttpRequest, form: Form) -> HttpResponseBase:
    """The cells of the matrix."""
    now, scope = timezone.now(), scope_of(request)
    chosen = board.selection(
        scope, window=request.GET.get("window", ""), places=request.GET.get("places", "")
    )
    table = tables.cells(scope, chosen, tables.Reveals.to(request.user), now=now)
    places = [place.id for place in chosen.places.facilities]
    return download(request, table, form, Extent(places, board.WINDOWS[chosen.window][1], now))


@require_safe
@needs("accounts.view_scorecards", EXPORT)
def flow_chart_table(request: HttpRequest, name: str, form: Form) -> HttpResponseBase:
    """The rows behind one chart of the flow page."""
    now, scope = timezone.now(), scope_of(request)
    chosen = board.selection(
        scope, window=request.GET.get("window", ""), places=request.GET.get("places", "")
    )
    trends, _ = charts.trends(scope, chosen, now=now)
    chart = trends.named(name)
    if chart is None:
        raise Http404
    places = [place.id for place in chosen.places.facilities]
    extent = Extent(places, board.WINDOWS[chosen.window][1], now)
    return download(request, chart.exported, form, extent)


@require_safe
@needs("accounts.view_transactions", EXPORT)
def cell_table(request: HttpRequest, workflow: str, facility: str, form: Form) -> HttpResponseBase:
    """The list of a cell: not a page of it, all of it, as far as a role may take it."""
    now, scope = timezone.now(), scope_of(request)
    line, place = line_and_place(scope, workflow, facility)
    is_recent = request.GET.get("show") == "recent"
    table = tables.transactions(scope.catalogue, line, place, is_recent=is_recent, now=now)
    period = "what started last, newest first" if is_recent else "what is open, oldest first"
    return download(request, table, form, Extent([place.id], period, now))


@require_safe
@needs("accounts.view_transactions", EXPORT)
def events_table(request: HttpRequest, id: UUID, form: Form) -> HttpResponseBase:
    """Every event of one transaction."""
    scope = scope_of(request)
    found = queries.transaction(facilities=scope.ids, id=id)
    if found is None:
        raise Http404
    table = tables.events(scope.catalogue, found)
    return download(request, table, form, Extent([found.facility_id], "all of it", timezone.now()))
