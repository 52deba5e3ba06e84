"""SLA targets: every version to read, a new version to write."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime, now

from apps.catalog.models import Clock, SlaTarget
from apps.catalog.queries import target_history
from apps.catalog.services import (
    ChangeOverlaps,
    ChangeRewritesHistory,
    TargetChange,
    change_target,
)

VERSION_ROW = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"


class NewVersionForm(forms.ModelForm):
    """What may be said about a new version; its end is set by the one after it."""

    class Meta:
        model = SlaTarget
        fields = ["clock", "facility", "threshold_seconds", "objective", "effective_from", "why"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "effective_from" in self.fields:  # absent on the read-only page
            self.fields["effective_from"].required = False
            self.fields["effective_from"].help_text = "UTC. Empty: in about two minutes."

    def clean_effective_from(self) -> Any:
        moment = self.cleaned_data["effective_from"]
        if moment and moment < now():
            raise ValidationError("A new version starts now or later; history stays as it was.")
        return moment or now() + timedelta(minutes=2)


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
class SlaTargetAdmin(admin.ModelAdmin):
    form = NewVersionForm
    change_form_template = "admin/catalog/slatarget/change_form.html"
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
    autocomplete_fields = ["clock", "facility"]
    readonly_fields = ["versions"]

    def get_fieldsets(self, request: HttpRequest, obj: SlaTarget | None = None) -> Any:
        promise = ["clock", "facility", "threshold_seconds", "objective"]
        if obj is None:
            return [(None, {"fields": promise}), ("Change", {"fields": ["effective_from", "why"]})]
        dates = ["effective_from", "effective_to", "why", "created_by"]
        return [(None, {"fields": [*promise, *dates]}), ("History", {"fields": ["versions"]})]

    def has_change_permission(self, request: HttpRequest, obj: SlaTarget | None = None) -> bool:
        """A version is never edited: the change page reads, and offers a new version."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SlaTarget | None = None) -> bool:
        """Only what has not begun may go; the database refuses the rest in any case."""
        planned = obj is not None and obj.effective_from > now()
        return planned and super().has_delete_permission(request, obj)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().add_view(request, *args, **kwargs)
        except (ChangeRewritesHistory, ChangeOverlaps):
            text = "Somebody changed this target at the same moment. Look at it and try again."
            self.message_user(request, text, messages.ERROR)
            return redirect(reverse("admin:catalog_slatarget_changelist"))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        target = self.get_object(request, object_id)
        link = new_version_address(target) if target and self.has_add_permission(request) else ""
        context = {**(extra_context or {}), "new_version_address": link}
        return super().change_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: SlaTarget, form: Any, change: bool) -> None:
        """Adding is a change of the promise: the version in force ends where this one begins."""
        new = change_target(
            TargetChange(
                clock=obj.clock,
                facility=obj.facility,
                threshold_seconds=obj.threshold_seconds,
                objective=obj.objective,
                effective_from=obj.effective_from,
                why=obj.why,
            ),
            by=request.user,
        )
        obj.pk = new.pk
        obj._state.adding = False

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


def new_version_address(target: SlaTarget) -> str:
    """The add page, filled in with what is promised now."""
    promise = {
        "clock": target.clock_id,
        "facility": target.facility_id or "",
        "threshold_seconds": target.threshold_seconds,
        "objective": target.objective.normalize(),
    }
    return f"{reverse('admin:catalog_slatarget_add')}?{urlencode(promise)}"
