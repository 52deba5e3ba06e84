"""Scorecards: of all, of one workflow, of one facility."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.accounts.exports import EXPORT, Extent, download
from apps.catalog.snapshot import Facility, Workflow
from apps.core.exports import Form
from apps.core.htmx import render_page
from apps.dashboard import tables
from apps.dashboard.charts import answer, answer_figures
from apps.dashboard.scope import Scope, scope_of
from apps.dashboard.scorecard import charts_of, scorecard
from apps.dashboard.subjects import PERIODS, Subject, read_subject


@require_safe
@needs("accounts.view_scorecards")
def scorecards(request: HttpRequest) -> HttpResponse:
    """Every workflow, or every facility, on one page."""
    return _page(request, None, None)


@require_safe
@needs("accounts.view_scorecards")
def workflow_scorecard(request: HttpRequest, workflow: str) -> HttpResponse:
    """One workflow at every facility of the reader's."""
    return _page(request, line_of(scope_of(request), workflow), None)


@require_safe
@needs("accounts.view_scorecards")
def facility_scorecard(request: HttpRequest, facility: str) -> HttpResponse:
    """Every workflow at one facility."""
    return _page(request, None, place_of(scope_of(request), facility))


@require_safe
@needs("accounts.view_scorecards")
def scorecard_chart(request: HttpRequest) -> HttpResponse:
    """One chart of a scorecard: its figure, its table; unnamed, the figures of all."""
    subject, name = _subject_of_query(request), request.GET.get("chart")
    charts = charts_of(subject)
    if name is None and request.GET.get("as") == "figure":
        return answer_figures(request, charts)
    found = next((one for one in charts if one.name == name), None)
    if found is None:
        raise Http404
    return answer(request, found, page=title(subject), back=address(subject) + subject.query())


@require_safe
@needs("accounts.view_scorecards", EXPORT)
def scorecard_table(request: HttpRequest, form: Form) -> HttpResponseBase:
    """The lines of a scorecard as a file."""
    subject = _subject_of_query(request)
    table = tables.scorecard(subject, scorecard(subject), tables.Reveals.to(request.user))
    extent = Extent([one.id for one in subject.places], PERIODS[subject.period][1], subject.now)
    return download(request, table, form, extent)


def _subject_of_query(request: HttpRequest) -> Subject:
    """The subject of an address that names workflow and facility in its query."""
    scope, query = scope_of(request), request.GET
    line = line_of(scope, query["workflow"]) if query.get("workflow") else None
    place = place_of(scope, query["facility"]) if query.get("facility") else None
    return read_subject(request, scope, line, place, now=timezone.now())


def _page(request: HttpRequest, line: Workflow | None, place: Facility | None) -> HttpResponse:
    scope, now = scope_of(request), timezone.now()
    subject = read_subject(request, scope, line, place, now=now)
    context: dict[str, Any] = {
        "subject": subject,
        "card": scorecard(subject),
        "title": title(subject),
        "here": address(subject),
        "sees_items": request.user.has_perm("accounts.view_transactions"),
    }
    return render_page(request, "dashboard/scorecard.html", "dashboard/_scorecard.html", context)


def line_of(scope: Scope, code: str) -> Workflow:
    """The workflow of that code, or 404."""
    line = scope.catalogue.workflows.get(code)
    if line is None:
        raise Http404
    return line


def place_of(scope: Scope, code: str) -> Facility:
    """The facility of that code; elsewhere and nowhere are the same 404."""
    place = scope.catalogue.facilities.get(code)
    if place is None or place.id not in scope.ids:
        raise Http404
    return place


def title(subject: Subject) -> str:
    """What a scorecard is called."""
    names = [one.name for one in (subject.line, subject.place) if one]
    return " at ".join(names) or "Scorecards"


def address(subject: Subject) -> str:
    """Where a scorecard is."""
    if subject.line and subject.place:
        return reverse("dashboard:cell", args=[subject.line.code, subject.place.code])
    if subject.line:
        return reverse("dashboard:scorecard", args=[subject.line.code])
    if subject.place:
        return reverse("dashboard:facility-scorecard", args=[subject.place.code])
    return reverse("dashboard:scorecards")
