"""Facilities as the tree they are, with the names other systems give them."""

from typing import Any

from django.contrib import admin
from django.db.models import Func, IntegerField, QuerySet
from django.http import HttpRequest

from apps.catalog.admin.shown import OnlyShown, Shown
from apps.catalog.admin.spans import LaysOutSpans
from apps.catalog.models import Facility, FacilityAlias

NO_BREAK_SPACE = "\u00a0"  # a name and its indentation stay on one line


class TreeOrder(Func):
    """A path as numbers, so that /1/10/ follows /1/9/ and children follow their parent."""

    template = "string_to_array(btrim(%(expressions)s, '/'), '/')::integer[]"
    output_field = IntegerField()


class AliasInline(Shown, admin.TabularInline):
    """Names are given and taken under Catalogue, where money is posted by them by two people."""

    model = FacilityAlias
    extra = 0
    verbose_name_plural = "names in other systems"


class RegionFilter(admin.SimpleListFilter):
    """A node and everything below it."""

    title = "region"
    parameter_name = "under"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        places = model_admin.get_queryset(request)
        regions = places.filter(kind=Facility.Kind.REGION).order_by("name")
        return [(region.path, region.name) for region in regions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(path__startswith=self.value()) if self.value() else queryset


@admin.register(Facility)
class FacilityAdmin(LaysOutSpans):
    list_display = ["tree_name", "code", "kind", "time_zone", "own_calendar", "active"]
    list_display_links = ["tree_name"]
    list_filter = [RegionFilter, "kind", "time_zone", "active"]
    list_per_page = 200
    list_select_related = ["calendar"]
    ordering = [TreeOrder("path").asc()]
    search_fields = ["code", "name", "short_name", "aliases__alias"]
    search_help_text = "Code, name, or what any system calls it"
    autocomplete_fields = ["parent", "calendar"]
    inlines = [AliasInline]
    fieldsets = [
        (None, {"fields": ["code", "name", "short_name", "kind", "active"]}),
        (
            "Place in the tree",
            {
                "fields": ["parent"],
                "description": "Moving a facility moves everything below it. Grants and target "
                "overrides of the new parents hold from then on.",
            },
        ),
        ("Time", {"fields": ["time_zone", "calendar"]}),
    ]

    @admin.display(description="facility")
    def tree_name(self, facility: Facility) -> str:
        indented = " " * (4 * facility.depth) + facility.name
        return indented.replace(" ", NO_BREAK_SPACE)

    @admin.display(description="calendar", empty_value="inherited")
    def own_calendar(self, facility: Facility) -> str | None:
        return facility.calendar.name if facility.calendar else None


@admin.register(FacilityAlias)
class FacilityAliasAdmin(OnlyShown):
    list_display = ["alias", "system_name", "facility"]
    list_filter = [("system", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["system", "facility"]
    search_fields = ["alias", "facility__code", "facility__name"]

    @admin.display(description="system", empty_value="any sender", ordering="system__name")
    def system_name(self, alias: FacilityAlias) -> str | None:
        return alias.system.name if alias.system else None
