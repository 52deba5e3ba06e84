"""Forms of sources: a new one, a key for it, what follows a key, and the end of one."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.timezone import now

from apps.catalog.models import Facility, System
from apps.catalog.snapshot import Facility as Place
from apps.telemetry.models import Source, SourceKey
from apps.telemetry.services.keys import is_prefix, is_source_code, new_prefix
from apps.telemetry.services.quarantine import LONGEST_REASON, SHORTEST_REASON

EXPIRIES = (("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "Never"))
OVERLAPS = (("1", "An hour"), ("24", "A day"), ("168", "A week"), ("720", "30 days"))
TEXT = {"class": "control", "autocomplete": "off"}
SELECT = {"class": "control"}


class SourceForm(forms.Form):
    """A sender that the catalogue does not know by itself."""

    code = forms.CharField(
        max_length=60,
        widget=forms.TextInput({**TEXT, "placeholder": "my-ehr"}),
        help_text="For addresses and files: letters, digits, dots, dashes.",
    )
    name = forms.CharField(
        max_length=120,
        required=False,
        widget=forms.TextInput(TEXT),
        help_text="As people say it. Empty: that of the system, or the code.",
    )
    system = forms.ModelChoiceField(
        System.objects.all(),
        required=False,
        empty_label="None",
        widget=forms.Select(SELECT),
        help_text="Its events may use that system's names for facilities.",
    )

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not is_source_code(code):
            raise forms.ValidationError(
                "At most 60 letters, digits, dots, dashes and underscores, beginning with a letter "
                "or digit."
            )
        if Source.objects.filter(code=code).exists():
            raise forms.ValidationError("There is a source of this code already.")
        return code

    def source(self) -> Source:
        """The source that was described, not yet kept."""
        said = self.cleaned_data
        system: System | None = said["system"]
        name = said["name"] or (system.name if system else said["code"])
        return Source(code=said["code"], name=name, system=system)


class OnceForm(forms.Form):
    """Carries the public part of the key it asks for, so that sending it twice makes one key."""

    public = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["public"].initial = new_prefix()

    def clean_public(self) -> str:
        prefix: str = self.cleaned_data["public"]
        if not is_prefix(prefix):
            raise forms.ValidationError("Open the page again: this form is not one of ours.")
        return prefix


class IssueForm(OnceForm):
    """What a new key may do, and for how long."""

    facilities = forms.ModelMultipleChoiceField(
        Facility.objects.none(),
        to_field_name="code",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Speaks for",
    )
    expires = forms.ChoiceField(
        choices=EXPIRIES,
        required=False,
        initial="365",
        widget=forms.Select(SELECT),
        label="Ends in",
    )
    sign = forms.BooleanField(
        required=False,
        label="Every request must be signed",
        help_text="HMAC-SHA256 of time and body. The signing secret is shown beside the key.",
    )

    def __init__(
        self, *args: Any, places: Sequence[Place], everywhere: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.places, self.everywhere = places, everywhere
        field: Any = self.fields["facilities"]
        field.queryset = Facility.objects.filter(pk__in=[place.id for place in places])
        field.choices = [(place.code, place.name) for place in places]
        field.help_text = "Nothing ticked: every facility." if everywhere else "Tick at least one."

    def clean_facilities(self) -> Iterable[Facility]:
        chosen: Iterable[Facility] = self.cleaned_data["facilities"]
        if not chosen and not self.everywhere:
            raise forms.ValidationError("Tick the facilities this key may speak for.")
        return chosen

    def ticks(self) -> list[tuple[Place, bool]]:
        """The places in tree order, with what was ticked."""
        chosen = set(self["facilities"].value() or ())
        return [(place, place.code in chosen) for place in self.places]

    def key(self, source: Source, **more: Any) -> SourceKey:
        """The key that was asked for, not yet made."""
        days = self.cleaned_data["expires"]
        return SourceKey(
            source=source,
            prefix=self.cleaned_data["public"],
            require_signature=self.cleaned_data["sign"],
            facility_ids=sorted(place.pk for place in self.cleaned_data["facilities"]),
            expires_at=now() + timedelta(days=int(days)) if days else None,
            **more,
        )


class RotateForm(OnceForm):
    """For how long the old key lives beside the new one."""

    overlap = forms.ChoiceField(
        choices=OVERLAPS, initial="168", widget=forms.Select(SELECT), label="The old key ends in"
    )

    def ends_at(self) -> datetime:
        """When the old key ends."""
        return now() + timedelta(hours=int(self.cleaned_data["overlap"]))


class RevokeForm(forms.Form):
    """Why a key ends now."""

    reason = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        widget=forms.TextInput(TEXT),
        label="Why",
        help_text="Kept with the key, and in the audit.",
    )
