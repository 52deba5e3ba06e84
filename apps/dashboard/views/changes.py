"""Changes of the catalogue: a name for a facility, a target, and the second person's yes or no."""

from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.access import Denied, needs
from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.catalog.models import ChangeProposal, Clock, FacilityAlias, SlaTarget, System
from apps.catalog.services import ChangeOverlaps, ChangeRewritesHistory, proposals, rows
from apps.core.htmx import render_page
from apps.dashboard import deciding
from apps.dashboard.forms import AliasForm, DecisionForm, TargetForm
from apps.dashboard.scope import scope_of
from apps.dashboard.views.catalogue import EDITS_ALIASES
from apps.scorecards.preview import preview_target
from apps.telemetry.queries import waiting_for_alias

SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
@needs(EDITS_ALIASES)
def alias_new(request: HttpRequest) -> HttpResponse:
    """A name for a facility; where money is posted by it, the wish for one."""
    given = {name: request.GET.get(name, "") for name in ("alias", "system", "facility")}
    facilities = scope_of(request).ids
    everywhere = scope_of(request).is_everything
    form = AliasForm(
        request.POST or None, initial=given, facilities=facilities, everywhere=everywhere
    )
    if form.is_valid():
        return _keep_alias(request, form.cleaned_data)
    alias, code = (str(form[name].value() or "").replace("\0", "") for name in ("alias", "system"))
    system = System.objects.filter(code=code).first()
    context = {
        "form": form,
        "waiting": _waiting(request, alias.strip(), system),
        "proposes": proposals.takes_two(system) or not everywhere,
    }
    return render_page(request, "dashboard/alias.html", "dashboard/_alias_act.html", context)


def _waiting(request: HttpRequest, alias: str, system: System | None) -> int:
    """Events refused for a name nobody knows may be anybody's: told to who sees all of them."""
    if not alias or not scope_of(request).is_everything:
        return 0
    return waiting_for_alias(alias, system_id=system.pk if system else None)


def _keep_alias(request: HttpRequest, said: dict[str, Any]) -> HttpResponse:
    place, system, name = said["facility"], said["system"], said["alias"].strip()
    if proposals.takes_two(system) or not scope_of(request).is_everything:
        wanted = FacilityAlias(facility=place, system=system, alias=name)
        return _propose_alias(request, ChangeProposal.Kind.ALIAS_ADDED, wanted, said["why"])
    waiting = _waiting(request, name, system)
    with transaction.atomic():
        proposals.add_alias(place, system=system, alias=name)
        facts = {"added": True, "system": system.code if system else ""}
        audit.record(_me(request), Act.CATALOGUE_CHANGED, on=f"facility:{place.code}",
                     facility=place.pk, facts=facts)  # fmt: skip
    text = f"{waiting} refused event{'' if waiting == 1 else 's'} go on by themselves now."
    messages.success(request, f"“{name}” is {place.name}. {text if waiting else ''}".strip())
    return redirect("dashboard:facility", place.code)


@require_POST
@needs(EDITS_ALIASES)
def alias_remove(request: HttpRequest, pk: int) -> HttpResponse:
    visible = FacilityAlias.objects.filter(facility_id__in=scope_of(request).ids)
    alias = get_object_or_404(visible.select_related("facility", "system"), pk=pk)
    if proposals.takes_two(alias.system):
        why = "No longer used."
        return _propose_alias(request, ChangeProposal.Kind.ALIAS_REMOVED, alias, why)
    with transaction.atomic():
        alias.delete()
        facts = {"removed": True, "system": alias.system.code if alias.system else ""}
        audit.record(_me(request), Act.CATALOGUE_CHANGED, on=f"facility:{alias.facility.code}",
                     facility=alias.facility_id, facts=facts)  # fmt: skip
    messages.success(
        request, f"“{alias.alias}” means nothing any more: events with it are refused."
    )
    return redirect("dashboard:facility", alias.facility.code)


