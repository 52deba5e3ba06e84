"""The catalogue's pages registered again: with the scope of who looks, and a second person.

The catalogue knows places and no people, so it cannot do this itself.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.accounts.access import facilities_to_administer
from apps.accounts.admin.scope import InScope, sees_all
from apps.accounts.admin.two import ByWhoSeesAll, OfTheNetwork, TakesTwo
from apps.catalog.admin.calendars import BusinessCalendarAdmin
from apps.catalog.admin.places import FacilityAdmin, FacilityAliasAdmin
from apps.catalog.admin.systems import InterfaceAdmin, SystemAdmin, TeamAdmin
from apps.catalog.admin.targets import SlaTargetAdmin
from apps.catalog.admin.workflows import WorkflowAdmin
from apps.catalog.models import (
    BusinessCalendar,
    Facility,
    FacilityAlias,
    Interface,
    SlaTarget,
    System,
    Team,
    Workflow,
)

admin.site.unregister([BusinessCalendar, Facility, FacilityAlias, SlaTarget, Workflow])
admin.site.unregister([Interface, System, Team])


@admin.register(System)
class SystemOfNetworkAdmin(ByWhoSeesAll, SystemAdmin):
    """Senders, lanes and names refer to it everywhere."""


@admin.register(Interface)
class InterfaceOfNetworkAdmin(ByWhoSeesAll, InterfaceAdmin):
    """It carries the messages of every facility."""


@admin.register(Team)
class TeamOfNetworkAdmin(TeamAdmin):
    """Its people change with who works there; what it is called, by who sees the whole network."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and sees_all(request)

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        return super().has_delete_permission(request, obj) and sees_all(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> Any:
        return [] if sees_all(request) else ["code", "name"]


@admin.register(BusinessCalendar)
class BusinessCalendarByTwoAdmin(OfTheNetwork, BusinessCalendarAdmin):
    free = frozenset(["name"])


@admin.register(Workflow)
class WorkflowByTwoAdmin(OfTheNetwork, WorkflowAdmin):
    free = frozenset(["name", "short_name"])


@admin.register(Facility)
class FacilityInScopeAdmin(InScope, TakesTwo, FacilityAdmin):
    free = frozenset(["name", "short_name"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Codes are one list of the whole network: "taken" would tell what lies elsewhere."""
        return super().has_add_permission(request) and sees_all(request)

    def within(self, found: QuerySet[Any], facilities: Sequence[int]) -> QuerySet[Any]:
        return found.filter(pk__in=facilities)

    def get_readonly_fields(self, request: HttpRequest, obj: Facility | None = None) -> Any:
        """The top of one's scope stays where it is in the tree above."""
        fields = super().get_readonly_fields(request, obj)
        if obj is None or obj.parent_id is None:
            return fields
        is_inside = obj.parent_id in facilities_to_administer(request.user)
        return fields if is_inside else [*fields, "parent"]


@admin.register(FacilityAlias)
class FacilityAliasInScopeAdmin(InScope, FacilityAliasAdmin):
    def within(self, found: QuerySet[Any], facilities: Sequence[int]) -> QuerySet[Any]:
        return found.filter(facility__in=facilities)


@admin.register(SlaTarget)
class SlaTargetInScopeAdmin(InScope, SlaTargetAdmin):
    def within(self, found: QuerySet[Any], facilities: Sequence[int]) -> QuerySet[Any]:
        """What holds everywhere holds for everybody's facilities too."""
        return found.filter(Q(facility=None) | Q(facility__in=facilities))
