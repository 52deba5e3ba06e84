"""The catalogue's pages about facilities, registered again with the scope of who looks.

The catalogue knows places and no people, so it cannot do this itself.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.accounts.access import facilities_to_administer
from apps.accounts.admin.scope import InScope
from apps.catalog.admin.places import FacilityAdmin, FacilityAliasAdmin
from apps.catalog.admin.targets import SlaTargetAdmin
from apps.catalog.models import Facility, FacilityAlias, SlaTarget

admin.site.unregister([Facility, FacilityAlias, SlaTarget])


@admin.register(Facility)
class FacilityInScopeAdmin(InScope, FacilityAdmin):
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
