"""The catalogue's pages registered again: with the scope of who looks, and a second person.

The catalogue knows places and no people, so it cannot do this itself.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.accounts.access import facilities_to_administer, sees_everything
from apps.accounts.admin.scope import InScope
from apps.accounts.admin.two import TakesTwo
from apps.catalog.admin.calendars import BusinessCalendarAdmin
from apps.catalog.admin.places import FacilityAdmin, FacilityAliasAdmin
from apps.catalog.admin.targets import SlaTargetAdmin
from apps.catalog.admin.workflows import WorkflowAdmin
from apps.catalog.models import BusinessCalendar, Facility, FacilityAlias, SlaTarget, Workflow

admin.site.unregister([BusinessCalendar, Facility, FacilityAlias, SlaTarget, Workflow])


@admin.register(BusinessCalendar)
class BusinessCalendarByTwoAdmin(TakesTwo, BusinessCalendarAdmin):
    free = frozenset(["name"])


@admin.register(Workflow)
class WorkflowByTwoAdmin(TakesTwo, WorkflowAdmin):
    free = frozenset(["name", "short_name"])


@admin.register(Facility)
class FacilityInScopeAdmin(InScope, TakesTwo, FacilityAdmin):
    free = frozenset(["name", "short_name"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Codes are one list of the whole network: "taken" would tell what lies elsewhere."""
        may = super().has_add_permission(request)
        return may and sees_everything(request.user)

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
