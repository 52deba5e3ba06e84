"""The page of a storm: what it is, where it struck, whose it is."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.access import Denied, needs
from apps.triage import seen_storms
from apps.triage.forms import StormForm
from apps.triage.models import Storm
from apps.triage.page import able_to_work_storm
from apps.triage.queries import storm_of
from apps.triage.reader import Reader, storm_name
from apps.triage.realms import is_worker
from apps.triage.services import storms
from apps.triage.services.acting import NotAllowed, Refused
from apps.triage.views.queue import SEES, reader_of

DONE = {
    "take": "It is yours: what of it is nobody's comes to you within seconds.",
    "assign": "Assigned: what of it is nobody's follows within seconds.",
    "note": "Noted.",
}


@require_safe
@needs(SEES)
def storm(request: HttpRequest, id: UUID) -> HttpResponse:
    """One storm, as far as it is the reader's. Elsewhere and nowhere give the same answer."""
    who = reader_of(request)
    return _page(request, who, _theirs(who, id))


@require_POST
@needs(SEES)
def act(request: HttpRequest, id: UUID, verb: str) -> HttpResponse:
    """Take it, assign it, add a note; what is refused says why, on the page."""
    if verb not in DONE:
        raise Http404
    if not is_worker(request.user):
        raise Denied("accounts.work_cases")
    who = reader_of(request)
    found = _theirs(who, id)
    form = StormForm(request.POST, verb=verb, people=able_to_work_storm(found))
    if not form.is_valid():
        return _page(request, who, found, form=form, status=422)
    try:
        storms.DEEDS[verb](found.pk, by=who.user, **form.told())
    except storms.StormConflict:
        note = "Somebody was faster: this is how it stands now. Nothing of yours was changed."
        return _page(request, who, _theirs(who, id), refused=note, status=409)
    except Refused as refused:
        status = 403 if isinstance(refused, NotAllowed) else 422
        return _page(request, who, found, form=form, refused=refused.reason, status=status)
    messages.success(request, DONE[verb])
    return redirect("triage:storm", found.pk)


def _theirs(who: Reader, id: UUID) -> Storm:
    found = storm_of(who.realm, facilities=who.facilities, id=id)
    if found is None:
        raise Http404
    return found


def _page(
    request: HttpRequest, who: Reader, found: Storm, *, form: forms.Form | None = None,
    refused: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    places = seen_storms.places(who, found.pk)
    people = able_to_work_storm(found) if is_worker(who.user) else []
    context: dict[str, Any] = {
        "storm": found,
        "name": storm_name(who, found.kind_id, found.system_id, found.error_class),
        "state": "storm_over" if found.ended_at else "storm",
        "places": [(who.catalogue.facilities_by_id[one.facility_id], one) for one in places],
        "cases": sum(one.cases for one in places),
        "open": sum(one.open for one in places),
        "amount": sum(one.amount for one in places),
        "unassigned": sum(one.unassigned for one in places),
        "history": found.history.select_related("actor", "assignee").order_by("-id"),
        "is_worker": is_worker(who.user),
        "people": people,
        "form": form,
        "refused": refused,
        "zone": who.zone,
    }
    return render(request, "triage/storm.html", context, status=status)
