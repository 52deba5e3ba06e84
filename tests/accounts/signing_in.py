"""Ways to sign in, for tests: by password, by the code of an app, and confirmed."""

import time
from collections.abc import Callable

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth import SESSION_KEY
from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import User

PASSWORD = "correct horse battery staple"
SIGN_IN = "/sign-in/"


def attempt(client: Client, name: str = "bea", password: str = PASSWORD, **more) -> HttpResponse:
    """Send the form to sign in."""
    return client.post(SIGN_IN, {"username": name, "password": password, **more})


def signed_in(user: User, **more) -> Client:
    """A browser that signed in by the form just now."""
    client = Client(**more)
    user.set_password(PASSWORD)
    user.save()
    assert attempt(client, user.username).status_code == 302
    return client


def prove(client: Client) -> Client:
    """As if this browser had signed in by password just now: sensitive acts ask nothing more."""
    session = client.session
    session["account_authentication_methods_user"] = session[SESSION_KEY]
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session.save()
    return client


def with_app(user: User) -> Callable[[], str]:
    """Give somebody an authenticator app; returns what it shows. Each code is used once."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return lambda: code_of(secret)


def code_of(secret: str, *, periods: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + periods))


def recovery_codes_of(user: User) -> list[str]:
    return RecoveryCodes.activate(user).generate_codes()
