"""Acts on many cases: what it would do, go, how far it is, what became of each, undo."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event
from django_htmx.middleware import HtmxDetails

from apps.accounts.access import needs
from apps.accounts.exports import EXPORT, Extent, download
from apps.core.exports import Form
from apps.core.htmx import render_page, wants_partial
from apps.triage import standing, tables
from apps.triage.able import able_to_work
from apps.triage.bulk_words import AT_A_TIME, in_short, preview_of, results, states_of
from apps.triage.filters import Asked
from apps.triage.forms import BulkForm
from apps.triage.models import BulkItem, BulkOperation, Verb
from apps.triage.questions import read
from apps.triage.reader import Reader
from apps.triage.services import Refused, bulk
from apps.triage.services.bulk import Confirmed, Selection
from apps.triage.services.bulk_run import advance_bulk
from apps.triage.views.queue import reader_of

LEADS, READS = "accounts.assign_cases", "accounts.view_cases"
SHOWN = 50
MOST_IDS = 5_000
# htmx stops asking again.
STOP_POLLING = 286
STEPS: Mapping[str, Callable[[UUID, Any], None]] = {
    "suspend": bulk.suspend,
    "resume": bulk.resume,
    "cancel": bulk.cancel,
    "undo": bulk.undo,
}


@require_safe
@needs(READS)
def index(request: HttpRequest) -> HttpResponse:
    """What was done to many cases at once, by everybody, at places the reader sees all of."""
    who = reader_of(request)
    found = bulk.visible_to(who.user).exclude(state=BulkOperation.State.PREVIEWED)
    latest = found.select_related("created_by", "undone_by").order_by("-as_of")[:SHOWN]
    rows = [{"operation": one, "in_short": in_short(one)} for one in latest]
    return render(request, "triage/ops.html", {"rows": rows, "zone": who.zone})


@require_POST
@needs(LEADS)
def preview(request: HttpRequest) -> HttpResponse:
    """Freeze what is selected and show what would become of it."""
    who = reader_of(request)
    try:
        verb = Verb(request.POST.get("verb", ""))
    except ValueError:
        raise Http404 from None
    selection = _selection(request, who)
    if selection is None:
        return _nothing(request, "Tick the cases first, or choose everything that matches.")
    try:
        operation = bulk.preview(who, verb, selection)
    except Refused as refused:
        return _nothing(request, refused.reason)
    return _shown(request, who, operation, _form(operation))


@require_safe
@needs(READS)
def show(request: HttpRequest, id: UUID) -> HttpResponse:
    """How far it is, and what became of each case; one that waits for its author's word asks."""
    who = reader_of(request)
    operation = _found(who, id)
    if not operation.is_begun:
        return _shown(request, who, operation, _form(operation))
    if wants_partial(request) and "items" not in request.GET:
        return _progress(request, operation)
    told = _told(operation) | _items(request, who, operation)
    return render_page(request, "triage/bulk.html", "triage/_bulk_items.html", told)


@require_POST
@needs(LEADS)
def run(request: HttpRequest, id: UUID) -> HttpResponse:
    """Do what was shown, unless it would no longer be that; then it is shown again."""
    who = reader_of(request)
    operation = _found(who, id, own=True)
    form = _form(operation, request.POST)
    if not form.is_valid():
        return _shown(request, who, operation, form, status=422)
    if bulk.aim(id, form.params(), who.user):
        again = _again(request, _found(who, id, own=True))
        return _shown(request, who, *again, status=422)
    said = form.cleaned_data
    only = request.POST.get("which") == "ticked"
    try:
        bulk.run(id, Confirmed(said["preview_hash"], said["typed"], only), who.user)
    except Refused as refused:
        form.add_error(None, refused.reason)
        return _shown(request, who, operation, form, status=422)
    _begin_at_once()
    return _moved(request, who, id)


@require_POST
@needs(LEADS)
def step(request: HttpRequest, id: UUID, name: str) -> HttpResponse:
    """Hold it, let it go on, leave the rest, or take it back."""
    who = reader_of(request)
    act = STEPS.get(name)
    if act is None:
        raise Http404
    _found(who, id)
    try:
        act(id, who.user)
    except Refused as refused:
        messages.error(request, refused.reason)
        return _moved(request, who, id)
    _begin_at_once()
    return _moved(request, who, id)


@require_safe
@needs(READS, EXPORT)
def items_table(request: HttpRequest, id: UUID, form: Form) -> HttpResponseBase:
    """What became of each case, as a file."""
    who = reader_of(request)
    operation = _found(who, id)
    state = _state(request)
    extent = Extent(operation.facilities, "this operation", who.now)
    return download(request, tables.bulk_items(who, operation, state), form, extent)


