"""Searches as rows: what an address names instead of the number, what is recent, how many there may
be, and what is written down of them.

The number itself is kept encrypted for some hours, and nowhere else.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.timezone import now

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.core.db import execute, fetch_all
from apps.telemetry.models import Search
from apps.telemetry.tokens import mask

# A working day, so that what was searched in the morning is at hand in the afternoon.
KEPT_HOURS = 12
RECENT = 8
# More than anybody works through by hand, and far less than guessing numbers takes.
A_MINUTE, AN_HOUR = 30, 300

PURPOSE = b"throughline search"
NONCE_BYTES = 12

# Counted and added in one statement; searches of one person that come at the same instant may pass
# the limit by one each.
ADD = """
INSERT INTO telemetry_search (token, user_id, label, found, hits, sealed)
SELECT %(token)s, %(user_id)s, %(label)s, '', 0, %(sealed)s
 WHERE (SELECT count(*) FROM telemetry_search
         WHERE user_id = %(user_id)s AND at > now() - interval '1 minute') < %(a_minute)s
   AND (SELECT count(*) FROM telemetry_search
         WHERE user_id = %(user_id)s AND at > now() - interval '1 hour') < %(an_hour)s
"""
NOTE_FOUND = """
UPDATE telemetry_search SET found = %(found)s, hits = %(hits)s WHERE token = %(token)s
"""
# The newest of each label: who searches the same again sees it once.
RECENT_OF = """
SELECT token, label, found, hits FROM (
    SELECT DISTINCT ON (label, found) token, label, found, hits, at FROM telemetry_search
     WHERE user_id = %(user_id)s AND sealed IS NOT NULL
       AND at > now() - make_interval(hours => %(hours)s)
     ORDER BY label, found, at DESC) AS last
 ORDER BY at DESC LIMIT %(limit)s
"""
# The rows stay to be counted; what they say is gone.
CLEAR = """
UPDATE telemetry_search SET sealed = NULL, label = '', found = '' WHERE user_id = %(user_id)s
"""
FORGET = "DELETE FROM telemetry_search WHERE at < now() - make_interval(hours => %(hours)s)"


class TooMany(Exception):
    """This person searched more often than people do."""


@dataclass(frozen=True, slots=True)
class Recent:
    """A search that can be run again, by its mask."""

    token: str
    label: str
    found: str
    hits: int


def begin(user: User, text: str) -> str:
    """Take up a search; the token that stands for it in an address."""
    token = secrets.token_urlsafe(16)
    added = execute(
        ADD,
        {
            "token": token,
            "user_id": user.pk,
            "label": mask(text),
            "sealed": _seal(text, token, user),
            "a_minute": A_MINUTE,
            "an_hour": AN_HOUR,
        },
    )
    if not added:
        audit.record_lately(user, Act.SEARCH_BY_IDENTIFIER, on="refused")
        raise TooMany
    return token


def note(user: User, token: str, *, ways: Sequence[str], hits: int) -> None:
    """What came of a search: by which kinds of number and how many, never which number."""
    execute(NOTE_FOUND, {"token": token, "found": " ".join(ways), "hits": hits})
    audit.record(user, Act.SEARCH_BY_IDENTIFIER, facts={"found_by": list(ways), "hits": hits})


def text_of(user: User, token: str) -> str | None:
    """What a token stands for, to whom it was given and for some hours."""
    since = now() - timedelta(hours=KEPT_HOURS)
    search = Search.objects.filter(token=token, user_id=user.pk, at__gt=since).first()
    if search is None or search.sealed is None:
        return None
    return _unseal(bytes(search.sealed), token, user)


def recent(user: User) -> list[Recent]:
    """What this person searched lately, newest first."""
    params = {"user_id": user.pk, "hours": KEPT_HOURS, "limit": RECENT}
    return fetch_all(RECENT_OF, params, row=Recent)


def clear(user: User) -> None:
    """Forget what this person searched."""
    execute(CLEAR, {"user_id": user.pk})


def forget_searches() -> int:
    """Drop what is over; how many."""
    return execute(FORGET, {"hours": KEPT_HOURS})


def _cipher() -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(settings.TOKEN_KEY))


def _seal(text: str, token: str, user: User) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher().encrypt(nonce, text.encode(), _bound(token, user))


def _unseal(sealed: bytes, token: str, user: User) -> str | None:
    """Nothing when the key was changed since: then the search is over."""
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return _cipher().decrypt(nonce, rest, _bound(token, user)).decode()
    except InvalidTag:
        return None


def _bound(token: str, user: User) -> bytes:
    """Bound to its row: a text moved to another one does not open."""
    return f"{token}|{user.pk}".encode()
