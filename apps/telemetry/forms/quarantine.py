"""Forms of the quarantine: filter the list, correct an event, give one up, act on many."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast, get_args

from django import forms
from django.db.models import QuerySet
from django.utils.timezone import now

from apps.catalog.snapshot import snapshot
from apps.telemetry.formats.events import TYPES, AmountKind, Outcome
from apps.telemetry.models import Quarantine, QuarantineOperation, Source
from apps.telemetry.queries import Selection, naming
from apps.telemetry.refusals import NAMES, Code
from apps.telemetry.services.operations import Plan
from apps.telemetry.services.quarantine import LONGEST_REASON, SHORTEST_REASON

STAGE = "throughline.stage.v1"
_ENVELOPE = ("id", "source", "type", "time", "subject")
_NUMBERS = {"attempt", "count", "queue_depth", "oldest_age_seconds"}
_NOT_EDITED = {"business_keys", "keys", "error", "test", "backfill"}
# In hours.
PERIODS = (
    ("1", "Last hour"),
    ("24", "Last 24 hours"),
    ("168", "Last 7 days"),
    ("672", "Last 28 days"),
)
# What may be set to one value in many events.
CORRECTABLE = ("facility", "workflow", "stage", "interface")
TYPED_ABOVE = 100
_CHOICES = {
    "type": tuple(TYPES),
    "outcome": get_args(Outcome),
    "amount_kind": get_args(AmountKind),
    "side": ("source", "target"),
}


class FilterForm(forms.Form):
    """What of the quarantine to list: codes, as they stand in the address."""

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
    facility = forms.TypedChoiceField(required=False, empty_value=None)
    period = forms.ChoiceField(choices=[("", "Any time"), *PERIODS], required=False)
    name = forms.CharField(max_length=256, required=False, strip=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Mapping[str, Any], *, sources: QuerySet[Source], facilities: Sequence[int]
    ) -> None:
        super().__init__({"state": Quarantine.State.OPEN, **{k: data[k] for k in data}})
        cast(Any, self.fields["source"]).queryset = sources
        self._offer(facilities)
        for field in self.fields.values():
            field.widget.attrs["class"] = "control select"
        self.is_valid()

    def _offer(self, facilities: Sequence[int]) -> None:
        """Facilities by code and name, in order of the tree; chosen, they are known by number."""
        known = snapshot().facilities_by_id
        places = sorted((known[one] for one in facilities), key=lambda place: place.path)
        field = cast(forms.TypedChoiceField, self.fields["facility"])
        field.choices = [("", "Any facility"), *((one.code, one.name) for one in places)]
        field.coerce = lambda code: snapshot().facilities[code].id

    def of(self, visible: QuerySet[Quarantine]) -> QuerySet[Quarantine]:
        """What is listed; a filter that makes no sense is as good as not set."""
        names = ("state", "code", "source", "facility")
        said = self.cleaned_data
        found = visible.filter(**{name: said[name] for name in names if said.get(name)})
        return naming(found, said["code"], self.named) if self.named else found

    @property
    def named(self) -> str:
        """The name that nobody knew, where the reason is about one."""
        return self.cleaned_data.get("name", "") if self.why in NAMES else ""

    @property
    def why(self) -> str:
        """The reason, if one is chosen."""
        return str(self.cleaned_data.get("code", ""))

    @property
    def shows_names(self) -> bool:
        """Whether what is listed is open for a name that nobody knew."""
        return self.why in NAMES and self.cleaned_data.get("state") == Quarantine.State.OPEN

    def since(self) -> datetime | None:
        """The beginning of the period."""
        hours = self.cleaned_data.get("period")
        return now() - timedelta(hours=int(hours)) if hours else None

    def narrows(self, name: str) -> bool:
        """Whether a filter leaves something out."""
        return bool(self.cleaned_data.get(name))

    def selection(self) -> Selection | None:
        """Open events of one reason, for an act on all of them; nothing if no reason is chosen, or
        only those of one name, which the catalogue sends on."""
        if not self.why or self.named or self.cleaned_data.get("state") != Quarantine.State.OPEN:
            return None
        return self.of_any_name()

    def of_any_name(self) -> Selection:
        """What the filters leave of the reason, whichever name it says."""
        source, facility = self.cleaned_data.get("source"), self.cleaned_data.get("facility")
        return Selection(self.why, source.pk if source else None, facility, self.since())

    def filters(self) -> dict[str, str]:
        """The same as it stands in an address."""
        names = ("code", "source", "facility", "period")
        return {name: self.data[name] for name in names if self.narrows(name)}


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


class BulkForm(forms.Form):
    """An act on every event of a selection, as it was when the page was shown."""

    act = forms.ChoiceField(choices=QuarantineOperation.Act.choices, widget=forms.HiddenInput)
    last = forms.UUIDField(widget=forms.HiddenInput)
    field = forms.ChoiceField(
        choices=[("", "Nothing, send them as they are"), *((name, name) for name in CORRECTABLE)],
        required=False,
        label="Set",
        widget=forms.Select({"class": "control"}),
    )
    value = forms.CharField(
        max_length=80,
        required=False,
        label="to",
        widget=forms.TextInput({"class": "control mono", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        required=False,
        label="Why",
        widget=forms.TextInput({"class": "control", "autocomplete": "off"}),
        help_text="Kept with every event. No names or numbers of patients.",
    )
    typed = forms.CharField(
        required=False,
        label="",
        widget=forms.TextInput({"class": "control", "autocomplete": "off", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, total: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.total = total
        self.fields["typed"].label = f"Type {total} to confirm"
        if not self.must_type:
            del self.fields["typed"]

    @property
    def must_type(self) -> bool:
        """Many events at once take a second look."""
        return self.total > TYPED_ABOVE

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("act") == "discard" and not cleaned.get("reason"):
            self.add_error("reason", "Say why they are given up.")
        if bool(cleaned.get("field")) != bool(cleaned.get("value")):
            self.add_error("value", "Name a field and its value, or neither.")
        typed = (cleaned.get("typed") or "").replace(",", "").strip()
        if self.must_type and typed != str(self.total):
            self.add_error("typed", f"Type {self.total}, the number of events this is about.")
        return cleaned

    def plan(self) -> Plan:
        """What was asked for."""
        said = self.cleaned_data
        return Plan(said["act"], said["reason"], said["field"], said["value"].strip())


def _typed(name: str, value: str) -> Any:
    if not value:
        return None
    return int(value) if name in _NUMBERS and value.isdecimal() and len(value) < 10 else value