def _propose_alias(
    request: HttpRequest, kind: ChangeProposal.Kind, alias: FacilityAlias, why: str
) -> HttpResponse:
    with transaction.atomic():
        proposed = proposals.propose_alias(kind, alias, why=why or kind.label, by=_me(request))
        _note(request, Act.CHANGE_PROPOSED, proposed)
    messages.success(request, "Proposed. It holds once a second person has approved it.")
    return redirect("dashboard:proposal", proposed.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("accounts.propose_changes")
def target_change(request: HttpRequest, code: str, kind: str) -> HttpResponse:
    """The form, with what the change would have meant once it is asked; then the proposal."""
    clocks = Clock.objects.select_related("workflow", "start_stage", "stop_stage")
    clock = get_object_or_404(clocks, workflow__code=code, kind=kind)
    scope = scope_of(request)
    form = TargetForm(
        request.POST or None,
        clock=clock,
        facilities=scope.ids,
        everywhere=scope_of(request).is_everything,
        zone=scope.zone,
        initial=_as_it_is(clock),
    )
    preview = None
    if form.is_valid():
        change = form.change()
        if "propose" in request.POST:
            with transaction.atomic():
                proposed = proposals.propose_target(change, by=_me(request))
                _note(request, Act.CHANGE_PROPOSED, proposed)
            messages.success(request, "Proposed. It holds once a second person has approved it.")
            return redirect("dashboard:proposal", proposed.pk)
        preview = preview_target(
            clock,
            facility=change.facility,
            threshold_seconds=change.threshold_seconds,
            within=scope.ids,
        )
    context = {"clock": clock, "form": form, "preview": preview}
    return render(request, "dashboard/target_change.html", context)


@require_safe
@needs("accounts.view_catalogue")
def proposal_list(request: HttpRequest) -> HttpResponse:
    found = _visible(request)[:SHOWN]
    return render(request, "dashboard/proposals.html", {"proposals": found})


@require_safe
@needs("accounts.view_catalogue")
def proposal(request: HttpRequest, pk: int) -> HttpResponse:
    return _render_proposal(request, get_object_or_404(_visible(request), pk=pk), DecisionForm())


@require_POST
@needs("accounts.view_catalogue", "accounts.approve_changes")
def proposal_decide(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(_visible(request), pk=pk)
    if not _may_decide(request, found):
        raise Denied("accounts.approve_changes")
    form = DecisionForm(request.POST)
    if form.is_valid():
        _decide(request, found, form.cleaned_data)
        return redirect("dashboard:proposal", found.pk)
    return _render_proposal(request, found, form)


@require_POST
@needs("accounts.propose_changes")
def proposal_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(_visible(request), pk=pk)
    try:
        with transaction.atomic():
            proposals.withdraw(found, by=_me(request))
            _note(request, Act.CHANGE_WITHDRAWN, found)
    except proposals.NotYours:
        messages.error(request, "Only who proposed it takes it back.")
    except proposals.AlreadyDecided:
        messages.error(request, "It was decided already.")
    else:
        messages.success(request, "Taken back. Nothing was changed.")
    return redirect("dashboard:proposal", found.pk)


REFUSED = {
    proposals.NotYours: "You proposed it: somebody else decides.",
    proposals.AuthorMayNot: "Who proposed it may not propose any more. Somebody else proposes it.",
    proposals.AlreadyDecided: "Somebody was faster, or its time is over.",
    proposals.StartHasPassed: "The start it asks for has passed. Refuse it, and propose it anew.",
    proposals.NameTaken: "The name has been given to a facility meanwhile.",
    rows.ChangedMeanwhile: "A row was changed since. Refuse it, and propose it anew.",
    rows.DoesNotFit: "Refuse it, for the catalogue does not allow it as it stands now:",
    ChangeRewritesHistory: "It would begin in the past. Refuse it, and propose it anew.",
    ChangeOverlaps: "Somebody changed this target at the same moment. Look again.",
}


def _decide(request: HttpRequest, found: ChangeProposal, said: dict[str, Any]) -> None:
    is_yes = said["decision"] == "approve"
    act = proposals.approve if is_yes else proposals.refuse
    try:
        with transaction.atomic():
            act(found, by=_me(request), note=said["note"])
            _note(request, Act.CHANGE_APPROVED if is_yes else Act.CHANGE_REFUSED, found)
    except tuple(REFUSED) as error:
        reason = str(error) if isinstance(error, rows.DoesNotFit) else ""
        messages.error(request, f"{REFUSED[type(error)]} {reason}".strip())
    else:
        messages.success(request, "Approved." if is_yes else "Refused. Nothing was changed.")


def _render_proposal(
    request: HttpRequest, found: ChangeProposal, form: DecisionForm
) -> HttpResponse:
    preview = None
    if found.clock and found.threshold_seconds and found.is_open:
        preview = preview_target(
            found.clock,
            facility=found.facility,
            threshold_seconds=found.threshold_seconds,
            within=scope_of(request).ids,
        )
    is_mine = found.proposed_by_id == _me(request).pk
    may_approve = request.user.has_perm("accounts.approve_changes") and _may_decide(request, found)
    context = {
        "proposal": found,
        "form": form,
        "preview": preview,
        "is_mine": is_mine,
        "deciders": deciding.deciders(found) if found.is_open else [],
        "may_decide": may_approve and not is_mine and found.is_open,
        "waiting": _waiting(request, found.alias, found.system)
        if found.is_open and found.alias
        else None,
        "rows": found.rows["rows"]
        if found.rows and (is_mine or scope_of(request).is_everything)
        else [],
    }
    return render(request, "dashboard/proposal.html", context)


def _may_decide(request: HttpRequest, found: ChangeProposal) -> bool:
    return deciding.is_of_one_place(found) or scope_of(request).is_everything


def _visible(request: HttpRequest) -> Any:
    """Proposals for facilities one sees, and for the network."""
    names = ("clock__workflow", "facility", "system", "proposed_by", "decided_by")
    rows = ChangeProposal.objects.select_related(*names).order_by("-pk")
    ids = scope_of(request).ids
    return rows.filter(facility_id__in=ids) | rows.filter(facility=None)


def _as_it_is(clock: Clock) -> dict[str, Any]:
    """What the whole network is promised now, to begin with."""
    held = SlaTarget.objects.filter(clock=clock, facility=None).order_by("-effective_from").first()
    if held is None:
        return {}
    seconds = held.threshold_seconds
    size = next(size for size in (86_400, 3_600, 60, 1) if seconds % size == 0)
    return {
        "amount": seconds // size,
        "unit": str(size),
        "time": f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}",
        "percent": f"{held.objective * 100:f}".rstrip("0").rstrip("."),
    }


def _note(request: HttpRequest, act: Act, on: ChangeProposal) -> None:
    facts = {"kind": on.kind, "workflow": on.clock.workflow.code if on.clock else ""}
    audit.record(_me(request), act, on=f"proposal:{on.pk}", facility=on.facility_id, facts=facts)


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)
