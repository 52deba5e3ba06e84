"""The form to sign in with a local account, and what administrators type about people."""

from typing import Any

from allauth.account.forms import LoginForm, ResetPasswordForm
from django import forms
from django.core.validators import ProhibitNullCharactersValidator

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.accounts.services.access import LONGEST_WHY, Access
from apps.accounts.spelling import is_same
from apps.catalog.snapshot import Snapshot

CONTROL = {"class": "control", "autocomplete": "off"}
STATES = [("active", "Active"), ("dormant", "Not here for 90 days"), ("closed", "Closed")]


class SignInForm(LoginForm):
    """allauth's form under the names that browsers and password managers know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["login"]
        self.fields["username"] = forms.CharField(
            max_length=150, validators=[ProhibitNullCharactersValidator()]
        )

    def user_credentials(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("username", "password")}

    def clean(self) -> Any:
        """The refusal names the account by neither field."""
        self.cleaned_data["login"] = self.cleaned_data.get("username", "")
        return super().clean()


class ForgottenForm(ResetPasswordForm):
    """Whom the address belongs to is what the administrators entered; nobody else enters any."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        found = User.objects.filter(email__iexact=email, is_active=True)
        own = [user for user in found if is_same(user.email, email)]
        self.users = [user for user in own if user.has_usable_password()]
        return email


class PersonForm(forms.ModelForm):
    """A new account. Roles and facilities come after it."""

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email")
        labels = {"username": "User name"}  # noqa: RUF012
        help_texts = {  # noqa: RUF012
            "username": "What they sign in with. Letters, digits and @ . + - _",
            "email": "For a link when the password was forgotten, where mail is set up.",
        }
        widgets = {  # noqa: RUF012
            name: forms.TextInput(attrs=CONTROL)
            for name in ("username", "first_name", "last_name", "email")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("first_name", "last_name"):
            self.fields[name].required = True


class AccessForm(forms.Form):
    """The roles and facilities somebody shall hold."""

    role = forms.MultipleChoiceField(
        required=False, choices=[(code, role.name) for code, role in ROLES.items()]
    )
    facility = forms.TypedMultipleChoiceField(required=False, coerce=int)
    find = forms.CharField(required=False, max_length=80)
    why = forms.CharField(required=False, max_length=LONGEST_WHY)
    held = forms.CharField(required=False, max_length=64)

    def __init__(self, *args: Any, catalogue: Snapshot, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["facility"].choices = [  # type: ignore[attr-defined]
            (place.id, place.name) for place in catalogue.document.facilities
        ]

    @property
    def wanted(self) -> Access:
        said = self.cleaned_data
        return Access(frozenset(said.get("role", ())), frozenset(said.get("facility", ())))


class FindPeopleForm(forms.Form):
    """Which people a list shows; what makes no sense is as if it had not been said."""

    find = forms.CharField(
        label="Name",
        required=False,
        max_length=80,
        strip=True,
        validators=[ProhibitNullCharactersValidator()],
        widget=forms.TextInput(attrs=CONTROL | {"type": "search"}),
    )
    role = forms.ChoiceField(
        label="Role",
        required=False,
        choices=[("", "Any"), *((code, role.name) for code, role in ROLES.items())],
        widget=forms.Select(attrs={"class": "control select"}),
    )
    state = forms.ChoiceField(
        label="Account",
        required=False,
        choices=[("", "Any"), *STATES],
        widget=forms.Select(attrs={"class": "control select"}),
    )

    def chosen(self) -> dict[str, str]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
