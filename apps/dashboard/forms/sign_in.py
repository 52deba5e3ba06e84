"""The sign-in form."""

from django.contrib.auth.forms import AuthenticationForm

NO_MATCH = "User name and password do not match an active account."


class SignInForm(AuthenticationForm):
    """Never says which of the two fields was wrong, nor whether the account exists."""

    error_messages = {"invalid_login": NO_MATCH, "inactive": NO_MATCH}  # noqa: RUF012
