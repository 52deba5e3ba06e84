"""Workflows with their stages in rank order and their clocks."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import ForeignKey
from django.http import HttpRequest

from apps.catalog.admin.shown import OnlyShown
from apps.catalog.models import Clock, Stage, Workflow

STAGE_FIELDS = (
    "rank",
    "code",
    "name",
    "system",
    "phase",
    "terminal_outcome",
    "reopens",
    "optional",
)


class StageForm(forms.ModelForm):
    """Narrow enough for a row: the admin's own text fields are twice as wide."""

    class Meta:
        model = Stage
        fields = STAGE_FIELDS
        widgets = {
            "code": forms.TextInput(attrs={"size": 18}),
            "name": forms.TextInput(attrs={"size": 26}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "system" in self.fields:  # absent for who may only look
            lane: Any = self.fields["system"].widget
            lane.can_add_related = lane.can_change_related = False
            lane.can_view_related = lane.can_delete_related = False


class StageInline(admin.TabularInline):
    model = Stage
    form = StageForm
    extra = 0
    fields = STAGE_FIELDS


class ClockInline(admin.TabularInline):
    """Whether a clock runs forward is judged with its stages (services.rows), as they become."""

    model = Clock
    extra = 0
    max_num = len(Clock.Kind)
    fields = ["kind", "name", "start_stage", "stop_stage", "measure"]

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer the stages of the workflow on the page only."""
        workflow = (
            request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        )
        if db_field.name in {"start_stage", "stop_stage"}:
            kwargs["queryset"] = Stage.objects.filter(workflow=workflow)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Workflow)
class WorkflowAdmin(admin.ModelAdmin):
    list_display = ["number", "name", "code", "owner_role", "path", "clocks_in_words"]
    list_display_links = ["number", "name"]
    search_fields = ["code", "name", "number"]
    ordering = ["position"]
    inlines = [StageInline, ClockInline]
    fieldsets = [
        (None, {"fields": [("number", "position"), "code", "name", "short_name", "owner_role"]}),
        ("Silence", {"fields": ["expires_after_days"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("stages", "clocks")

    @admin.display(description="stages")
    def path(self, workflow: Workflow) -> str:
        stages = [stage.name for stage in workflow.stages.all() if not stage.optional]
        return f"{stages[0]} → … → {stages[-1]} ({workflow.stages.count()})" if stages else "-"

    @admin.display(description="clocks")
    def clocks_in_words(self, workflow: Workflow) -> str:
        return "; ".join(clock.name for clock in workflow.clocks.all())


@admin.register(Clock)
class ClockAdmin(OnlyShown):
    """Clocks change with their workflow; this page finds them."""

    list_display = ["workflow", "kind", "name", "start_stage", "stop_stage", "measure"]
    list_filter = ["kind", "measure"]
    list_select_related = ["workflow", "start_stage", "stop_stage"]
    search_fields = ["name", "workflow__name", "workflow__code"]
