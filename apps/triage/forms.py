"""Forms of the queue: its views, and acts on many of its cases."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.catalog.models import Team
from apps.triage.models import BulkOperation, Dismissal, SavedView, Verb
from apps.triage.reader import Reader
from apps.triage.services import Resolution, Until, Waits
from apps.triage.services.acting import LONGEST_REASON, full_name
from apps.triage.services.saved_views import Sharing, canonical

# Who answers for others shares with all of a role.
SHARES_WITH_ROLES = "accounts.propose_changes"
# Days that mean the same whatever the place of a case; its own opening hours decide the moment.
UNTIL = [
    (Until.EVENING, "Today, 17:00"),
    (Until.TOMORROW, "The next open day"),
    (Until.THREE_DAYS, "3 business days"),
    (Until.FIVE_DAYS, "5 business days"),
    (Until.TEN_DAYS, "10 business days"),
]


class ViewForm(forms.Form):
    """A name, with whom it is shared, and what it asks."""

    name = forms.CharField(max_length=60, label="Name")
    shared = forms.ChoiceField(label="Who sees it", required=False)
    query = forms.CharField(max_length=2_000, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, reader: Reader, view: SavedView | None = None, **more: Any):
        super().__init__(*args, **more)
        self._reader, self._view = reader, view
        choices = [("private", "Only me")]
        choices += [(f"team:{one.code}", f"Team {one.name}") for one in reader.own_teams]
        if reader.user.has_perm(SHARES_WITH_ROLES):
            named = ((code, ROLES[code].name) for code in reader.roles if code in ROLES)
            choices += [(f"role:{code}", f"Every {name.lower()}") for code, name in named]
        self.fields["shared"].choices = choices  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs["class"] = "control"
        self.fields["name"].widget.attrs["autocomplete"] = "off"

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        known = SavedView.objects.filter(owner=self._reader.user, name=name, deleted_at=None)
        others = known.exclude(pk=self._view.pk) if self._view else known
        if others.exists():
            raise ValidationError("You have a view of this name already. Choose another one.")
        return name

    def clean_query(self) -> str:
        query = canonical(self.cleaned_data["query"], self._reader)
        if query is None:
            raise ValidationError("One of its filters is not known here. Remove it and save again.")
        return query

    def sharing(self) -> Sharing:
        scope, _, code = (self.cleaned_data["shared"] or "private").partition(":")
        if scope == SavedView.Scope.TEAM:
            return Sharing(scope, team=self._reader.team_codes[code].id)
        return Sharing(scope, role=code)


def shared_as(view: SavedView) -> str:
    """How the form says with whom a view is shared."""
    if view.scope == SavedView.Scope.TEAM and view.team:
        return f"team:{view.team.code}"
    return f"role:{view.role}" if view.role else "private"


class StormForm(forms.Form):
    """An act on a storm: which version was seen, the id that makes it happen once, and to whom it
    goes or what is noted."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    op_id = forms.UUIDField(widget=forms.HiddenInput)
    to = forms.ChoiceField(error_messages={"required": "Choose somebody."})
    text = forms.CharField(max_length=2_000, error_messages={"required": "Write something first."})

    def __init__(self, *args: Any, verb: str, people: Sequence[User], **more: Any):
        super().__init__(*args, **more)
        self._people = {str(one.pk): one for one in people}
        self.fields["to"].choices = [(key, key) for key in self._people]  # type: ignore[attr-defined]
        for name in {"assign": ["text"], "note": ["to"]}.get(verb, ["to", "text"]):
            del self.fields[name]

    def told(self) -> dict[str, Any]:
        """What the service is told besides who asks."""
        told = dict(self.cleaned_data)
        return told | {"to": self._people[told["to"]]} if "to" in told else told


class BulkForm(forms.Form):
    """What is to be done to many cases: whom, how, why, and what was seen of it."""

    to = forms.ChoiceField(label="To")
    resolution = forms.ChoiceField(choices=Resolution.choices, label="What was done")
    scope = forms.ChoiceField(choices=Dismissal.choices, label="For how long")
    waits_for = forms.ChoiceField(choices=Waits.choices, label="Waits for")
    until = forms.ChoiceField(choices=UNTIL, label="Until")
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        label="Why",
        help_text="No names or numbers of patients. It stands in the history of each case.",
        widget=forms.Textarea({"rows": 2}),
    )
    preview_hash = forms.CharField(widget=forms.HiddenInput)
    typed = forms.CharField(required=False, max_length=12)

    def __init__(self, said: Any = None, *, operation: BulkOperation, people: Sequence[User]):
        seen = {"preview_hash": operation.preview_hash}
        super().__init__(said, initial=seen, auto_id="bulk-%s")
        asked = ASKED[Verb(operation.verb)]
        for name in [one for one in self.fields if one not in (*asked, "preview_hash", "typed")]:
            del self.fields[name]
        for name in asked:
            css = "control tall" if name == "reason" else "control"
            self.fields[name].widget.attrs["class"] = css
        if "to" in asked:
            self.fields["to"].choices = self._whom(operation, people)  # type: ignore[attr-defined]
        self._verb = operation.verb

    @staticmethod
    def _whom(operation: BulkOperation, people: Sequence[User]) -> list[Any]:
        named = [(f"person {one.pk}", full_name(one)) for one in people]
        if operation.verb == Verb.ASSIGN:
            return [("", "Choose"), ("nobody", "Nobody: back to the pool"), ("People", named)]
        teams = [(f"team {one.pk}", one.name) for one in Team.objects.order_by("name")]
        return [("", "Choose"), ("Teams", teams), ("People", named)]

    @property
    def shown(self) -> list[forms.BoundField]:
        """What is asked for beside the number."""
        return [one for one in self.visible_fields() if one.name != "typed"]

    def params(self) -> dict[str, Any]:
        """As the operation keeps it."""
        kept = {one: self.cleaned_data[one] for one in ASKED[Verb(self._verb)] if one != "to"}
        if "to" not in self.fields:
            return kept
        what, _, number = self.cleaned_data["to"].partition(" ")
        whom = {"to": int(number) if what == "person" else None}
        return kept | whom | ({"team": int(number)} if what == "team" else {})


# What each verb asks for, in this order.
ASKED: Mapping[Verb, tuple[str, ...]] = {
    Verb.ASSIGN: ("to",),
    Verb.TRANSFER: ("to", "reason"),
    Verb.PEND: ("waits_for", "until", "reason"),
    Verb.BRING_BACK: (),
    Verb.RESOLVE: ("resolution", "reason"),
    Verb.DISMISS: ("scope", "reason"),
    Verb.REOPEN: ("reason",),
    Verb.ESCALATE: ("reason",),
    Verb.DEESCALATE: ("reason",),
    Verb.NOTE: ("reason",),
}
