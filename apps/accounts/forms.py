"""Forms of local accounts: to sign in, and to ask for a new password."""

from typing import Any

from allauth.account.forms import LoginForm, ResetPasswordForm
from django import forms
from django.core.validators import ProhibitNullCharactersValidator

from apps.accounts.models import User


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
        self.users = [user for user in found if user.has_usable_password()]
        return email
