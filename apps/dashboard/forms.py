"""Forms of the pages: signing in, searching."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm

NO_MATCH = "User name and password do not match an active account."


class SignInForm(AuthenticationForm):
    """Never says which of the two fields was wrong, nor whether the account exists."""

    error_messages = {"invalid_login": NO_MATCH, "inactive": NO_MATCH}  # noqa: RUF012


class SearchForm(forms.Form):
    """One number, as it stands on a paper or in another system."""

    q = forms.CharField(
        label="Number",
        max_length=256,
        widget=forms.TextInput(
            attrs={
                "class": "control",
                "autocomplete": "off",
                "autocapitalize": "off",
                "spellcheck": "false",
                "type": "search",
            }
        ),
        error_messages={
            "required": "Type a number or a name first.",
            "max_length": "No number is longer than 256 characters.",
        },
    )
