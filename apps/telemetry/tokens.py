"""Business keys: kept as a keyed token to join and search by, and a mask to show.

The token is keyed BLAKE2b (RFC 7693), a message authentication code: without the key, guessing
every possible account number tells nothing.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from django.conf import settings

# Kind, token and mask.
BusinessKey = tuple[str, str, str]

# Kinds that name a person rather than a piece of business; such keys are refused, not hidden.
_PERSONAL = re.compile(r"name|ssn|social|birth|dob|phone|e_?mail|address")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")


def business_token(kind: str, value: str) -> str:
    """The token of a business key, as 32 hexadecimal digits."""
    keyed = _keyed(settings.TOKEN_KEY).copy()
    keyed.update(f"{kind}\x1f{value}".encode())
    token: str = keyed.hexdigest()
    return token


def refused_digest(code: str, content: bytes) -> bytes:
    """By what a refused event is known when it comes again; tells nothing about what it says."""
    keyed = _keyed(settings.TOKEN_KEY).copy()
    keyed.update(b"refused\x1f%b\x1f%b" % (code.encode(), content))
    digest: bytes = keyed.digest()
    return digest


@lru_cache(maxsize=1)
def _keyed(key: bytes) -> Any:
    """BLAKE2b with the key already taken in, which is half of its work on a short text."""
    return blake2b(digest_size=16, key=key)


def business_key(kind: str, value: str) -> BusinessKey:
    """A business key as it is kept."""
    return kind, business_token(kind, value), mask(value)


def record_token(value: str) -> str:
    """The token of a record's number in a checkpoint: the same on both sides of the interface."""
    return business_token("record", value)


def mask(value: str) -> str:
    """What people see of a business key: its end, never more than half of it."""
    shown = 4 if len(value) >= 8 else len(value) // 4
    return "••••" + value[len(value) - shown :]


@lru_cache(maxsize=4096)
def is_business_kind(kind: str) -> bool:
    """Whether this can be the kind of a business key: a word, and none about a person."""
    return is_word(kind) and _PERSONAL.search(kind) is None


def is_word(kind: str) -> bool:
    """Whether this has the form of a kind."""
    return _KIND.fullmatch(kind) is not None


def looks_personal(value: str) -> bool:
    """Whether a whole value is shaped like a US social security number."""
    return (
        len(value) == 11
        and value[3] == value[6] == "-"
        and (value[:3] + value[4:6] + value[7:]).isdigit()
    )
