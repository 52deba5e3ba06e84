"""The pages: the board, the transactions of a cell, one transaction; and the one that says no."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.access import needs
from apps.catalog.models import Clock
from apps.catalog.snapshot import Facility, Workflow
from apps.core.htmx import render_page, unless_unchanged, wants_partial
from apps.dashboard import board, heat, listing, queries, timeline
from apps.dashboard import status as system
from apps.dashboard.denial import GIVE_ROLES, denial, roles_with
from apps.dashboard.navigation import navigation
from apps.dashboard.scope import Scope, scope_of
from apps.dashboard.strip import strip_of
from apps.scorecards import queries as scorecards
from apps.scorecards.objectives import objectives_at
from apps.scorecards.windows import named_window
from apps.telemetry.models import Transaction


@require_safe
@needs()
def home(request: HttpRequest) -> HttpResponse:
    """Where a role begins: the first page that it may open."""
    links = navigation(request)
    if not links:
        return render(request, "dashboard/no_role.html", {"givers": roles_with(GIVE_ROLES)})
    return redirect(links[0].address)


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


def _flow(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    chosen, shown = _shown(request, now)
    return _frame(now, scope_of(request), chosen) | {
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


def _frame(now: datetime, scope: Scope, chosen: board.Selection) -> dict[str, Any]:
    """What every page with a choice of window needs."""
    return {
        "now": now,
        "scope": scope,
        "chosen": chosen,
        "windows": board.WINDOWS,
        "window_name": board.WINDOWS[chosen.window][1],
    }


@require_safe
@needs()
def strip(request: HttpRequest) -> HttpResponse:
    """The honesty strip by itself."""
    context = {"strip": strip_of(scope_of(request), now=timezone.now())}
    return unless_unchanged(request, render(request, "_strip.html", context))


@require_safe
@needs("accounts.view_system_status")
def status(request: HttpRequest) -> HttpResponse:
    """How the product itself runs."""
    context = {"picture": system.picture(now=timezone.now())}
    page = render_page(request, "dashboard/status.html", "dashboard/_status.html", context)
    return unless_unchanged(request, page)


@require_safe
@needs("accounts.view_scorecards")
def cell(request: HttpRequest, workflow: str, facility: str) -> HttpResponse:
    """One workflow at one facility: its figures, and for who may see single ones what is open."""
    now = timezone.now()
    scope = scope_of(request)
    line, place = _line_and_place(scope, workflow, facility)
    chosen = board.selection(scope, window=request.GET.get("window", ""), places="")
    sees_items = request.user.has_perm("accounts.view_transactions")
    context = (
        _frame(now, scope, chosen)
        | _card(line, place, chosen, now=now)
        | {"zone": ZoneInfo(place.time_zone), "sees_items": sees_items}
        | (_listed(request, scope, line, place, now) if sees_items else {})
    )
    return render_page(request, "dashboard/cell.html", "dashboard/_cell.html", context)


def _listed(
    request: HttpRequest, scope: Scope, line: Workflow, place: Facility, now: datetime
) -> dict[str, Any]:
    """The transactions of a cell: what is open, or what is new."""
    is_recent = request.GET.get("show") == "recent"
    read = queries.recent_transactions if is_recent else queries.open_transactions
    mark = listing.read_mark(request.GET.get("after", ""))
    found = read(facility_id=place.id, workflow_id=line.id, after=mark)
    zone = ZoneInfo(place.time_zone)
    return {
        "is_recent": is_recent,
        "rows": listing.transaction_rows(found, catalogue=scope.catalogue, zone=zone, now=now),
        "is_first": mark is None,
        "next": listing.next_mark(found),
    }


def _card(
    line: Workflow, place: Facility, chosen: board.Selection, *, now: datetime
) -> dict[str, Any]:
    """The scorecard of one cell, as tiles."""
    window = named_window(chosen.window, end=None, now=now)
    zones = {place.id: place.time_zone}
    total = scorecards.glance(zones=zones, workflow_ids=[line.id], window=window).total
    objective = objectives_at(now).get((line.id, place.id))
    return {
        "line": line,
        "place": place,
        "tiles": board.tiles(total, window, now),
        "tone": heat.tone(total, objective),
        "objective": objective,
    }


def _line_and_place(scope: Scope, workflow: str, facility: str) -> tuple[Workflow, Facility]:
    line = scope.catalogue.workflows.get(workflow)
    place = scope.catalogue.facilities.get(facility)
    if line is None or place is None or place.id not in scope.ids:
        raise Http404
    return line, place


@require_safe
@needs("accounts.view_transactions")
def transaction(request: HttpRequest, id: UUID) -> HttpResponse:
    """One transaction across systems. Elsewhere and nowhere give the same answer."""
    scope = scope_of(request)
    found = queries.transaction(facilities=scope.ids, id=id)
    if found is None:
        raise Http404
    context = _transaction(scope, found, now=timezone.now())
    return render_page(
        request, "dashboard/transaction.html", "dashboard/_transaction.html", context
    )


def _transaction(scope: Scope, found: Transaction, *, now: datetime) -> dict[str, Any]:
    place = scope.catalogue.facilities_by_id[found.facility_id]
    catalogue, zone = scope.catalogue, ZoneInfo(place.time_zone)
    events = queries.events(found)
    names = dict(Clock.objects.filter(workflow=found.workflow_id).values_list("kind", "name"))
    clocks = timeline.clocks(found, names, now=now)
    return {
        "now": now,
        "transaction": found,
        "line": catalogue.workflows_by_id[found.workflow_id],
        "place": place,
        "zone": zone,
        "state": timeline.STATES[Transaction.State(found.state)],
        "is_reopened": queries.is_reopened(found),
        "foremost": timeline.foremost(clocks),
        "amount": listing.amount(found),
        "amount_kind": listing.amount_kind(found),
        "timeline": timeline.timeline(found, events, catalogue=catalogue, zone=zone, now=now),
        "clocks": clocks,
        "events": listing.event_rows(events, catalogue=catalogue, zone=zone, now=now),
        "business_keys": queries.business_keys(found),
        "receipts": listing.receipt_rows(queries.receipts(events), zone=zone, now=now),
    }
