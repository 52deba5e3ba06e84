"""One transaction across systems."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.catalog.models import Clock
from apps.core.htmx import etag_of, render_page, unless_unchanged, wants_partial
from apps.dashboard import listing, queries, timeline
from apps.dashboard.scope import Scope, scope_of
from apps.dashboard.troubles import trouble
from apps.scorecards.windows import MINUTE, floor
from apps.telemetry.models import Transaction
from apps.triage.queries import cases_of

# How often a page that is left open asks whether something changed.
SECONDS_BETWEEN = 5
YOUNG, TICK = timedelta(minutes=10), timedelta(seconds=10)


@require_safe
@needs("accounts.view_transactions")
def transaction(request: HttpRequest, id: UUID) -> HttpResponse:
    """One transaction across systems. Elsewhere and nowhere give the same answer."""
    scope = scope_of(request)
    found = queries.transaction(facilities=scope.ids, id=id)
    if found is None:
        raise Http404
    now = timezone.now()
    version = _version(scope, found, now)
    # Who watches asks again every few seconds; what is unchanged costs no more than the look at it.
    unchanged = unless_unchanged(request, HttpResponse(), version)
    if unchanged.status_code == HTTPStatus.NOT_MODIFIED:
        return unchanged
    context = _transaction(scope, found, now=now) | {"version": version}
    response = render_page(
        request, "dashboard/transaction.html", "dashboard/_transaction.html", context
    )
    return unless_unchanged(request, response, version) if wants_partial(request) else response


def _version(scope: Scope, of: Transaction, now: datetime) -> str:
    """What the page depends on. Ages of open ones count as well: by the minute, by seconds at
    first."""
    moment = floor(now, MINUTE if now - of.first_at > YOUNG else TICK) if of.is_open else None
    facts = (of.pk, of.events, of.state, of.sla, of.business_sla, of.overdue_at, of.expired_at)
    return etag_of(repr((facts, moment, scope.catalogue.version, scope.ids)).encode())


def _transaction(scope: Scope, found: Transaction, *, now: datetime) -> dict[str, Any]:
    place = scope.catalogue.facilities_by_id[found.facility_id]
    catalogue, zone = scope.catalogue, ZoneInfo(place.time_zone)
    events, everywhere = queries.events(found), scope.is_everything
    receipts = queries.receipts(events, facilities=scope.ids, everywhere=everywhere)
    names = dict(Clock.objects.filter(workflow=found.workflow_id).values_list("kind", "name"))
    clocks = timeline.clocks(found, names, now=now)
    wrong = [trouble(case) for case in cases_of(found.pk)]
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
        "siblings": listing.sibling_rows(
            queries.siblings(found, facilities=scope.ids), catalogue=catalogue, zone=zone, now=now
        ),
        "troubles": [one for one in wrong if not one.over_at],
        "healed": [one for one in wrong if one.over_at],
        "seconds": SECONDS_BETWEEN,
        "receipts": listing.receipt_rows(receipts, zone=zone, now=now),
    }
