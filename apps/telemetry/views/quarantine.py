"""The quarantine's pages: list, detail, correct, discard."""

from contextlib import suppress
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.access import facilities_for, needs
from apps.core.htmx import render_page
from apps.telemetry import queries
from apps.telemetry.access import covers_everything, person
from apps.telemetry.forms import CorrectionForm, DiscardForm, FilterForm
from apps.telemetry.models import Quarantine
from apps.telemetry.refusals import FOUND_LATE, Code, Refused
from apps.telemetry.services import quarantine

OVERFLOWS_SHOWN = 5


@require_safe
@needs("accounts.view_quarantine")
def index(request: HttpRequest) -> HttpResponse:
    visible = _visible_to(request)
    form = FilterForm(request.GET, sources=queries.sources_of(visible))
    found = visible.filter(**form.chosen()).order_by("-id")
    page = Paginator(found, per_page=50).get_page(request.GET.get("page"))
    sees_all = covers_everything(facilities_for(request.user))
    context = {
        "page": page,
        "form": form,
        "chosen": form.chosen(),
        "overflows": queries.overflows()[:OVERFLOWS_SHOWN] if sees_all else [],
    }
    return render_page(request, "telemetry/quarantine.html", "telemetry/_quarantine.html", context)


@require_safe
@needs("accounts.view_quarantine")
def detail(request: HttpRequest, pk: str) -> HttpResponse:
    item = get_object_or_404(_visible_to(request), pk=pk)
    return _render_detail(request, item)


@require_POST
@needs("accounts.resolve_quarantine")
def resubmit(request: HttpRequest, pk: str) -> HttpResponse:
    item = get_object_or_404(_visible_to(request), pk=pk)
    form = CorrectionForm(item.view, request.POST)
    if form.is_valid():
        try:
            quarantine.resubmit(
                item=item,
                changes=form.changes(),
                facilities=facilities_for(request.user),
                by=person(request),
            )
        except Refused as refusal:
            form.point_at(refusal.pointer, refusal.message)
        except quarantine.AlreadyResolved:
            return redirect("telemetry:quarantined", pk=item.pk)
        else:
            return redirect("telemetry:quarantined", pk=item.pk)
    return _render_detail(request, item, correction=form)


@require_POST
@needs("accounts.resolve_quarantine")
def discard(request: HttpRequest, pk: str) -> HttpResponse:
    item = get_object_or_404(_visible_to(request), pk=pk)
    form = DiscardForm(request.POST)
    if not form.is_valid():
        return _render_detail(request, item, discarding=form)
    with suppress(quarantine.AlreadyResolved):  # The page says who was faster.
        quarantine.discard(item=item, reason=form.cleaned_data["reason"], by=person(request))
    return redirect("telemetry:quarantined", pk=item.pk)


def _visible_to(request: HttpRequest) -> QuerySet[Quarantine]:
    facilities = facilities_for(request.user)
    return queries.quarantined(facilities=facilities, everywhere=covers_everything(facilities))


def _render_detail(
    request: HttpRequest,
    item: Quarantine,
    *,
    correction: CorrectionForm | None = None,
    discarding: DiscardForm | None = None,
) -> HttpResponse:
    is_open = item.state == Quarantine.State.OPEN
    can_be_corrected = is_open and item.code not in FOUND_LATE
    context: dict[str, Any] = {
        "item": item,
        "help": Code(item.code).help if item.code in list(Code) else "",
        "correction": (correction or CorrectionForm(item.view)) if can_be_corrected else None,
        "discarding": (discarding or DiscardForm()) if is_open else None,
        "may_resolve": request.user.has_perm("accounts.resolve_quarantine"),
    }
    return render(request, "telemetry/quarantined.html", context)
