"""SLA targets: every version to read. A new one is proposed under Catalogue."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime, now

from apps.catalog.admin.shown import OnlyShown
from apps.catalog.models import Clock, SlaTarget
from apps.catalog.queries import target_history

VERSION_ROW = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"


class InForceFilter(admin.SimpleListFilter):
    """Where a version stands in time; what is in force unless asked otherwise."""

    title = "time"
    parameter_name = "time"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("planned", "Planned"), ("past", "Past"), ("all", "All versions")]

    def choices(self, changelist: Any) -> Any:
        everything, *others = super().choices(changelist)
        yield {**everything, "display": "In force"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        moment = now()
        begun = Q(effective_from__lte=moment)
        ended = Q(effective_to__isnull=False, effective_to__lte=moment)
        by_choice = {"planned": ~begun, "past": ended, "all": Q()}
        return queryset.filter(by_choice.get(self.value() or "", begun & ~ended))


@admin.register(SlaTarget)
class SlaTargetAdmin(OnlyShown):
    list_display = [
        "workflow",
        "clock_name",
        "scope",
        "threshold",
        "share",
        "since",
        "until",
    ]
    list_filter = [InForceFilter, "clock__kind", "clock__workflow"]
    list_select_related = ["clock__workflow", "facility", "created_by"]
    search_fields = ["clock__name", "clock__workflow__name", "facility__code", "facility__name"]
    ordering = ["clock__workflow__position", "-clock__kind", "facility__path", "-effective_from"]
    readonly_fields = ["versions"]

    fieldsets = [
        (
            None,
            {
                "fields": [
                    "clock",
                    "facility",
                    "threshold_seconds",
                    "objective",
                    "effective_from",
                    "effective_to",
                    "why",
                    "created_by",
                ],
                "description": "Targets are changed under Catalogue, by two people.",
            },
        ),
        ("History", {"fields": ["versions"]}),
    ]

    @admin.display(ordering="clock__workflow__position")
    def workflow(self, target: SlaTarget) -> str:
        return target.clock.workflow.short_name

    @admin.display(description="clock", ordering="clock__kind")
    def clock_name(self, target: SlaTarget) -> str:
        return target.clock.name

    @admin.display(description="where", ordering="facility__path")
    def scope(self, target: SlaTarget) -> str:
        return target.facility.name if target.facility else "Whole network"

    @admin.display(description="within", ordering="threshold_seconds")
    def threshold(self, target: SlaTarget) -> str:
        return threshold_in_words(target)

    @admin.display(description="objective", ordering="objective")
    def share(self, target: SlaTarget) -> str:
        return f"{target.objective * 100:.3f}".rstrip("0").rstrip(".") + " %"

    @admin.display(ordering="effective_from")
    def since(self, target: SlaTarget) -> str:
        return moment_in_words(target.effective_from)

    @admin.display(ordering="effective_to")
    def until(self, target: SlaTarget) -> str:
        return moment_in_words(target.effective_to)

    @admin.display(description="all versions")
    def versions(self, target: SlaTarget) -> str:
        rows = format_html_join(
            "", VERSION_ROW, (self.version_row(t) for t in target_history(target))
        )
        head = format_html(
            VERSION_ROW.replace("td>", "th>"), "From", "To", "Within", "Share", "Why"
        )
        return format_html("<table>{}{}</table>", head, rows)

    def version_row(self, version: SlaTarget) -> tuple[str, ...]:
        return (
            moment_in_words(version.effective_from),
            moment_in_words(version.effective_to),
            threshold_in_words(version),
            self.share(version),
            f"{version.why} ({version.created_by or 'seed'})",
        )


def moment_in_words(moment: datetime | None) -> str:
    """Short enough for a column."""
    return f"{localtime(moment):%Y-%m-%d %H:%M}" if moment else "further notice"


def threshold_in_words(target: SlaTarget) -> str:
    """Seconds as people say them, with the way they are counted."""
    seconds = target.threshold_seconds
    if target.clock.measure == Clock.Measure.TIME_OF_DAY:
        return f"by {seconds // 3600:02}:{seconds // 60 % 60:02} local time"
    sizes = [(3600, "h"), (60, "min"), (1, "s")]
    if target.clock.measure == Clock.Measure.ELAPSED:
        sizes.insert(0, (86400, "d"))  # a day of open hours would be anyone's guess
    size, unit = next((size, unit) for size, unit in sizes if seconds % size == 0)
    open_hours = " of open hours" if target.clock.measure == Clock.Measure.BUSINESS else ""
    return f"{seconds // size} {unit}{open_hours}"
