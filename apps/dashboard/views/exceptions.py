"""The kinds of exceptions: what people are told, by which codes, and how a lead changes that."""

from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.access import Denied, needs
from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.catalog.meanings import meaning_of
from apps.catalog.models import ErrorSignal, ExceptionKind, Playbook
from apps.catalog.services import rows
from apps.catalog.services.proposals import propose_rows
from apps.dashboard.forms import CodeForm, KindForm, PlaybookForm, SignalForm
from apps.dashboard.scope import scope_of
from apps.dashboard.views.catalogue import SEES

# Supervisors propose promises, not what a code means.
PROPOSES = "catalog.add_playbook"


@require_safe
@needs(SEES)
def exceptions(request: HttpRequest) -> HttpResponse:
    """Every kind with its words of today; and what a code would be, if one is asked."""
    kinds = _kinds().annotate(known_by=Count("signals")).order_by("position")
    form = CodeForm(request.GET) if "code" in request.GET else CodeForm()
    context = {
        "kinds": kinds,
        "form": form,
        "asked": form.is_valid(),
        "meaning": meaning_of(**_asked(form)) if form.is_valid() else None,
        "may_propose": _may_propose(request),
    }
    return render(request, "dashboard/exceptions.html", context)


def _asked(form: CodeForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in form.fields}


@require_safe
@needs(SEES)
def exception(request: HttpRequest, code: str) -> HttpResponse:
    kind = get_object_or_404(_kinds(), code=code)
    context = {
        "kind": kind,
        "book": kind.in_force[0] if kind.in_force else None,
        "versions": kind.playbooks.select_related("owner"),
        "signals": kind.signals.select_related("workflow"),
        "may_propose": _may_propose(request),
        "now": now(),
    }
    return render(request, "dashboard/exception.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES, PROPOSES)
def exception_new(request: HttpRequest) -> HttpResponse:
    """A code of its own; it does nothing until two people have given it words and signs."""
    _demand_whole_network(request)
    form = KindForm(request.POST or None)
    if form.is_valid():
        with transaction.atomic():
            kind = form.save()
            audit.record(_me(request), Act.CATALOGUE_CHANGED, on=f"exception:{kind.code}",
                         facts={"added": True})  # fmt: skip
        messages.success(request, f"{kind.code} is there. Now say what it is.")
        return redirect("dashboard:playbook-change", kind.code)
    return render(request, "dashboard/exception_new.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES, PROPOSES)
def playbook_change(request: HttpRequest, code: str) -> HttpResponse:
    """New words, owner, severity or due time: from two minutes after somebody else approves."""
    _demand_whole_network(request)
    kind = get_object_or_404(_kinds(), code=code)
    held = kind.in_force[0] if kind.in_force else None
    form = PlaybookForm(request.POST or None, instance=Playbook(kind=kind), initial=_as_it_is(held))
    if form.is_valid():
        change = [rows.added(form.instance, at_approval="effective_from")]
        if held:
            change.insert(0, rows.changed(held, "effective_to", at_approval="effective_to"))
        return _propose(request, change, kind, form.cleaned_data["why"])
    context = {"kind": kind, "form": form, "held": held}
    return render(request, "dashboard/playbook_change.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES, PROPOSES)
def signal_new(request: HttpRequest, code: str) -> HttpResponse:
    """One more code that means this kind."""
    _demand_whole_network(request)
    kind = get_object_or_404(ExceptionKind, code=code)
    form = SignalForm(request.POST or None, instance=ErrorSignal(kind=kind))
    if form.is_valid():
        return _propose(request, [rows.added(form.instance)], kind, form.cleaned_data["why"])
    return render(request, "dashboard/signal_new.html", {"kind": kind, "form": form})


@require_POST
@needs(SEES, PROPOSES)
def signal_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """A code that does not mean this kind any more."""
    _demand_whole_network(request)
    signal = get_object_or_404(ErrorSignal.objects.select_related("kind"), pk=pk)
    why = f"{signal} does not mean {signal.kind.code} any more."
    return _propose(request, [rows.removed(signal)], signal.kind, why)


def _propose(
    request: HttpRequest, change: list[rows.Row], kind: ExceptionKind, why: str
) -> HttpResponse:
    try:
        with transaction.atomic():
            made = propose_rows(
                change, about=kind.code, facility=None, why=why, by=_me(request), sees_all=True
            )
            facts = {"kind": made.kind, "model": change[-1]["model"], "rows": len(change)}
            audit.record(_me(request), Act.CHANGE_PROPOSED, on=f"proposal:{made.pk}", facts=facts)
    except (rows.DoesNotFit, rows.ChangedMeanwhile) as refusal:
        messages.error(request, str(refusal))
        return redirect("dashboard:exception", kind.code)
    messages.success(request, "Proposed. It holds once a second person has approved it.")
    return redirect("dashboard:proposal", made.pk)


def _kinds() -> Any:
    """Kinds, each with the words in force now, if it has any."""
    moment = now()
    ends_later = Q(effective_to=None) | Q(effective_to__gt=moment)
    in_force = Playbook.objects.filter(ends_later, effective_from__lte=moment)
    words = Prefetch("playbooks", in_force.select_related("owner"), to_attr="in_force")
    return ExceptionKind.objects.prefetch_related(words)


def _as_it_is(held: Playbook | None) -> dict[str, Any]:
    """The words in force, to begin with."""
    if held is None:
        return {}
    size = 3600 if held.due_seconds % 3600 == 0 or held.due_measure == "business" else 60
    said = {name: getattr(held, name) for name in PlaybookForm.Meta.fields if name != "why"}
    return {
        **said,
        "owner": held.owner_id,
        "due": f"{held.due_seconds / size:g}",
        "unit": f"{held.due_measure} {size}",
    }


def _may_propose(request: HttpRequest) -> bool:
    """Kinds are one list for all facilities: who sees a part of them changes none."""
    return request.user.has_perm(PROPOSES) and scope_of(request).is_everything


def _demand_whole_network(request: HttpRequest) -> None:
    if not _may_propose(request):
        raise Denied(PROPOSES)


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)
