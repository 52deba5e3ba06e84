"""One workflow at one facility."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.catalog.snapshot import Facility, Workflow
from apps.core.htmx import render_page
from apps.dashboard import listing, queries
from apps.dashboard.scope import Scope, scope_of
from apps.dashboard.scorecard import scorecard
from apps.dashboard.subjects import PERIODS, Subject, read_subject
from apps.dashboard.views.scorecards import line_of, place_of


@require_safe
@needs("accounts.view_scorecards")
def cell(request: HttpRequest, workflow: str, facility: str) -> HttpResponse:
    """One workflow at one facility: its scorecard, and for who may see single ones what is open."""
    scope = scope_of(request)
    line, place = line_and_place(scope, workflow, facility)
    subject = read_subject(request, scope, line, place, now=timezone.now())
    sees_items = request.user.has_perm("accounts.view_transactions")
    context = {
        "subject": subject,
        "card": scorecard(subject),
        "line": line,
        "place": place,
        "zone": subject.zone,
        "now": subject.now,
        "window_name": PERIODS[subject.period][1],
        "sees_items": sees_items,
    } | (_listed(request, scope, subject) if sees_items else {})
    return render_page(request, "dashboard/cell.html", "dashboard/_cell.html", context)


def _listed(request: HttpRequest, scope: Scope, subject: Subject) -> dict[str, Any]:
    """The transactions of a cell: what is open, or what is new."""
    is_recent = request.GET.get("show") == "recent"
    read = queries.recent_transactions if is_recent else queries.open_transactions
    mark = listing.read_mark(request.GET.get("after", ""))
    [line], [place] = subject.lines, subject.places
    found = read(facility_id=place.id, workflow_id=line.id, after=mark)
    return {
        "is_recent": is_recent,
        "rows": listing.transaction_rows(
            found, catalogue=scope.catalogue, zone=subject.zone, now=subject.now
        ),
        "is_first": mark is None,
        "next": listing.next_mark(found),
    }


def line_and_place(scope: Scope, workflow: str, facility: str) -> tuple[Workflow, Facility]:
    """What an address names; elsewhere and nowhere give the same answer."""
    return line_of(scope, workflow), place_of(scope, facility)
