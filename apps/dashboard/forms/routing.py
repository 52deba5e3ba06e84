"""Forms of the rules by which cases go to teams, and of the deadlines of their money."""

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.text import slugify
from django.utils.timezone import now

from apps.catalog.models import (
    DeadlineRule,
    ErrorClass,
    ExceptionKind,
    Facility,
    RoutingRule,
    System,
    Workflow,
)
from apps.dashboard.forms.catalogue import LONGEST_REASON, SELECT, SHORTEST_REASON, TEXT
from apps.dashboard.forms.exceptions import DUE_UNITS, LONGEST_DUE, WhyForm

# What an empty choice means.
EMPTY = {
    "workflow": "Any workflow",
    "kind": "Any kind",
    "error_class": "Any class",
    "facility": "Any facility",
    "system": "Any system",
    "team": "To whom its playbook says",
    "severity": "As its playbook says",
}
PARTS = {
    "The rule": ("name", "position"),
    "Which cases": ("workflow", "kind", "error_class", "facility", "payer", "at_least",
                    "less_than", "system"),
    "What holds for them": ("team", "strategy", "severity", "due", "unit"),
    "Why": ("why",),
}  # fmt: skip
MOST_DOLLARS = Decimal("100000000")
LONGEST_CODE = 36


def _dollars(label: str) -> forms.DecimalField:
    widget = forms.NumberInput({**TEXT, "step": "0.01"})
    return forms.DecimalField(
        min_value=0, max_value=MOST_DOLLARS, decimal_places=2, required=False, label=label,
        widget=widget,
    )  # fmt: skip


class RuleForm(WhyForm):
    """A rule, or a new version of one: which cases, and what then holds for them."""

    at_least = _dollars("Dollars, at least")
    less_than = _dollars("Dollars, less than")
    due = forms.DecimalField(
        min_value=Decimal("0.01"), max_value=9_000, required=False, label="To be resolved within",
        widget=forms.NumberInput({**TEXT, "step": "any"}), help_text="Empty: as its playbook says.",
    )  # fmt: skip
    unit = forms.ChoiceField(
        choices=list(DUE_UNITS.items()), label="Counted in", widget=forms.Select(SELECT)
    )

    field_order = [  # noqa: RUF012
        "name", "position", "workflow", "kind", "error_class", "facility", "payer", "at_least",
        "less_than", "system", "team", "severity", "due", "unit", "strategy", "why",
    ]  # fmt: skip

    class Meta:
        model = RoutingRule
        fields: ClassVar = [
            "name", "position", "workflow", "kind", "error_class", "facility", "payer", "system",
            "team", "severity", "strategy", "why",
        ]  # fmt: skip
        labels: ClassVar = {
            "position": "Place in the order",
            "kind": "Kind of exception",
            "error_class": "Class of trouble",
            "team": "Goes to",
            "strategy": "Given out by",
        }
        help_texts: ClassVar = {
            "position": "Of the rules that fit a case, the highest wins.",
        }
        widgets: ClassVar = {
            name: forms.Select(SELECT)
            for name in ("workflow", "kind", "error_class", "facility", "system", "team",
                         "severity", "strategy")
        } | {
            "name": forms.TextInput(TEXT),
            "position": forms.NumberInput(TEXT),
            "payer": forms.TextInput({**TEXT, "class": "control mono"}),
        }  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in EMPTY.items():
            field: Any = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.empty_label = label
            else:
                field.choices = [("", label), *(one for one in field.choices if one[0])]

    @property
    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields as the page groups them."""
        return [(title, [self[name] for name in names]) for title, names in PARTS.items()]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        least, below = cleaned.get("at_least"), cleaned.get("less_than")
        if least is not None and below is not None and below <= least:
            self.add_error("less_than", "No amount lies between these.")
        self.instance.amount_from = None if least is None else int(least * 100)
        self.instance.amount_to = None if below is None else int(below * 100)
        self._keep_due(cleaned)
        if not self.instance.code:
            self._name(cleaned.get("name", ""))
        return cleaned

    def _keep_due(self, cleaned: dict[str, Any]) -> None:
        self.instance.due_seconds, self.instance.due_measure = None, ""
        if cleaned.get("due") and cleaned.get("unit"):
            measure, size = cleaned["unit"].split()
            seconds = int(cleaned["due"] * int(size))
            if not 60 <= seconds <= LONGEST_DUE:
                self.add_error("due", "Between a minute and a year.")
            self.instance.due_seconds, self.instance.due_measure = seconds, measure

    def _name(self, name: str) -> None:
        """Its name in addresses, from the one people use."""
        code = slugify(name).replace("-", "_").strip("_")[:LONGEST_CODE].strip("_")
        if not code:
            self.add_error("name", "Use some letters or digits.")
        elif RoutingRule.objects.filter(code=code).exists():
            self.add_error("name", "There is, or was, a rule of this name. Choose another.")
        self.instance.code = code

    def _post_clean(self) -> None:
        # Its dates are the proposal's matter: they are set when somebody approves.
        self.instance.effective_from = self.instance.effective_from or now()
        super()._post_clean()  # type: ignore[misc]

    def validate_constraints(self) -> None:
        """What holds between versions is judged with the end of the one before."""


class ReasonForm(forms.Form):
    """Why a rule is to end."""

    why = forms.CharField(
        min_length=SHORTEST_REASON, max_length=LONGEST_REASON, label="Why",
        widget=forms.TextInput(TEXT), help_text="A second person decides by it.",
    )  # fmt: skip

    @property
    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        """As those of the form of a rule."""
        return [("Why", [self["why"]])]


class DeadlineForm(WhyForm):
    """After when the money of a workflow is lost."""

    class Meta:
        model = DeadlineRule
        fields: ClassVar = ["workflow", "kind", "payer", "days", "since"]
        labels: ClassVar = {"kind": "Deadline", "since": "Counted from"}
        widgets: ClassVar = {
            "workflow": forms.Select(SELECT),
            "kind": forms.Select(SELECT),
            "payer": forms.TextInput({**TEXT, "class": "control mono"}),
            "days": forms.NumberInput(TEXT),
            "since": forms.Select(SELECT),
        }


class WhoseForm(forms.Form):
    """A case that somebody thinks of: whose would it be?"""

    workflow = forms.ModelChoiceField(
        Workflow.objects.all(), to_field_name="code", empty_label="Choose a workflow",
        widget=forms.Select(SELECT),
    )  # fmt: skip
    facility = forms.ModelChoiceField(
        Facility.objects.none(), to_field_name="code", empty_label="Choose a facility",
        widget=forms.Select(SELECT),
    )  # fmt: skip
    kind = forms.ModelChoiceField(
        ExceptionKind.objects.all(), to_field_name="code", required=False,
        empty_label="Unexplained", widget=forms.Select(SELECT),
    )  # fmt: skip
    trouble = forms.ChoiceField(
        choices=[("", "Not said"), *ErrorClass.choices], required=False,
        label="Class", widget=forms.Select(SELECT),
    )  # fmt: skip
    payer = forms.CharField(
        max_length=80, required=False, widget=forms.TextInput({**TEXT, "size": 10})
    )
    dollars = _dollars("Dollars")
    system = forms.ModelChoiceField(
        System.objects.all(), to_field_name="code", required=False, empty_label="Any system",
        widget=forms.Select(SELECT),
    )  # fmt: skip

    def __init__(self, *args: Any, facilities: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["facility"].queryset = Facility.objects.filter(pk__in=facilities)  # type: ignore[attr-defined]
