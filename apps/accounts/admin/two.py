"""Forms of the administration whose changes wait for a second person.

Hours, stages, clocks and the tree decide what is in time and who sees it. Whoever saves such a form
proposes: what was typed is kept as it is, and happens when somebody else approves it.
"""

from collections.abc import Collection, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.accounts.acts import Act
from apps.accounts.admin.scope import sees_all
from apps.accounts.services import audit
from apps.catalog.models import ChangeProposal, Facility
from apps.catalog.services import rows
from apps.catalog.services.proposals import propose_rows


class WithReason(forms.ModelForm):
    """A change, and why: the second person decides by it."""

    why = forms.CharField(
        min_length=5,
        max_length=500,
        widget=forms.TextInput({"class": "vTextField"}),
        help_text="Saving proposes the change. Somebody else approves it, under Changes, by this.",
    )
    # Why what was typed could never be approved.
    refusal = ""

    def clean(self) -> dict[str, Any] | None:
        if self.refusal:
            raise ValidationError(self.refusal)
        return super().clean()


class TakesTwo(admin.ModelAdmin):
    """A new row is one person's; from then on it changes by two. Nothing is deleted here."""

    # What may be corrected alone: it decides nothing.
    free: frozenset[str] = frozenset()

    def changeform_view(self, request: HttpRequest, *args: Any, **kw: Any) -> Any:
        """What the catalogue refuses is shown again as it was typed, with the reason."""
        try:
            return super().changeform_view(request, *args, **kw)
        except (rows.DoesNotFit, rows.ChangedMeanwhile) as refusal:
            request.refusal = str(refusal)  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kw)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        if self._proposes(request, obj):
            refusal = getattr(request, "refusal", "")
            kw["form"] = type("WithReason", (WithReason,), {"refusal": refusal})
        return super().get_form(request, obj, change=change, **kw)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        reason = ("A second person decides", {"fields": ["why"]})
        return [*shown, reason] if self._proposes(request, obj) else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Events, keys and links name a row by its code for good."""
        fields = super().get_readonly_fields(request, obj)
        return [*fields, "code"] if obj else fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A change waits for the inlines: both are one proposal, or both are saved."""
        if not change:
            super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        free = self.free_for(request)
        found = list(self._rows(form, formsets, free)) if change else []
        if found:
            request.proposal = self._propose(request, form, found)  # type: ignore[attr-defined]
            return
        if change:
            # Only these: what was approved since the row was read stays.
            form.instance.save(update_fields=free.intersection(form.changed_data))
        super().save_related(request, form, formsets, change)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """What is only proposed is noted as that, and nothing else was changed."""
        return None if hasattr(request, "proposal") else super().log_change(request, obj, message)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        proposal = getattr(request, "proposal", None)
        if proposal is None:
            return super().response_change(request, obj)
        messages.success(request, "Proposed. It holds once a second person has approved it.")
        return redirect("dashboard:proposal", proposal.pk)

    def free_for(self, request: HttpRequest) -> frozenset[str]:
        """What this person may correct alone."""
        return self.free

    def _proposes(self, request: HttpRequest, obj: Any) -> bool:
        return obj is not None and self.has_change_permission(request, obj)

    def _rows(self, form: Any, formsets: Any, free: Collection[str]) -> Iterator[rows.Row]:
        said = [name for name in form.changed_data if name != "why"]
        inner = [row for formset in formsets for row in rows_of(formset)]
        if inner or not set(said) <= set(free):
            if said:
                yield rows.changed(form.instance, *said)
            yield from inner

    def _propose(self, request: HttpRequest, form: Any, found: list[rows.Row]) -> ChangeProposal:
        row: Model = form.instance
        place = row if isinstance(row, Facility) else None
        # The instance holds what was typed; it is called what it is called now.
        about = str(type(row)._default_manager.get(pk=row.pk))
        made = propose_rows(
            found,
            about=about,
            facility=place,
            why=form.cleaned_data["why"],
            by=request.user,
            sees_all=sees_all(request),
        )
        facts = {"kind": made.kind, "model": row._meta.model_name, "rows": len(found)}
        audit.record(request.user, Act.CHANGE_PROPOSED, on=f"proposal:{made.pk}",
                     facility=made.facility_id, facts=facts)  # fmt: skip
        return made


class OfTheNetwork(TakesTwo):
    """Rows that all facilities share: who sees a part of them adds and corrects none alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and sees_all(request)

    def free_for(self, request: HttpRequest) -> frozenset[str]:
        return super().free_for(request) if sees_all(request) else frozenset()


class ByWhoSeesAll(OfTheNetwork):
    """Such rows that decide nothing: who sees the whole network changes them alone."""

    def free_for(self, request: HttpRequest) -> frozenset[str]:
        every = frozenset(field.name for field in self.opts.concrete_fields)
        return every if sees_all(request) else frozenset()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = admin.ModelAdmin.has_delete_permission(self, request, obj)
        return may and sees_all(request)

    def _proposes(self, request: HttpRequest, obj: Any) -> bool:
        return super()._proposes(request, obj) and not sees_all(request)


def rows_of(formset: Any) -> Iterator[rows.Row]:
    """What a formset would do, with nothing of it done."""
    formset.save(commit=False)
    yield from (rows.removed(row) for row in formset.deleted_objects)
    yield from (rows.changed(row, *names) for row, names in formset.changed_objects)
    yield from (rows.added(row) for row in formset.new_objects)
