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
from django.db import IntegrityError, transaction
from django.db.models import Q
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

_PREFIX = re.compile(r"src_[a-km-np-z2-9]{8}")
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


class KeyExists(Exception):
    """The form that asks for a key was sent before; the key was shown then."""


class KeyEnded(Exception):
    """A key that was revoked has no follower."""


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
    return _issue(
        SourceKey(
            source=ensure_source(source),
            prefix=new_prefix(),
            require_signature=sign,
            facility_ids=_facility_ids(facilities),
            expires_at=expires_at,
            issued_by=by,
        )
    )


@transaction.atomic
def issue_key_once(key: SourceKey) -> IssuedKey:
    """Make the key whose prefix a form was given: the same form again makes no second one."""
    try:
        with transaction.atomic():
            return _issue(key)
    except IntegrityError as error:
        raise KeyExists(key.prefix) from error


@transaction.atomic
def rotate_key(old: SourceKey, *, prefix: str, ends_at: datetime, by: User) -> IssuedKey:
    """A new key that may what the old one may, and a planned end of the old one."""
    live = SourceKey.objects.filter(pk=old.pk, revoked_at=None)
    ends_earlier = Q(expires_at=None) | Q(expires_at__gt=ends_at)
    if not live.exists():
        raise KeyEnded(old.prefix)
    new = issue_key_once(
        SourceKey(
            source=old.source,
            prefix=prefix,
            require_signature=old.require_signature,
            facility_ids=old.facility_ids,
            issued_by=by,
            why=f"Follows {old.prefix}",
        )
    )
    live.filter(ends_earlier).update(expires_at=ends_at)
    _known.pop(old.prefix, None)
    facts = {"source": old.source.code, "follower": prefix, "ends_at": ends_at.isoformat()}
    audit.record(by, Act.KEYS_ROTATED, on=f"key:{old.prefix}", facts=facts)
    return new


def new_prefix() -> str:
    """The public part of a new key."""
    return "src_" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def is_source_code(text: str) -> bool:
    """Whether a text may be a source's code."""
    return _SOURCE_CODE.fullmatch(text) is not None


def is_prefix(text: str) -> bool:
    """Whether a text has the form of a key's public part."""
    return _PREFIX.fullmatch(text) is not None


def _issue(key: SourceKey) -> IssuedKey:
    bearer = f"{key.prefix}_{secrets.token_urlsafe(32)}"
    key.secret_sha256 = hashlib.sha256(bearer.encode()).digest()
    key.save(force_insert=True)
    facts = {
        "source": key.source.code,
        "facilities": len(key.facility_ids),
        "signs": key.require_signature,
    }
    audit.record(key.issued_by, Act.KEYS_ISSUED, on=f"key:{key.prefix}", facts=facts)
    return IssuedKey(key, bearer, signing_secret(key.prefix))


def ensure_source(code: str) -> Source:
    """The source of this code; a new one belongs to the system of that code, if there is one."""
    if not is_source_code(code):
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
def revoke_key(*, source: str, prefix: str, by: User | None = None, why: str = "") -> bool:
    """End a key of a source now; whether there was a live one to end."""
    live = SourceKey.objects.filter(source__code=source, prefix=prefix, revoked_at__isnull=True)
    _known.pop(prefix, None)
    ended = bool(live.update(revoked_at=Now(), revoked_by=by, why=why))
    if ended:
        audit.record(by, Act.KEYS_REVOKED, on=f"key:{prefix}", facts={"source": source})
    return ended


@transaction.atomic
def create_source(source: Source, *, by: User) -> Source:
    """Keep a new source; it sends nothing until it has a key."""
    source.save(force_insert=True)
    audit.record(by, Act.SOURCE_CHANGED, on=f"source:{source.code}", facts={"made": True})
    return source


@transaction.atomic
def switch_source(source: Source, *, active: bool, by: User) -> bool:
    """Let a source send, or refuse all of its keys at once; whether that changed anything."""
    forget_known_keys()
    changed = Source.objects.filter(pk=source.pk, active=not active).update(active=active)
    if changed:
        audit.record(by, Act.SOURCE_CHANGED, on=f"source:{source.code}", facts={"active": active})
    return bool(changed)


def touch_key(sender: Sender) -> None:
    """Note that a key was used, to the minute."""
    execute(TOUCH_KEY, {"key_id": sender.key_id})


def signing_secret(prefix: str) -> str:
    """The secret a key signs with: derived, so that the database holds nothing to sign by."""
    derived = hmac.digest(settings.TOKEN_KEY, f"signing\x1f{prefix}".encode(), "sha256")
    return "sig_" + base64.urlsafe_b64encode(derived).rstrip(b"=").decode()
