"""Forms of the catalogue: a name for a facility, a change of a target, a decision."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.timezone import now

from apps.catalog.models import Clock, Facility, FacilityAlias, System
from apps.catalog.services.targets import TargetChange
from apps.dashboard import wording

TEXT = {"class": "control", "autocomplete": "off"}
SELECT = {"class": "control"}
UNITS = (("60", "minutes"), ("3600", "hours"), ("86400", "days"), ("1", "seconds"))
SHORTEST_REASON, LONGEST_REASON = 5, 500


class AliasForm(forms.Form):
    """What a system calls a facility."""

    alias = forms.CharField(
        max_length=80,
        label="Name",
        widget=forms.TextInput({**TEXT, "class": "control mono"}),
        help_text="Exactly as the sender writes it.",
    )
    facility = forms.ModelChoiceField(
        Facility.objects.none(),
        to_field_name="code",
        label="Means",
        empty_label="Choose a facility",
        widget=forms.Select(SELECT),
    )
    system = forms.ModelChoiceField(
        System.objects.all(),
        to_field_name="code",
        required=False,
        label="Used by",
        empty_label="Any sender",
        widget=forms.Select(SELECT),
        help_text="Only this system's events are read so.",
    )
    why = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        label="Why",
        widget=forms.TextInput(TEXT),
        help_text="Needed where money is posted by it (ERP, bank, any sender): two people decide.",
    )

    def __init__(
        self, *args: Any, facilities: Sequence[int], everywhere: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["facility"]
        field.queryset = Facility.objects.filter(pk__in=facilities, active=True)
        # Names are one list, also of what somebody may not see: "taken" says no more than they
        # see, and whoever sees a part proposes.
        self.seen = FacilityAlias.objects.filter(facility__in=facilities)
        if not everywhere:
            self.fields["why"].help_text = "You see a part of the network: a second person decides."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        taken = self.seen.filter(system=cleaned.get("system"), alias=cleaned.get("alias", ""))
        if taken.exists():
            whose = "This system" if cleaned.get("system") else "The list open to any sender"
            self.add_error("alias", f"{whose} has this name already. Remove it there first.")
        return cleaned


class TargetForm(forms.Form):
    """A new version of a promise: how fast, how often, where, from when, and why."""

    facility = forms.ModelChoiceField(
        Facility.objects.none(),
        to_field_name="code",
        required=False,
        label="Where",
        widget=forms.Select(SELECT),
    )
    amount = forms.DecimalField(
        min_value=Decimal("0.001"),
        max_value=100_000,
        label="Within",
        widget=forms.NumberInput({**TEXT, "step": "any"}),
    )
    unit = forms.ChoiceField(choices=UNITS, label="Unit", widget=forms.Select(SELECT))
    time = forms.TimeField(label="By, local time", widget=forms.TimeInput({**TEXT, "type": "time"}))
    percent = forms.DecimalField(
        label="Objective, %",
        min_value=Decimal("0.001"),
        max_value=Decimal("99.999"),
        decimal_places=3,
        widget=forms.NumberInput({**TEXT, "step": "any"}),
        help_text="The share that must be in time.",
    )
    effective_from = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput({**TEXT, "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: two minutes after it is approved. What was measured before stays.",
    )
    why = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        label="Why",
        widget=forms.Textarea({"class": "control tall", "rows": 3}),
        help_text="Where the figure comes from, or why it changes. Kept with the version.",
    )

    def __init__(
        self,
        *args: Any,
        clock: Clock,
        facilities: Sequence[int],
        everywhere: bool,
        zone: ZoneInfo,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.clock, self.zone = clock, zone
        self.fields["effective_from"].label = f"From ({wording.zone_in_words(zone)})"
        place: Any = self.fields["facility"]
        place.queryset = Facility.objects.filter(pk__in=facilities)
        place.empty_label = "Whole network" if everywhere else "Choose a facility"
        place.required = not everywhere
        by_time = clock.measure == Clock.Measure.TIME_OF_DAY
        for name in ("amount", "unit") if by_time else ("time",):
            del self.fields[name]

    def clean_effective_from(self) -> datetime | None:
        moment: datetime | None = self.cleaned_data["effective_from"]
        if moment is None:
            return None
        # As it was typed, without a zone of its own.
        moment = moment.replace(tzinfo=self.zone).astimezone(UTC)
        if moment <= now():
            raise forms.ValidationError(
                "That has passed: a version begins now or later, and history stays as it was."
            )
        return moment

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"amount", "unit"} <= cleaned.keys() and self.seconds() < 1:
            self.add_error("amount", "At least a second.")
        return cleaned

    def seconds(self) -> int:
        """The threshold as it is kept."""
        if "time" in self.fields:
            time = self.cleaned_data["time"]
            return time.hour * 3600 + time.minute * 60 or 86_400
        return int(self.cleaned_data["amount"] * int(self.cleaned_data["unit"]))

    def change(self) -> TargetChange:
        """What was asked for."""
        said = self.cleaned_data
        return TargetChange(
            clock=self.clock,
            facility=said["facility"],
            threshold_seconds=self.seconds(),
            objective=said["percent"] / 100,
            effective_from=said["effective_from"],
            why=said["why"],
        )


class DecisionForm(forms.Form):
    """Yes or no, and why not."""

    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("refuse", "Refuse")])
    note = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        label="Note",
        widget=forms.TextInput(TEXT),
        help_text="Needed to refuse.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        note = cleaned.get("note") or ""
        if cleaned.get("decision") == "refuse" and len(note) < SHORTEST_REASON:
            self.add_error("note", "Say why, so that it can be proposed better.")
        return cleaned
