"""Forms of the kinds of exceptions: their words, and the codes they are known by."""

import re
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.db.models import Max
from django.utils.timezone import now

from apps.catalog.models import ErrorSignal, ExceptionKind, Playbook, System, Workflow
from apps.dashboard.forms.catalogue import LONGEST_REASON, SELECT, SHORTEST_REASON, TEXT

DUE_UNITS = {
    "elapsed 60": "minutes",
    "elapsed 3600": "hours",
    "business 3600": "open hours of the facility",
}
LONGEST_DUE = 366 * 86_400


class WhyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A change that a second person approves, and why."""

    why = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        label="Why",
        widget=forms.TextInput(TEXT),
        help_text="A second person decides by it.",
    )


class KindForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new kind: nothing but its code, until it has words and signs."""

    class Meta:
        model = ExceptionKind
        fields: ClassVar = ["code"]
        widgets: ClassVar = {"code": forms.TextInput({**TEXT, "class": "control mono"})}
        help_texts: ClassVar = {"code": "Two or three capitals and two digits, as in TRN-12."}

    def save(self, commit: bool = True) -> Any:
        last = ExceptionKind.objects.aggregate(last=Max("position"))["last"] or 0
        self.instance.position = last + 1
        return super().save(commit)


class PlaybookForm(WhyForm):
    """A new version of what people are told."""

    due = forms.DecimalField(
        min_value=Decimal("0.01"),
        max_value=9_000,
        label="To be resolved within",
        widget=forms.NumberInput({**TEXT, "step": "any"}),
    )
    unit = forms.ChoiceField(choices=list(DUE_UNITS.items()), widget=forms.Select(SELECT))

    field_order = [  # noqa: RUF012
        "title", "happened", "matters", "steps", "owner", "severity", "replay", "due", "unit",
        "why",
    ]  # fmt: skip

    class Meta:
        model = Playbook
        fields: ClassVar = [
            "title", "happened", "matters", "steps", "owner", "replay", "severity", "why",
        ]  # fmt: skip
        labels: ClassVar = {
            "title": "What went wrong",
            "happened": "What happened",
            "matters": "Why it matters",
            "steps": "What to do now",
        }
        widgets: ClassVar = {
            "title": forms.TextInput(TEXT),
            "happened": forms.TextInput(TEXT),
            "matters": forms.TextInput(TEXT),
            "steps": forms.Textarea({"class": "control tall", "rows": 4}),
            "owner": forms.Select(SELECT),
            "replay": forms.Select(SELECT),
            "severity": forms.Select(SELECT),
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"due", "unit"} <= cleaned.keys():
            measure, size = cleaned["unit"].split()
            seconds = int(cleaned["due"] * int(size))
            if not 60 <= seconds <= LONGEST_DUE:
                self.add_error("due", "Between a minute and a year.")
            self.instance.due_seconds, self.instance.due_measure = seconds, measure
        return cleaned

    def _post_clean(self) -> None:
        # Its dates are the proposal's matter: they are set when somebody approves.
        self.instance.effective_from = self.instance.effective_from or now()
        super()._post_clean()  # type: ignore[misc]

    def validate_constraints(self) -> None:
        """What holds between versions is judged with the end of the one before."""


class CodeForm(forms.Form):
    """A native code as a sender wrote it: which kind would it be?"""

    standard = forms.CharField(max_length=20, widget=forms.TextInput({**TEXT, "size": 8}))
    code = forms.CharField(max_length=80, widget=forms.TextInput({**TEXT, "size": 12}))
    location = forms.CharField(
        max_length=80, required=False, widget=forms.TextInput({**TEXT, "size": 10})
    )
    workflow = forms.ModelChoiceField(
        Workflow.objects.all(),
        to_field_name="code",
        required=False,
        empty_label="Any workflow",
        widget=forms.Select(SELECT),
    )
    target = forms.ChoiceField(
        choices=[("", "Any system"), *System.Kind.choices],
        required=False,
        label="Sent to",
        widget=forms.Select(SELECT),
    )


class SignalForm(WhyForm):
    """A code that means a kind from now on."""

    class Meta:
        model = ErrorSignal
        fields: ClassVar = ["standard", "code", "location", "workflow", "target", "error_class"]
        labels: ClassVar = {"target": "Sent to"}
        widgets: ClassVar = {
            "standard": forms.TextInput(TEXT),
            "code": forms.TextInput({**TEXT, "class": "control mono"}),
            "location": forms.TextInput({**TEXT, "class": "control mono"}),
            "workflow": forms.Select(SELECT),
            "target": forms.Select(SELECT),
            "error_class": forms.Select(SELECT),
        }
        help_texts: ClassVar = {
            "code": "A star stands for anything: A7:* is any status of that category.",
            "location": "Where in the message; a star for anywhere.",
        }

    def clean(self) -> dict[str, Any]:
        """In three words, no spaces: that is how codes come."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("standard", "code", "location"):
            if re.search(r"\s", cleaned.get(name, "")):
                self.add_error(name, "Without spaces.")
        if not (cleaned.get("code", "x") + cleaned.get("location", "x")).strip("*"):
            self.add_error("code", "That would be every code of the standard. Name some of it.")
        if not cleaned.get("standard", "x").strip("*"):
            self.add_error("standard", "That would be every standard. Name one.")
        return cleaned
