"""Forms of the queue's views."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.triage.models import SavedView
from apps.triage.reader import Reader
from apps.triage.services.saved_views import Sharing, canonical

# Who answers for others shares with all of a role.
SHARES_WITH_ROLES = "accounts.propose_changes"


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
