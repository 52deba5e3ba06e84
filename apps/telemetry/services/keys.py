"""Keys of sources: issued once, kept as a hash, checked on every request, revoked at once."""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.catalog.models import Facility, System
from apps.core.db import execute, fetch_all
from apps.telemetry.models import Source, SourceKey

# What was read of a key may be this old. Revocation does not wait for it: storing events asks the
# key's row again, in the same statement.
FRESH_SECONDS = 1.0
# A word on command lines, in file names and in addresses.
_SOURCE_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"

FIND_KEY = """
SELECT k.id AS key_id, k.prefix, k.secret_sha256, k.require_signature, k.facility_ids,
       s.id AS source_id, s.code AS source, s.system_id
  FROM telemetry_sourcekey k JOIN telemetry_source s ON s.id = k.source_id
 WHERE k.prefix = %(prefix)s AND s.active AND k.revoked_at IS NULL
   AND (k.expires_at IS NULL OR k.expires_at > now())
"""

# At most once a minute, so that a busy key is not an update a request.
TOUCH_KEY = """
UPDATE telemetry_sourcekey SET last_used_at = now()
 WHERE id = %(key_id)s
   AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""


class UnusableSource(Exception):
    """No code for a new source."""


class UnknownFacility(Exception):
    """A key is to be scoped to a facility that the catalogue does not have."""


@dataclass(frozen=True)
class Sender:
    """Who sends, and for which facilities it may speak; none named means all."""

    key_id: int | None
    prefix: str
    secret_sha256: bytes
    require_signature: bool
    facility_ids: Sequence[int]
    source_id: int
    source: str
    system_id: int | None

    @property
    def scope(self) -> Sequence[int] | None:
        """The facilities it may speak for, with everything below them; None is all."""
        return self.facility_ids or None


@dataclass(frozen=True)
class IssuedKey:
    """The secrets of a new key. They exist nowhere else once this is printed."""

    key: SourceKey
    bearer: str
    signing_secret: str


_known: dict[str, tuple[float, Sender]] = {}


def sender_for(bearer: str) -> Sender | None:
    """The sender whose live key this is."""
    family, _, rest = bearer.partition("_")
    name, _, secret = rest.partition("_")
    if family != "src" or not name.isalnum() or not secret:
        return None
    sender = _find(f"src_{name}")
    digest = hashlib.sha256(bearer.encode()).digest()
    if sender is None or not hmac.compare_digest(digest, sender.secret_sha256):
        return None
    return sender


def sender_for_files(source: str) -> Sender:
    """Who stands behind files that an operator ingests: a source, made if new, without a key."""
    owner = ensure_source(source)
    return Sender(
        key_id=None,
        prefix="",
        secret_sha256=b"",
        require_signature=False,
        facility_ids=(),
        source_id=owner.pk,
        source=owner.code,
        system_id=owner.system_id,
    )


def _find(prefix: str) -> Sender | None:
    """Only keys that exist are remembered, so guessing fills no memory."""
    now = time.monotonic()
    if (known := _known.get(prefix)) and now - known[0] < FRESH_SECONDS:
        return known[1]
    found = fetch_all(FIND_KEY, {"prefix": prefix}, row=Sender)
    if not found:
        _known.pop(prefix, None)
        return None
    _known[prefix] = (now, found[0])
    return found[0]


def forget_known_keys() -> None:
    """Read every key again on its next use."""
    _known.clear()


@transaction.atomic
def issue_key(
    *,
    source: str,
    facilities: Sequence[str] = (),
    expires_at: datetime | None = None,
    sign: bool = False,
    by: User | None = None,
) -> IssuedKey:
    """Make a key for a source, and the source itself if it is new."""
    prefix = "src_" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
    bearer = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = SourceKey.objects.create(
        source=ensure_source(source),
        prefix=prefix,
        secret_sha256=hashlib.sha256(bearer.encode()).digest(),
        require_signature=sign,
        facility_ids=_facility_ids(facilities),
        expires_at=expires_at,
    )
    facts = {"source": source, "facilities": len(key.facility_ids), "signs": sign}
    audit.record(by, Act.KEYS_ISSUED, on=f"key:{prefix}", facts=facts)
    return IssuedKey(key, bearer, signing_secret(prefix))


def ensure_source(code: str) -> Source:
    """The source of this code; a new one belongs to the system of that code, if there is one."""
    if not _SOURCE_CODE.fullmatch(code):
        message = "A source's code is at most 60 letters, digits, dots, dashes and underscores"
        raise UnusableSource(f"{message}: {code!r} is none.")
    system = System.objects.filter(code=code).first()
    source, _ = Source.objects.get_or_create(
        code=code, defaults={"name": system.name if system else code, "system": system}
    )
    return source


def _facility_ids(codes: Sequence[str]) -> list[int]:
    known = dict(Facility.objects.filter(code__in=codes).values_list("code", "id"))
    if missing := sorted(set(codes) - known.keys()):
        raise UnknownFacility(", ".join(missing))
    return sorted(known.values())


@transaction.atomic
def revoke_key(*, source: str, prefix: str, by: User | None = None) -> bool:
    """End a key of a source now; whether there was a live one to end."""
    live = SourceKey.objects.filter(source__code=source, prefix=prefix, revoked_at__isnull=True)
    _known.pop(prefix, None)
    ended = bool(live.update(revoked_at=Now()))
    if ended:
        audit.record(by, Act.KEYS_REVOKED, on=f"key:{prefix}", facts={"source": source})
    return ended


def touch_key(sender: Sender) -> None:
    """Note that a key was used, to the minute."""
    execute(TOUCH_KEY, {"key_id": sender.key_id})


def signing_secret(prefix: str) -> str:
    """The secret a key signs with: derived, so that the database holds nothing to sign by."""
    derived = hmac.digest(settings.TOKEN_KEY, f"signing\x1f{prefix}".encode(), "sha256")
    return "sig_" + base64.urlsafe_b64encode(derived).rstrip(b"=").decode()
