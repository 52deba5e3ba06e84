"""The page of one case, and the acts on it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.access import Denied, needs
from apps.dashboard import case as words
from apps.dashboard import listing, queries, timeline, wording
from apps.dashboard.deeds import Deed, deed_of, said
from apps.dashboard.forms.cases import ActForm, PendForm
from apps.dashboard.scope import scope_of
from apps.telemetry.access import person
from apps.telemetry.models import Transaction
from apps.triage import page, worktime
from apps.triage.models import Case, Status
from apps.triage.offers import Asker
from apps.triage.outcomes import outcomes
from apps.triage.realms import is_worker, worked_by
from apps.triage.services import Conflict, NotAllowed, Refused, next_best
from apps.triage.services.acting import full_name

SEES = "accounts.view_transactions"


@require_safe
@needs(SEES)
def case(request: HttpRequest, id: UUID) -> HttpResponse:
    """One case. Elsewhere and nowhere give the same answer."""
    return _page(request, id)


@require_POST
@needs(SEES)
def act(request: HttpRequest, id: UUID, verb: str) -> HttpResponse:
    """Do something about a case, and go back to it; what is refused says why, on the page."""
    deed = deed_of(verb)
    if deed is None:
        raise Http404
    # The role is asked before anything is looked up, so that a refusal tells nothing.
    if not is_worker(request.user):
        raise Denied("accounts.work_cases")
    asker, found = _asked(request, id)
    form = _form(deed, found, asker, request)
    if not form.is_valid():
        return _page(request, id, tried={verb: form}, status=422)
    try:
        now_is = deed.does(found.pk, by=asker.user, **said(form), **_told(form, asker))
    except Conflict as conflict:
        return _page(request, id, conflict=conflict, status=409)
    except Refused as refused:
        form.add_error(None, refused.reason)
        status = 403 if isinstance(refused, NotAllowed) else 422
        return _page(request, id, tried={verb: form}, refused=refused.reason, status=status)
    is_unproven = deed.verb == "resolve" and now_is.status == Status.VERIFYING
    messages.success(request, "Resolved, to be confirmed." if is_unproven else deed.done)
    return redirect("dashboard:case", found.pk)


@require_POST
@needs(SEES)
def next_case(request: HttpRequest) -> HttpResponse:
    """Take what costs most to leave waiting, and go there."""
    user = person(request)
    if not is_worker(user):
        raise Denied("accounts.work_cases")
    try:
        found = next_best(by=user, op_id=_form_id(request))
    except Refused as refused:
        messages.error(request, refused.reason)
        return redirect("triage:queue")
    if found is None:
        messages.info(request, "Nothing waits that is yours to work.")
        return redirect("triage:queue")
    return redirect("dashboard:case", found.pk)


def _form_id(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("op_id", ""))
    except ValueError:
        return None


def _asked(request: HttpRequest, id: UUID) -> tuple[Asker, Case]:
    """Who asks, and for which case of theirs."""
    scope, user = scope_of(request), person(request)
    found = page.case_of(user, facilities=scope.ids, id=id)
    if found is None:
        raise Http404
    zone = ZoneInfo(scope.catalogue.facilities_by_id[found.facility_id].time_zone)
    return Asker(user, scope.ids, worked_by(user), timezone.now(), zone), found


def _form(deed: Deed, found: Case, asker: Asker, request: HttpRequest) -> ActForm:
    people = page.able_to_work(found) if asker.realm.includes(found) else []
    others = words.related(page.related_to(found, asker.user, facilities=asker.facilities))
    targets = [(one.id, one.title) for one in others if one.is_open]
    return deed.form(request.POST, case=found, people=people, related=targets, verb=deed.verb)


def _told(form: ActForm, asker: Asker) -> dict[str, Any]:
    told = form.told()
    return told | {"wait": form.wait(asker.zone, asker.now)} if isinstance(form, PendForm) else told


def _page(
    request: HttpRequest, id: UUID, *, tried: Mapping[str, ActForm] | None = None,
    conflict: Conflict | None = None, refused: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    asker, found = _asked(request, id)
    if asker.realm.includes(found) and request.method == "GET":
        worktime.note_look(found.pk, asker.user, asker.now)
    context = (
        words.context_of(found, asker, tried=tried or {})
        | _business(request, found, asker)
        | _work(found, asker)
        | {"zone": asker.zone, "now": asker.now, "refused": refused}
        | (_faster(conflict, asker) if conflict else {})
    )
    return render(request, "dashboard/case.html", context, status=status)


def _business(request: HttpRequest, found: Case, asker: Asker) -> dict[str, Any]:
    """The transaction it is about, as its own page shows it."""
    scope = scope_of(request)
    place = scope.catalogue.facilities_by_id[found.facility_id]
    of = queries.transaction(facilities=scope.ids, id=found.transaction_id)
    told = {"place": place, "line": scope.catalogue.workflows_by_id[found.workflow_id]}
    if of is None:
        return told
    events = queries.events(of)
    return told | {
        "transaction": of,
        "transaction_state": timeline.STATES[Transaction.State(of.state)],
        "business_keys": queries.business_keys(of),
        "events": listing.event_rows(
            events, catalogue=scope.catalogue, zone=asker.zone, now=asker.now
        ),
        "timeline": timeline.timeline(
            of, events, catalogue=scope.catalogue, zone=asker.zone, now=asker.now
        ),
    }


def _work(found: Case, asker: Asker) -> dict[str, Any]:
    """How its like went, and how long the reader has worked it: nobody else's time is shown."""
    everybody = worktime.worked(found.pk)
    mine = next((one for one in everybody if one.person_id == asker.user.pk), None)
    like = (
        outcomes(found.kind_id, facilities=asker.facilities, now=asker.now, but=found.pk)
        if found.kind_id
        else None
    )
    return {
        "like": like,
        "went": words.went(like) if like else [],
        "touches": sum(one.touches for one in everybody),
        "mine": mine,
    }


def _faster(conflict: Conflict, asker: Asker) -> dict[str, Any]:
    """Who was faster, how long ago, and with what."""
    event = conflict.event
    if event is None:
        return {"faster": "Somebody changed it meanwhile."}
    ago = wording.duration(max(asker.now - event.at, timedelta(seconds=1)))
    if event.actor == asker.user:
        return {"faster": f"You {event.get_kind_display()} {ago} ago, in another window."}
    name = full_name(event.actor) if event.actor else words.PRODUCT
    return {"faster": f"{name} {event.get_kind_display()} {ago} ago. Nothing of yours was changed."}
