"""Rules of routing and deadlines of money: read, asked, tried on thirty days, and proposed."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.access import Denied, needs
from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.catalog.models import DeadlineRule, RoutingRule, Team
from apps.catalog.services import rows
from apps.catalog.services.proposals import propose_rows
from apps.dashboard import rules, wording
from apps.dashboard.forms import DeadlineForm, ReasonForm, RuleForm, WhoseForm
from apps.dashboard.scope import scope_of
from apps.dashboard.views.catalogue import SEES
from apps.triage.what_if import ask, dry_run

PROPOSES = "catalog.add_routingrule"
NAMED = ("workflow", "kind", "facility", "system", "team")
STEP = 10


@require_safe
@needs(SEES)
def routing(request: HttpRequest) -> HttpResponse:
    """Every rule in force in its order, what money waits for, and whose a case would be."""
    held = list(_in_force())
    asked = request.GET if "workflow" in request.GET else None
    form = WhoseForm(asked, facilities=scope_of(request).ids)
    answer = _answer(form) if asked is not None and form.is_valid() else None
    context = {
        "rules": [(one, rules.fits(one), rules.holds(one)) for one in held],
        "planned": RoutingRule.objects.filter(effective_from__gt=now()).order_by("position"),
        "deadlines": [(one, rules.deadline(one)) for one in _deadlines()],
        "form": form,
        "answer": answer,
        "may_propose": _may_propose(request),
    }
    return render(request, "dashboard/routing.html", context)


def _answer(form: WhoseForm) -> dict[str, Any]:
    said = form.cleaned_data
    dollars = said["dollars"]
    found = ask(
        facility=said["facility"],
        workflow=said["workflow"].pk,
        kind=said["kind"] and said["kind"].pk,
        error_class=said["trouble"],
        payer=said["payer"],
        amount=None if dollars is None else int(dollars * 100),
        system=said["system"] and said["system"].pk,
    )
    return {
        "rule": RoutingRule.objects.filter(pk=found.rule_id or 0).first(),
        "team": Team.objects.filter(pk=found.team_id or 0).first(),
        "severity": found.severity,
        "within": wording.threshold(found.measure, found.seconds),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES, PROPOSES)
def rule_new(request: HttpRequest) -> HttpResponse:
    """One more rule, at the end of the order unless another place is said."""
    _demand_whole_network(request)
    last = _in_force().last()
    begin = {"position": last.position + STEP if last else STEP, "unit": "business 3600"}
    return _say(request, RoutingRule(), begin, None)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES, PROPOSES)
def rule_change(request: HttpRequest, code: str) -> HttpResponse:
    """Another version of a rule: from two minutes after somebody else approves."""
    _demand_whole_network(request)
    held = get_object_or_404(_in_force(), code=code)
    return _say(request, RoutingRule(code=held.code), _as_it_is(held), held)


def _say(
    request: HttpRequest, rule: RoutingRule, begin: dict[str, Any], held: RoutingRule | None
) -> HttpResponse:
    """The form; what the rule would have done once it is asked; then the proposal."""
    form = RuleForm(request.POST or None, instance=rule, initial=begin)
    tried = None
    if form.is_valid():
        if "propose" in request.POST:
            change = [rows.added(form.instance, at_approval="effective_from")]
            if held:
                change.insert(0, _ended(held))
            return _propose(request, change, form.instance.name, form.cleaned_data["why"])
        tried = dry_run([*_others(held), form.instance])
    context = {"form": form, "held": held, "tried": tried}
    return render(request, "dashboard/rule_change.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES, PROPOSES)
def rule_remove(request: HttpRequest, code: str) -> HttpResponse:
    """What would move without this rule; then the proposal that it end."""
    _demand_whole_network(request)
    held = get_object_or_404(_in_force(), code=code)
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        return _propose(request, [_ended(held)], held.name, form.cleaned_data["why"])
    context = {"form": form, "held": held, "tried": dry_run(_others(held)), "removes": True}
    return render(request, "dashboard/rule_change.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES, PROPOSES)
def deadline_new(request: HttpRequest) -> HttpResponse:
    """One more moment after which money is lost."""
    _demand_whole_network(request)
    form = DeadlineForm(request.POST or None, instance=DeadlineRule())
    if form.is_valid():
        change = [rows.added(form.instance)]
        return _propose(request, change, str(form.instance), form.cleaned_data["why"])
    return render(request, "dashboard/deadline_new.html", {"form": form})


@require_POST
@needs(SEES, PROPOSES)
def deadline_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """One that does not hold any more."""
    _demand_whole_network(request)
    held = get_object_or_404(DeadlineRule.objects.select_related("workflow"), pk=pk)
    why = f"{held} does not hold any more."
    return _propose(request, [rows.removed(held)], str(held), why)


def _ended(held: RoutingRule) -> rows.Row:
    return rows.changed(held, "effective_to", at_approval="effective_to")


def _others(held: RoutingRule | None) -> Sequence[RoutingRule]:
    """What is in force beside it."""
    return [one for one in _in_force() if held is None or one.pk != held.pk]


def _propose(request: HttpRequest, change: list[rows.Row], about: str, why: str) -> HttpResponse:
    try:
        with transaction.atomic():
            made = propose_rows(
                change, about=about, facility=None, why=why, by=_me(request), sees_all=True
            )
            facts = {"kind": made.kind, "model": change[-1]["model"], "rows": len(change)}
            audit.record(_me(request), Act.CHANGE_PROPOSED, on=f"proposal:{made.pk}", facts=facts)
    except (rows.DoesNotFit, rows.ChangedMeanwhile) as refusal:
        messages.error(request, str(refusal))
        return redirect("dashboard:routing")
    messages.success(request, "Proposed. It holds once a second person has approved it.")
    return redirect("dashboard:proposal", made.pk)


def _in_force() -> Any:
    """Rules in force now, in their order: the last that fits wins."""
    moment = now()
    ends_later = Q(effective_to=None) | Q(effective_to__gt=moment)
    found = RoutingRule.objects.filter(ends_later, effective_from__lte=moment)
    return found.select_related(*NAMED).order_by("position", "effective_from", "pk")


def _deadlines() -> Any:
    found = DeadlineRule.objects.select_related("workflow")
    return found.order_by("workflow__position", "kind", "payer")


def _as_it_is(held: RoutingRule) -> dict[str, Any]:
    """The version in force, to begin with."""
    said = {name: getattr(held, name) for name in RuleForm.Meta.fields if name != "why"}
    cents = {"at_least": held.amount_from, "less_than": held.amount_to}
    said |= {name: value / 100 for name, value in cents.items() if value is not None}
    if not held.due_seconds:
        return {**said, "unit": "business 3600"}
    size = 3600 if held.due_seconds % 3600 == 0 or held.due_measure == "business" else 60
    unit = f"{held.due_measure} {size}"
    return {**said, "due": f"{held.due_seconds / size:g}", "unit": unit}


def _may_propose(request: HttpRequest) -> bool:
    """Rules are one list for all facilities: who sees a part of them changes none."""
    return request.user.has_perm(PROPOSES) and scope_of(request).is_everything


def _demand_whole_network(request: HttpRequest) -> None:
    if not _may_propose(request):
        raise Denied(PROPOSES)


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)
