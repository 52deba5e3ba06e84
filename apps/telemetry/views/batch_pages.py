"""What senders were acknowledged, batch by batch: a list, one of them, and another attempt."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.access import covers_everything, facilities_for, needs
from apps.accounts.acts import Act
from apps.accounts.services import audit
from apps.core.doorbell import ring
from apps.core.htmx import render_page
from apps.telemetry import journal, queries
from apps.telemetry.access import person
from apps.telemetry.forms.batches import BatchFilter

PAGE, REJECTIONS = 50, 200


@require_safe
@needs("accounts.view_transactions")
def index(request: HttpRequest) -> HttpResponse:
    reader, before = _reader(request), _id(request.GET.get("before", ""))
    sources = queries.sources_within(facilities=reader.facilities, everywhere=reader.everywhere)
    form = BatchFilter(request.GET, sources=sources)
    chosen = form.chosen()
    found = queries.latest_batches(reader=reader, before=before, most=PAGE + 1, **chosen)
    context = {
        "batches": found[:PAGE],
        "next": found[PAGE - 1].id if len(found) > PAGE else None,
        "facilities": reader.facilities,
        "form": form,
        "is_filtered": any(value is not None for value in chosen.values()),
    }
    return render_page(request, "telemetry/batches.html", "telemetry/_batches.html", context)


@require_safe
@needs("accounts.view_transactions")
def batch(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _find(request, pk)
    reader = _reader(request)
    refused = queries.quarantined(facilities=reader.facilities, everywhere=reader.everywhere)
    may_see = request.user.has_perm("accounts.view_quarantine")
    items = refused.filter(batch_id=pk).order_by("index") if may_see else refused.none()
    context = {"batch": found, "items": items[:REJECTIONS], "attempts": journal.ATTEMPTS}
    return render(request, "telemetry/batch.html", context)


@require_POST
@needs("accounts.retry_batches")
@transaction.atomic
def fold_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _find(request, pk)
    if journal.retry_failed(only=found.id):
        ring()
        audit.record(person(request), Act.BATCH_RETRIED, on=f"batch:{found.id}")
        messages.success(request, "It waits to be folded again, with three more attempts.")
    else:
        messages.error(request, "It has not failed, or somebody was faster.")
    return redirect("telemetry:batch-page", found.id)


def _find(request: HttpRequest, pk: UUID) -> queries.BatchRow:
    found = queries.find_batch(pk, reader=_reader(request))
    if found is None:
        raise Http404
    return found


def _reader(request: HttpRequest) -> queries.Reader:
    facilities = facilities_for(request.user)
    return queries.Reader(facilities, covers_everything(facilities))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
