"""The quarantine's pages: groups and list, detail, correct, give up, take back."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.access import covers_everything, facilities_for, needs
from apps.accounts.roles import roles_with
from apps.core.htmx import render_page
from apps.telemetry import queries
from apps.telemetry.access import person
from apps.telemetry.forms import CorrectionForm, DiscardForm, FilterForm
from apps.telemetry.masked import ADDS_ALIASES, lines, name_rows, next_step
from apps.telemetry.models import Quarantine
from apps.telemetry.refusals import FOUND_LATE, Code, Refused
from apps.telemetry.services import quarantine

OVERFLOWS_SHOWN = 5
PAGE = 50
NARROWING = ("source", "facility", "period", "name")


@require_safe
@needs("accounts.view_quarantine")
def index(request: HttpRequest) -> HttpResponse:
    facilities = facilities_for(request.user)
    everywhere = covers_everything(facilities)
    visible = queries.quarantined(facilities=facilities, everywhere=everywhere)
    form = FilterForm(request.GET, sources=queries.sources_of(visible), facilities=facilities)
    found = form.of(visible)
    named = form.shows_names and queries.by_name(
        form.of_any_name(), facilities=facilities, everywhere=everywhere
    )
    items = list(queries.selected(found, since=form.since(), before=_before(request))[: PAGE + 1])
    context = {
        "items": items[:PAGE],
        "next": items[PAGE - 1].pk if len(items) > PAGE else None,
        "is_first": not _before(request),
        "groups": queries.groups(facilities=facilities, everywhere=everywhere),
        "facilities": facilities,
        "everywhere": everywhere,
        "form": form,
        "selection": form.selection(),
        "names": name_rows(named, form.filters()) if named else [],
        "may_name": request.user.has_perm(ADDS_ALIASES),
        "who_may_name": roles_with(ADDS_ALIASES),
        "narrowed": [name for name in NARROWING if form.narrows(name)],
        "may_resolve": request.user.has_perm("accounts.resolve_quarantine"),
        "overflows": queries.overflows()[:OVERFLOWS_SHOWN] if everywhere else [],
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
            messages.success(request, "Sent on. It is counted in a moment.")
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
        messages.success(request, "Given up. You can take it back for a quarter of an hour.")
    return redirect("telemetry:quarantined", pk=item.pk)


@require_POST
@needs("accounts.resolve_quarantine")
def reopen(request: HttpRequest, pk: str) -> HttpResponse:
    item = get_object_or_404(_visible_to(request), pk=pk)
    try:
        quarantine.reopen(item=item, by=person(request))
    except quarantine.CannotReopen:
        messages.error(request, "Too late, or the same event has come again and waits already.")
    else:
        messages.success(request, "It is open again.")
    return redirect("telemetry:quarantined", pk=item.pk)


def _before(request: HttpRequest) -> UUID | None:
    """Where the page begins; what is no id means the first."""
    try:
        return UUID(request.GET.get("before", ""))
    except ValueError:
        return None


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
    step = next_step(item) if is_open else None
    context: dict[str, Any] = {
        "item": item,
        "help": Code(item.code).help if item.code in list(Code) else "",
        "correction": (correction or CorrectionForm(item.view)) if can_be_corrected else None,
        "discarding": (discarding or DiscardForm()) if is_open else None,
        "may_resolve": request.user.has_perm("accounts.resolve_quarantine"),
        "lines": lines(item.view, item.pointer),
        "step": step,
        "may_step": step is not None and request.user.has_perm(step.needs),
        "who_may": roles_with(step.needs) if step else "",
        "may_reopen": item.state == Quarantine.State.DISCARDED
        and item.resolved_at is not None
        and item.resolved_at > now() - quarantine.UNDO_FOR,
        "batch": queries.batch_report(item.went_to_batch) if item.went_to_batch else None,
    }
    return render(request, "telemetry/quarantined.html", context)
