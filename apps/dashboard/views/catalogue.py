"""The catalogue to read: facilities with their names, systems, interfaces, workflows, targets."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.catalog.models import (
    Clock,
    Facility,
    FacilityAlias,
    Interface,
    SlaTarget,
    System,
    Workflow,
)
from apps.catalog.services.proposals import takes_two
from apps.dashboard.contracts import contracts
from apps.dashboard.scope import scope_of

SEES = "accounts.view_catalogue"
EDITS_ALIASES = "catalog.add_facilityalias"


@require_safe
@needs(SEES)
def facilities(request: HttpRequest) -> HttpResponse:
    """In tree order, as far as the reader may see it."""
    ids = scope_of(request).ids
    found = Facility.objects.filter(pk__in=ids).select_related("calendar")
    places = sorted(found.annotate(names=Count("aliases")), key=_tree)
    return render(request, "dashboard/facilities.html", {"places": places})


@require_safe
@needs(SEES)
def facility(request: HttpRequest, code: str) -> HttpResponse:
    visible = Facility.objects.filter(pk__in=scope_of(request).ids).select_related("calendar")
    place = get_object_or_404(visible, code=code)
    inherited = Facility.objects.filter(pk__in=place.ancestor_ids).exclude(calendar=None)
    names = FacilityAlias.objects.filter(facility=place).select_related("system")
    context = {
        "place": place,
        "above": visible.filter(children=place).first(),
        "calendar": place.calendar or max(inherited, key=lambda one: one.depth).calendar,
        "aliases": [(alias, takes_two(alias.system)) for alias in names.order_by("alias")],
        "may_edit": request.user.has_perm(EDITS_ALIASES),
        "overrides": _in_force().filter(facility=place),
    }
    return render(request, "dashboard/facility.html", context)


@require_safe
@needs(SEES)
def systems(request: HttpRequest) -> HttpResponse:
    sends, receives = Count("sends", distinct=True), Count("receives", distinct=True)
    found = System.objects.annotate(out=sends, into=receives, lanes=Count("stages", distinct=True))
    return render(request, "dashboard/systems.html", {"systems": found.order_by("name")})


@require_safe
@needs(SEES)
def interfaces(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = contracts(facilities=scope_of(request).ids)
    rows = [(one, one.silence(now)) for one in found]
    context = {
        "rows": rows,
        "silent": sum(silence is not None for _, silence in rows),
        "protocols": dict(Interface.Protocol.choices),
        "patterns": dict(Interface.Pattern.choices),
    }
    return render(request, "dashboard/interfaces.html", context)


@require_safe
@needs(SEES)
def workflows(request: HttpRequest) -> HttpResponse:
    """Each with the promises that hold in the whole network."""
    network = _in_force().filter(facility=None)
    held = {target.clock_id: target for target in network}
    found = Workflow.objects.prefetch_related("stages", "clocks").order_by("position")
    rows = [(one, [(clock, held.get(clock.pk)) for clock in one.clocks.all()]) for one in found]
    return render(request, "dashboard/workflows.html", {"rows": rows})


@require_safe
@needs(SEES)
def workflow(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(Workflow, code=code)
    clocks = found.clocks.select_related("start_stage", "stop_stage")
    scope = scope_of(request).ids
    context = {
        "workflow": found,
        "stages": found.stages.select_related("system").order_by("rank"),
        "clocks": [(clock, _history(clock, scope)) for clock in clocks],
        "may_propose": request.user.has_perm("accounts.propose_changes"),
        "now": timezone.now(),
    }
    return render(request, "dashboard/workflow.html", context)


def _history(clock: Clock, scope: Any) -> QuerySet[SlaTarget]:
    """Versions of the network and of the facilities one sees, by place, newest first."""
    places = Q(facility=None) | Q(facility_id__in=scope)
    found = SlaTarget.objects.filter(places, clock=clock).select_related(
        "facility", "created_by", "clock"
    )
    return found.order_by("facility__path", "-effective_from")


def _in_force() -> QuerySet[SlaTarget]:
    now = timezone.now()
    ends_later = Q(effective_to=None) | Q(effective_to__gt=now)
    found = SlaTarget.objects.filter(ends_later, effective_from__lte=now)
    return found.select_related("clock__workflow", "facility")


def _tree(place: Facility) -> list[int]:
    return [int(step) for step in place.path.strip("/").split("/")]
