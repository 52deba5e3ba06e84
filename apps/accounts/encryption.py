"""Secrets of second factors at rest: AES-GCM under a keyring, each text naming its key.

The first key seals, all of them open. Without THROUGHLINE_MFA_KEYS the only key is derived from
THROUGHLINE_TOKEN_KEY, which every instance has and keeps with its backups; it stays on the ring
after keys of its own were set, so a rotation never locks anybody out.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# Bound to what is sealed, so that a text of another kind under the same key cannot stand in.
PURPOSE = b"throughline second factor"
DERIVED = "token"
NONCE_BYTES = 12


class Unreadable(Exception):
    """Sealed by a key that is not on the ring, or altered."""


def keyring() -> dict[str, bytes]:
    """Keys by name, the one that seals first."""
    derived = HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(settings.TOKEN_KEY)
    return {**settings.THROUGHLINE_MFA_KEYS, DERIVED: derived}


def seal(text: str) -> str:
    """Encrypt; the name of the key stands in front."""
    name, key = next(iter(keyring().items()))
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), _bound(name))
    return f"{name}.{urlsafe_b64encode(sealed).decode()}"


def unseal(sealed: str) -> str:
    """Decrypt with the key that the text names."""
    name, _, rest = sealed.partition(".")
    key = keyring().get(name)
    try:
        raw = urlsafe_b64decode(rest)
        return (
            AESGCM(key or b"").decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(name)).decode()
        )
    except (InvalidTag, ValueError):
        raise Unreadable(name) from None


def is_current(sealed: str) -> bool:
    """Whether the first key sealed it."""
    return sealed.partition(".")[0] == next(iter(keyring()))


def _bound(name: str) -> bytes:
    return PURPOSE + b"|" + name.encode()
