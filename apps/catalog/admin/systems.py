"""Systems, interfaces and teams."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from apps.catalog.models import Interface, System, Team
from apps.catalog.services.proposals import takes_two


@admin.register(System)
class SystemAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "kind", "sends_count", "receives_count"]
    list_filter = ["kind"]
    search_fields = ["code", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: System | None = None) -> Any:
        """Else one person could call it something else, give a name alone, and call it back."""
        return ["kind"] if obj and takes_two(obj) else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[System]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                sends_count=Count("sends", distinct=True),
                receives_count=Count("receives", distinct=True),
            )
        )

    @admin.display(description="sends over", ordering="sends_count")
    def sends_count(self, system: System) -> int:
        return int(system.sends_count)  # type: ignore[attr-defined]

    @admin.display(description="receives over", ordering="receives_count")
    def receives_count(self, system: System) -> int:
        return int(system.receives_count)  # type: ignore[attr-defined]


@admin.register(Interface)
class InterfaceAdmin(admin.ModelAdmin):
    list_display = [
        "name",
        "workflow",
        "source",
        "target",
        "protocol",
        "pattern",
        "technical_owner",
        "expected_gap",
        "active",
    ]
    list_filter = ["workflow", "protocol", "pattern", "source", "technical_owner", "active"]
    list_select_related = ["workflow", "source", "target", "technical_owner"]
    search_fields = ["code", "name", "source__name", "target__name"]
    autocomplete_fields = ["source", "target", "workflow", "business_owner", "technical_owner"]
    fieldsets = [
        (None, {"fields": ["code", "name", "workflow", "active"]}),
        ("Way", {"fields": [("source", "target"), ("protocol", "pattern")]}),
        ("Owners", {"fields": [("business_owner", "technical_owner")]}),
        ("Watching", {"fields": ["expected_gap_seconds"]}),
    ]

    @admin.display(description="expected gap", ordering="expected_gap_seconds", empty_value="-")
    def expected_gap(self, interface: Interface) -> str | None:
        seconds = interface.expected_gap_seconds
        if seconds is None:
            return None
        return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "member_count"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["members"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(member_count=Count("members"))

    @admin.display(description="members", ordering="member_count")
    def member_count(self, team: Team) -> int:
        return int(team.member_count)  # type: ignore[attr-defined]
