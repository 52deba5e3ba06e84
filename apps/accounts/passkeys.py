"""allauth's forms of passkeys, for which nonsense in an answer is a wrong answer and no fault."""

import struct
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms
from cryptography.exceptions import InvalidSignature

from apps.accounts.adapters import MfaAdapter

# What the library raises where a part is missing, is not what it says, or is not signed so.
NONSENSE = (
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    InvalidSignature,
    struct.error,
)


class _Answer:
    def clean_credential(self) -> Authenticator:
        try:
            found: Authenticator = super().clean_credential()  # type: ignore[misc]
        except NONSENSE as error:
            raise MfaAdapter().validation_error("incorrect_code") from error
        return found


class SecondFactorForm(_Answer, forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """As the second of two steps."""


class SignInForm(_Answer, forms.LoginWebAuthnForm):  # type: ignore[misc]
    """Signing in by a passkey alone."""


class ConfirmForm(_Answer, forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Asked again."""


class AddForm(forms.AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey."""

    def clean(self) -> Any:
        try:
            return super().clean()
        except NONSENSE as error:
            raise MfaAdapter().validation_error("incorrect_code") from error
