"""One workflow at one facility."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.catalog.snapshot import Facility, Workflow
from apps.core.htmx import render_page
from apps.dashboard import board, heat, listing, queries
from apps.dashboard.scope import Scope, scope_of
from apps.dashboard.views.frame import frame
from apps.scorecards import queries as scorecards
from apps.scorecards.objectives import objectives_at
from apps.scorecards.windows import named_window


@require_safe
@needs("accounts.view_scorecards")
def cell(request: HttpRequest, workflow: str, facility: str) -> HttpResponse:
    """One workflow at one facility: its figures, and for who may see single ones what is open."""
    now = timezone.now()
    scope = scope_of(request)
    line, place = line_and_place(scope, workflow, facility)
    chosen = board.selection(scope, window=request.GET.get("window", ""), places="")
    sees_items = request.user.has_perm("accounts.view_transactions")
    context = (
        frame(now, scope, chosen)
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


def line_and_place(scope: Scope, workflow: str, facility: str) -> tuple[Workflow, Facility]:
    """What an address names; elsewhere and nowhere give the same answer."""
    line = scope.catalogue.workflows.get(workflow)
    place = scope.catalogue.facilities.get(facility)
    if line is None or place is None or place.id not in scope.ids:
        raise Http404
    return line, place
