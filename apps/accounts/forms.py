"""The form to sign in with a local account."""

from typing import Any

from allauth.account.forms import LoginForm
from django import forms
from django.core.validators import ProhibitNullCharactersValidator


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
