"""How django-allauth behaves here: nobody registers, failures say nothing, secrets are sealed."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse

from apps.accounts import sessions
from apps.accounts.acts import Act
from apps.accounts.addresses import address_of
from apps.accounts.encryption import seal, unseal
from apps.accounts.enrolment import FACTORS, needs_factor
from apps.accounts.limits import seconds_to_wait, too_many
from apps.accounts.models import User
from apps.accounts.refusals import Refusal, refused
from apps.accounts.services.audit import record_lately
from apps.accounts.wording import NO_MATCH, TOO_MANY, WRONG_CODE, WRONG_PASSWORD


class AccountAdapter(DefaultAccountAdapter):
    """Local accounts, made by administrators only."""

    error_messages = {  # noqa: RUF012
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": NO_MATCH,
        "incorrect_password": WRONG_PASSWORD,
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The page that follows shows what changed; nothing is said twice."""

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request) or "unknown"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """One count for an account, by whatever name of this host it is reached."""
        return str(credentials.get("username", "")).lower()

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Too many failures are an answer of their own, the right password included."""
        key = self._get_login_attempts_cache_key(request, **credentials)
        wait = seconds_to_wait(request, key)
        if wait:
            record_lately(None, Act.SIGN_IN_LOCKED, on=account_named(key))
            raise ImmediateHttpResponse(too_many(request, wait=wait))
        super().pre_authenticate(request, **credentials)

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        sessions.begin(request)

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        """A passkey or a provider may know an account that was closed here."""
        record_lately(None, Act.SIGN_IN_FAILED, on=account_named(user.get_username()))
        return refused(request, Refusal.CLOSED)


def account_named(username: str) -> str:
    """The audit's name of an account. What was typed may be anything, also a password."""
    user = User.objects.filter(username__iexact=username.replace("\0", "")).only("pk").first()
    return f"user:{user.pk}" if user else ""


class MfaAdapter(DefaultMFAAdapter):
    """Second factors, which who must have one cannot take away."""

    error_messages = {  # noqa: RUF012
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": WRONG_CODE,
        "cannot_delete_authenticator": "Your role takes a second factor. Add another one first.",
    }

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(user=authenticator.user, type__in=FACTORS)
        return others.exclude(pk=authenticator.pk).exists() or not needs_factor(authenticator.user)

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        """No mail address leaves for an app that may show it to its maker."""
        return user.get_username()

    def _get_user_identifier(self, user: AbstractBaseUser) -> str:
        return user.get_username()

    def _get_site_name(self) -> str:
        return "Throughline"
