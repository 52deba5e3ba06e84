"""One transaction across systems."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.catalog.models import Clock
from apps.core.htmx import render_page
from apps.dashboard import listing, queries, timeline
from apps.dashboard.scope import Scope, scope_of
from apps.telemetry.models import Transaction


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
