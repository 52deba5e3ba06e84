"""What people say when they act on a case: one form for each act."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django import forms

from apps.accounts.models import User
from apps.catalog.models import Team
from apps.dashboard.forms.catalogue import SELECT, TEXT
from apps.triage.models import Case, Dismissal
from apps.triage.services import Resolution, Until, Wait, Waits
from apps.triage.services.acting import LONGEST_REASON, full_name
from apps.triage.services.remarks import LONGEST_LABEL, LONGEST_LINK, LONGEST_NOTE
from apps.triage.services.waiting import moment_of

AREA = {**TEXT, "rows": 2, "class": "control tall"}
UNTIL = [
    (Until.EVENING, "Today, 17:00"),
    (Until.TOMORROW, "The next open day"),
    (Until.THREE_DAYS, "3 business days"),
    (Until.FIVE_DAYS, "5 business days"),
    (Until.TEN_DAYS, "10 business days"),
    ("moment", "A day and time"),
]


class ActForm(forms.Form):
    """An act without words: which version was seen, and the id that makes it happen once."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    op_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, case: Case, people: Sequence[User] = (),
        related: Sequence[tuple[UUID, str]] = (), verb: str = "",
    ) -> None:  # fmt: skip
        first = {"version": case.version, "op_id": uuid4()}
        super().__init__(data, initial=first, auto_id=f"{verb}-%s")
        self.case, self.people, self.related = case, people, related
        self.set_choices()

    def set_choices(self) -> None:
        """For who or what is chosen from a list."""

    def told(self) -> dict[str, Any]:
        """What the service is told besides who asks."""
        return {}

    def among(self, name: str) -> list[User]:
        """The chosen people."""
        chosen = self.cleaned_data[name]
        return [one for one in self.people if str(one.pk) in chosen]

    @property
    def shown(self) -> list[forms.BoundField]:
        return self.visible_fields()


def why(label: str = "Why") -> forms.CharField:
    return forms.CharField(
        max_length=LONGEST_REASON, label=label, widget=forms.Textarea(AREA), strip=True
    )


class ReasonForm(ActForm):
    reason = why()

    def told(self) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"]}


class ResolveForm(ActForm):
    resolution = forms.ChoiceField(
        choices=Resolution.choices, label="What was done", widget=forms.Select(SELECT)
    )
    comment = why("In a few words")

    def told(self) -> dict[str, Any]:
        chosen = Resolution(self.cleaned_data["resolution"])
        return {"resolution": chosen, "comment": self.cleaned_data["comment"]}


class PendForm(ActForm):
    waits_for = forms.ChoiceField(
        choices=Waits.choices, label="Waits for", widget=forms.Select(SELECT)
    )
    until = forms.ChoiceField(choices=UNTIL, label="Until", widget=forms.Select(SELECT))
    moment = forms.DateTimeField(
        required=False, label="Day and time", help_text="Facility time; only if chosen above.",
        widget=forms.DateTimeInput({**TEXT, "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    until_reply = forms.BooleanField(required=False, label="or anything new about it arrives")
    until_escalating = forms.BooleanField(required=False, label="or its cause escalates")
    reason = why()

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("until") == "moment" and not said.get("moment"):
            self.add_error("moment", "Give the day and time.")
        return said

    def wait(self, zone: ZoneInfo, at: datetime) -> Wait:
        """A wait with its moment, as the facility's wall shows it."""
        said = self.cleaned_data
        if said["until"] == "moment":
            until = said["moment"].replace(tzinfo=zone)
        else:
            until = moment_of(Until(said["until"]), self.case, at)
        return Wait(
            Waits(said["waits_for"]), until, until_reply=said["until_reply"],
            until_escalating=said["until_escalating"],
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"]}


class DismissForm(ReasonForm):
    scope = forms.ChoiceField(
        choices=Dismissal.choices, label="For how long", widget=forms.Select(SELECT)
    )
    field_order = ("scope", "reason")

    def told(self) -> dict[str, Any]:
        return super().told() | {"scope": Dismissal(self.cleaned_data["scope"])}


class AssignForm(ActForm):
    to = forms.ChoiceField(label="To", required=False, widget=forms.Select(SELECT))

    def set_choices(self) -> None:
        people = [(str(one.pk), full_name(one)) for one in self.people]
        self.fields["to"].choices = [("", "Nobody: the pool"), *people]  # type: ignore[attr-defined]

    def told(self) -> dict[str, Any]:
        return {"to": next(iter(self.among("to")), None) if self.cleaned_data["to"] else None}


class TransferForm(ReasonForm):
    to = forms.ChoiceField(label="To", widget=forms.Select(SELECT))
    field_order = ("to", "reason")

    def set_choices(self) -> None:
        people = [(f"person {one.pk}", full_name(one)) for one in self.people]
        teams = [(f"team {one.pk}", one.name) for one in Team.objects.all()]
        groups = [("", "Choose"), ("Teams", teams), ("People", people)]
        self.fields["to"].choices = groups  # type: ignore[attr-defined]

    def told(self) -> dict[str, Any]:
        what, _, number = self.cleaned_data["to"].partition(" ")
        if what == "team":
            return super().told() | {"team": Team.objects.get(pk=number)}
        return super().told() | {"to": User.objects.get(pk=number)}


class NoteForm(ActForm):
    text = forms.CharField(
        max_length=LONGEST_NOTE, label="Note", strip=True, widget=forms.Textarea(AREA),
        help_text="No names or numbers of patients.",
    )  # fmt: skip
    mentions = forms.MultipleChoiceField(
        required=False, label="Show it to", widget=forms.SelectMultiple({**SELECT, "size": 3})
    )

    def set_choices(self) -> None:
        people = [(str(one.pk), full_name(one)) for one in self.people]
        self.fields["mentions"].choices = people  # type: ignore[attr-defined]

    def told(self) -> dict[str, Any]:
        return {"text": self.cleaned_data["text"], "mentions": self.among("mentions")}


class LinkForm(ActForm):
    url = forms.CharField(
        max_length=LONGEST_LINK,
        label="Address",
        widget=forms.URLInput(TEXT),
        help_text="https only.",
    )
    label = forms.CharField(
        max_length=LONGEST_LABEL, required=False, label="Called", widget=forms.TextInput(TEXT)
    )

    def told(self) -> dict[str, Any]:
        return {"url": self.cleaned_data["url"], "label": self.cleaned_data["label"]}


class MergeForm(ReasonForm):
    into = forms.ChoiceField(label="Into", widget=forms.Select(SELECT))
    field_order = ("into", "reason")

    def set_choices(self) -> None:
        named = [(str(pk), title) for pk, title in self.related]
        self.fields["into"].choices = named  # type: ignore[attr-defined]

    def told(self) -> dict[str, Any]:
        return super().told() | {"into": UUID(self.cleaned_data["into"])}
