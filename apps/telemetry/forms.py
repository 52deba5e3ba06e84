"""Forms of the quarantine: filter the list, correct an event, give one up."""

from collections.abc import Mapping
from typing import Any, cast, get_args

from django import forms
from django.db.models import QuerySet

from apps.telemetry.formats.events import TYPES, AmountKind, Outcome
from apps.telemetry.models import Quarantine, Source
from apps.telemetry.refusals import Code
from apps.telemetry.services.quarantine import LONGEST_REASON, SHORTEST_REASON

STAGE = "throughline.stage.v1"
_ENVELOPE = ("id", "source", "type", "time", "subject")
_NUMBERS = {"attempt", "count", "queue_depth", "oldest_age_seconds"}
_NOT_EDITED = {"business_keys", "keys", "error", "test", "backfill"}
_CHOICES = {
    "type": tuple(TYPES),
    "outcome": get_args(Outcome),
    "amount_kind": get_args(AmountKind),
    "side": ("source", "target"),
}


class FilterForm(forms.Form):
    """What of the quarantine to list."""

    state = forms.ChoiceField(
        choices=[("", "Any state"), *Quarantine.State.choices], required=False
    )
    code = forms.ChoiceField(
        choices=[("", "Any reason"), *((code.value, code.label) for code in Code)],
        required=False,
        label="Reason",
    )
    source = forms.ModelChoiceField(
        Source.objects.none(), to_field_name="code", required=False, empty_label="Any source"
    )

    def __init__(self, data: Mapping[str, Any], *, sources: QuerySet[Source]) -> None:
        super().__init__({"state": Quarantine.State.OPEN, **{k: data[k] for k in data}})
        cast(forms.ModelChoiceField, self.fields["source"]).queryset = sources
        for field in self.fields.values():
            field.widget.attrs["class"] = "control select"

    def chosen(self) -> dict[str, Any]:
        """The filters that were set; one that makes no sense is as good as not set."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class CorrectionForm(forms.Form):
    """The masked view of an event, to be corrected. A field left empty is left out of the event."""

    def __init__(self, view: Mapping[str, Any], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        event = view.get("event", {})
        self.event = event
        for name in _ENVELOPE:
            self._add(name, event.get(name), f"/{name}")
        schema = TYPES.get(event.get("type", ""), TYPES[STAGE])
        for name in schema.__annotations__["data"].__struct_fields__:
            if name not in _NOT_EDITED:
                self._add(f"data.{name}", event.get("data", {}).get(name), f"/data/{name}")

    def _add(self, name: str, value: Any, pointer: str) -> None:
        last = name.rpartition(".")[2]
        field: forms.Field
        if last in _CHOICES:
            choices = [("", "—"), *((choice, choice) for choice in _CHOICES[last])]
            field = forms.ChoiceField(choices=choices, required=False)
        else:
            field = forms.CharField(max_length=256, required=False)
        field.initial = "" if value is None else str(value)
        field.label = last.replace("_", " ").capitalize()
        field.widget.attrs |= {"class": "control", "data-pointer": pointer}
        self.fields[name] = field

    def changes(self) -> dict[str, Any]:
        """A JSON merge patch: what differs from the view, with null for what was emptied."""
        patch: dict[str, Any] = {}
        if self.event.get("specversion") != "1.0":
            patch["specversion"] = "1.0"
        for name, value in self.cleaned_data.items():
            if value != (self.fields[name].initial or ""):
                group, _, last = name.rpartition(".")
                place = patch.setdefault(group, {}) if group else patch
                place[last] = _typed(last, value)
        return patch

    def point_at(self, pointer: str, message: str) -> None:
        """Show a refusal beside the field it is about."""
        for name, field in self.fields.items():
            if field.widget.attrs["data-pointer"] == pointer:
                field.widget.attrs["aria-invalid"] = "true"
                return self.add_error(name, message)
        return self.add_error(None, message)


class DiscardForm(forms.Form):
    """Why an event is given up."""

    reason = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        widget=forms.TextInput(attrs={"class": "control", "autocomplete": "off"}),
        help_text="Kept with the event. No names or numbers of patients.",
    )


def _typed(name: str, value: str) -> Any:
    if not value:
        return None
    return int(value) if name in _NUMBERS and value.isdecimal() and len(value) < 10 else value
