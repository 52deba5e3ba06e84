"""Acts on every refused event of a selection: what it would do, its progress, its undoing."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from apps.accounts.access import covers_everything, facilities_for, needs
from apps.core.htmx import render_page
from apps.telemetry import queries
from apps.telemetry.access import person
from apps.telemetry.forms import BulkForm, FilterForm
from apps.telemetry.models import QuarantineOperation
from apps.telemetry.refusals import FOUND_LATE, label_of
from apps.telemetry.services import operations
from apps.telemetry.services.quarantine import UNDO_FOR

SHOWN = 50


@require_safe
@needs("accounts.resolve_quarantine")
def index(request: HttpRequest) -> HttpResponse:
    """What was done to many at once, by people who see what the reader sees."""
    facilities = facilities_for(request.user)
    mine = QuarantineOperation.objects.select_related("asked_by", "source", "facility")
    if not covers_everything(facilities):
        mine = mine.filter(scope__contained_by=list(facilities))
    return render(
        request, "telemetry/operations.html", {"operations": mine.order_by("-id")[:SHOWN]}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs("accounts.resolve_quarantine")
def bulk(request: HttpRequest) -> HttpResponse:
    """The address names the selection; the form what to do with it, as it was when looked at."""
    facilities = facilities_for(request.user)
    everywhere = covers_everything(facilities)
    visible = queries.quarantined(facilities=facilities, everywhere=everywhere)
    filters = FilterForm(request.GET, sources=queries.sources_of(visible), facilities=facilities)
    selection = filters.selection()
    if selection is None:
        return redirect("telemetry:quarantine")
    preview = queries.preview(selection, facilities=facilities, everywhere=everywhere)
    form = BulkForm(request.POST or None, total=preview.total, initial={"last": preview.last_id})
    if form.is_valid():
        plan = form.plan()
        scope = None if everywhere else facilities
        try:
            begun = operations.begin(
                selection, plan, scope=scope, by=person(request), last=form.cleaned_data["last"]
            )
        except operations.NothingToDo:
            messages.error(request, "Nothing is left of it: somebody was faster.")
            return redirect("telemetry:quarantine")
        return redirect("telemetry:operation", begun)
    context = {
        "selection": selection,
        "label": label_of(selection.code),
        "preview": preview,
        "form": form,
        "can_be_sent": selection.code not in FOUND_LATE,
        "back": f"{reverse('telemetry:quarantine')}?{request.GET.urlencode()}",
        "minutes": UNDO_FOR.seconds // 60,
    }
    return render(request, "telemetry/bulk.html", context)


@require_safe
@needs("accounts.resolve_quarantine")
def operation(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _find(request, pk)
    context = {"operation": found, "can_undo": _can_undo(found), "minutes": UNDO_FOR.seconds // 60}
    answer = render_page(
        request, "telemetry/operation.html", "telemetry/_bulk_progress.html", context
    )
    # Whoever watches it end would otherwise read the old count in the strip for a while.
    return answer if found.is_active else trigger_client_event(answer, "refresh")


@require_POST
@needs("accounts.resolve_quarantine")
def take_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _find(request, pk)
    try:
        operations.take_back(found.pk, by=person(request))
    except operations.TooLate:
        messages.error(request, "This cannot be undone any more.")
    return redirect("telemetry:operation", found.pk)


def _find(request: HttpRequest, pk: UUID) -> QuarantineOperation:
    """Who may see all it was about may see it."""
    facilities = facilities_for(request.user)
    rows = QuarantineOperation.objects.select_related("asked_by", "source", "facility")
    found = get_object_or_404(rows, pk=pk)
    is_inside = found.scope is not None and set(found.scope) <= set(facilities)
    if not (covers_everything(facilities) or is_inside):
        raise Http404
    return found


def _can_undo(found: QuarantineOperation) -> bool:
    if found.state == found.State.WAITING:
        return True
    is_recent = found.finished_at is not None and found.finished_at > now() - UNDO_FOR
    return found.act == found.Act.DISCARD and found.state == found.State.DONE and is_recent