def _begin_at_once() -> None:
    """A part of it is done before anybody waits for a worker, who does the rest."""
    with suppress(OperationalError):
        advance_bulk(seconds=0)


def _selection(request: HttpRequest, who: Reader) -> Selection | None:
    ids = _ids(request.POST.getlist("case"))
    if request.POST.get("all") != "1":
        return Selection(ids=ids) if ids else None
    asked = _asked(request.POST.get("asked", ""), who)
    return Selection(asked=asked, excluded=_ids(request.POST.getlist("but")), ticked=ids)


def _asked(query: str, who: Reader) -> Asked:
    """The filters of the page it was asked from."""
    said = QueryDict(query.removeprefix("?")).dict()
    question = read(said, standing.views(who, who.roles), who.roles)
    if question is None:
        raise Http404("no such view")
    return question.asked


def _ids(said: list[str]) -> list[UUID]:
    """Ids one by one or side by side; what is none is left out."""
    text = "".join(one.replace("-", "") for one in said)[: 32 * MOST_IDS]
    found = (text[start : start + 32] for start in range(0, len(text), 32))
    try:
        return [UUID(one) for one in found]
    except ValueError:
        return []


def _state(request: HttpRequest) -> str:
    said = request.GET.get("state", "")
    return said if said in BulkItem.State.values else ""


def _form(operation: BulkOperation, said: Any = None) -> BulkForm:
    takes = operation.verb in (Verb.ASSIGN, Verb.TRANSFER)
    people = able_to_work(operation.facilities) if takes else []
    return BulkForm(said, operation=operation, people=people)


def _again(request: HttpRequest, operation: BulkOperation) -> tuple[BulkOperation, BulkForm]:
    """The same answers under the new figures."""
    said = request.POST.copy()
    said["preview_hash"], said["typed"] = operation.preview_hash, ""
    form = _form(operation, said)
    form.add_error(None, "With that choice other cases are left out: these are the new figures.")
    return operation, form


def _found(who: Reader, id: UUID, *, own: bool = False) -> BulkOperation:
    """One at places the reader sees; a preview is its author's alone."""
    visible = bulk.visible_to(who.user).select_related("created_by", "undone_by")
    found = visible.filter(pk=id).first()
    if found is None or ((own or not found.is_begun) and found.created_by_id != who.user.pk):
        raise Http404
    return found


def _shown(
    request: HttpRequest, who: Reader, operation: BulkOperation, form: BulkForm, status: int = 200
) -> HttpResponse:
    told = {"operation": operation, "form": form, "preview": preview_of(operation, who),
            "reader": who, "minutes": bulk.UNDO_FOR.seconds // 60}  # fmt: skip
    response = render_page(request, "triage/bulk_preview.html", "triage/_bulk_preview.html", told)
    response.status_code = status
    return response


def _nothing(request: HttpRequest, reason: str) -> HttpResponse:
    if wants_partial(request):
        return render(request, "triage/_bulk_nothing.html", {"reason": reason}, status=422)
    messages.error(request, reason)
    return redirect("triage:queue")


def _moved(request: HttpRequest, who: Reader, id: UUID) -> HttpResponse:
    if wants_partial(request):
        return _progress(request, _found(who, id))
    return redirect("triage:bulk", id)


def _progress(request: HttpRequest, operation: BulkOperation) -> HttpResponse:
    """The figures; the last time they are asked for, whoever shows cases is told to look again."""
    page: HtmxDetails = getattr(request, "htmx")  # noqa: B009  set by HtmxMiddleware
    is_on_queue = (page.current_url_abs_path or "").startswith(reverse("triage:queue"))
    told = _told(operation) | {"is_part": True, "is_on_queue": is_on_queue}
    response = render(request, "triage/_bulk_progress.html", told)
    if operation.is_moving:
        return response
    if request.method == "GET":
        response.status_code = STOP_POLLING
    return trigger_client_event(response, "refresh")


def _told(operation: BulkOperation) -> dict[str, Any]:
    return {
        "operation": operation,
        "in_short": in_short(operation),
        "can_be_undone": bulk.can_be_undone(operation, now()),
    }


def _items(request: HttpRequest, who: Reader, operation: BulkOperation) -> dict[str, Any]:
    after = next(iter(_ids(request.GET.getlist("after"))), None)
    state = _state(request)
    found = results(operation, who, state=state, after=after, most=AT_A_TIME + 1)
    return {
        "reader": who,
        "states": states_of(operation),
        "state": state,
        "results": found[:AT_A_TIME],
        "after": found[AT_A_TIME - 1].line.id.hex if len(found) > AT_A_TIME else "",
    }
