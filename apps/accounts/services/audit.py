"""The audit trail: who did what, when, to what; only ever added to (docs/accounts.md).

`record` writes a row in the caller's transaction: what is undone was not done. Each row carries a
code under a key that is not in the database, and the sealer chains committed rows, so that a row
that was edited, put in or taken out is found by `verify`.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils.timezone import now
from psycopg.types.json import Jsonb

from apps.accounts import origin
from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.core.db import execute, fetch_all, fetch_value

log = logging.getLogger(__name__)

ONCE_EVERY, VERIFIED_EVERY = timedelta(minutes=1), timedelta(days=1)
SEALED_AT_ONCE, READ_AT_ONCE = 2_000, 5_000
FIRST_HASH = b""

# Added unless the same was noted lately; without `since` always. Index: audit_by_group.
ADD = """
INSERT INTO accounts_auditevent
       (id, at, actor_id, actor, act, object, facility_id, facts, origin, request, mac)
SELECT %(id)s, %(at)s, %(actor_id)s, %(actor)s, %(act)s, %(on)s, %(facility_id)s, %(facts)s,
       %(origin)s, %(request)s, %(mac)s
 WHERE %(since)s::timestamptz IS NULL OR NOT EXISTS (
       SELECT FROM accounts_auditevent
        WHERE split_part(act, '.', 1) = split_part(%(act)s, '.', 1) AND at > %(since)s
          AND act = %(act)s AND object = %(on)s
          AND actor_id IS NOT DISTINCT FROM %(actor_id)s
          AND (actor_id IS NOT NULL OR origin = %(origin)s))
"""

# Whoever seals takes a turn; who comes meanwhile has nothing to do.
TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('accounts.audit'))"
SOME_WAIT = "SELECT EXISTS (SELECT FROM accounts_auditevent WHERE seq IS NULL)"
UNSEALED = """
SELECT id, mac FROM accounts_auditevent WHERE seq IS NULL ORDER BY at, id LIMIT %(limit)s
"""
HEAD = """
SELECT seq, hash FROM accounts_auditevent WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1
"""
SEAL = """
UPDATE accounts_auditevent e SET seq = s.seq, hash = s.hash
  FROM unnest(%(ids)s::uuid[], %(seqs)s::bigint[], %(hashes)s::bytea[]) AS s (id, seq, hash)
 WHERE e.id = s.id
"""

SEALED_AFTER = """
SELECT id, at, actor_id, actor, act, object, facility_id, facts::text AS facts, origin, request,
       mac, seq, hash
  FROM accounts_auditevent WHERE seq > %(after)s ORDER BY seq LIMIT %(limit)s
"""
STILL_WAITING = """
SELECT id, at, actor_id, actor, act, object, facility_id, facts::text AS facts, origin, request,
       mac, 0::bigint AS seq, ''::bytea AS hash
  FROM accounts_auditevent WHERE seq IS NULL ORDER BY at, id LIMIT %(limit)s
"""
# Index: audit_by_group.
LAST_VERIFIED = """
SELECT at, (facts ->> 'seq')::bigint AS seq FROM accounts_auditevent
 WHERE split_part(act, '.', 1) = split_part(%(act)s, '.', 1) AND act = %(act)s
 ORDER BY at DESC, id DESC LIMIT 1
"""
PLACE = "SELECT seq, hash FROM accounts_auditevent WHERE seq = %(seq)s"


class Placed(Protocol):
    """Anything of the catalogue that is a facility: the model or the copy in memory."""

    @property
    def id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A row that has no place in the chain yet."""

    id: UUID
    mac: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain. Kept elsewhere, it tells when rows were cut off the end."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Verified:
    """When the chain was recomputed last, and how far."""

    at: datetime
    seq: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the trail with all that its code covers."""

    id: UUID
    at: datetime
    actor_id: int | None
    actor: str
    act: str
    object: str
    facility_id: int | None
    facts: str
    origin: str
    request: str
    mac: bytes
    seq: int
    hash: bytes

    @property
    def is_genuine(self) -> bool:
        """Whether the row is as it was when it was written."""
        body = (
            self.id, self.at, self.actor_id, self.actor, self.act, self.object, self.facility_id,
            msgspec.json.decode(self.facts), self.origin, self.request,
        )  # fmt: skip
        return hmac.compare_digest(code_of(body), self.mac)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found: how far the chain is whole, and what is wrong with it."""

    rows: int
    head: Head | None
    faults: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return not self.faults


def record(
    actor: User | AnonymousUser | None,
    act: str,
    *,
    on: str = "",
    facility: Placed | int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> UUID:
    """Note an act; the row's id. `on` names the object opaquely, `facts` holds codes and numbers:
    never anything about a patient."""
    row = _row(actor, act, on, facility, facts)
    execute(ADD, row | {"since": None})
    return UUID(str(row["id"]))


def record_lately(
    actor: User | AnonymousUser | None,
    act: str,
    *,
    on: str = "",
    facts: Mapping[str, Any] | None = None,
    every: timedelta = ONCE_EVERY,
) -> UUID | None:
    """Note what may happen a thousand times a minute at most once in that time, of the same person
    (or network, where nobody is signed in) and object."""
    row = _row(actor, act, on, None, facts)
    added = execute(ADD, row | {"since": row["at"] - every})
    return UUID(str(row["id"])) if added else None


def name_of(person: User | AnonymousUser | None) -> str:
    """A person as the trail calls them for good."""
    if not isinstance(person, User):
        return ""
    full = person.get_full_name()
    return f"{full} ({person.username})" if full else person.username


def _row(
    actor: User | AnonymousUser | None,
    act: str,
    on: str,
    facility: Placed | int | None,
    facts: Mapping[str, Any] | None,
) -> dict[str, Any]:
    here = origin.current()
    moment = now()
    kept = _plain(msgspec.to_builtins(dict(facts or {}), str_keys=True))
    row: dict[str, Any] = {
        "id": uuid7(moment),
        "at": moment,
        "actor_id": actor.pk if isinstance(actor, User) else None,
        "actor": _plain(name_of(actor)),
        "act": Act(act).value,
        "on": _plain(on),
        "facility_id": getattr(facility, "id", facility),
        "facts": kept,
        "origin": here.place,
        "request": here.request,
    }
    return row | {"mac": code_of(tuple(row.values())), "facts": Jsonb(kept)}


def _plain(value: Any) -> Any:
    """The same after a way through the database, which knows no NUL and one kind of number."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case Mapping():
            return {_plain(name): _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case float() if value.is_integer():
            return int(value)
    return value


def code_of(body: Iterable[Any]) -> bytes:
    """The code under which a row is genuine."""
    said = msgspec.json.encode([_canonical(part) for part in body], order="sorted")
    return hmac.digest(_key(), said, hashlib.sha256)


def _canonical(part: Any) -> Any:
    return part.astimezone(UTC) if isinstance(part, datetime) else part


@cache
def _key() -> bytes:
    """Derived, so that there is one secret to keep; it is not in the database."""
    return hmac.digest(settings.TOKEN_KEY, b"audit trail", hashlib.sha256)


def uuid7(moment: datetime) -> UUID:
    """An id that sorts by time, made here because the row's code covers it."""
    stamp = int(moment.timestamp() * 1000) << 80
    variant = 0b10 << 62
    return UUID(int=stamp | 7 << 76 | secrets.randbits(12) << 64 | variant | secrets.randbits(62))


# -- the chain -----------------------------------------------------------------------------------


def seal() -> int:
    """Give what was committed its place in the chain; return how many. Safe to run at any time."""
    sealed = 0
    while fetch_value(SOME_WAIT) and (some := _seal_some()):
        sealed += some
    return sealed


@transaction.atomic
def _seal_some() -> int:
    if not fetch_value(TAKE_TURN):
        return 0
    waiting = fetch_all(UNSEALED, {"limit": SEALED_AT_ONCE}, row=Unsealed)
    end = head() or Head(0, FIRST_HASH)
    places = list(_chain(end, waiting))
    return execute(
        SEAL,
        {
            "ids": [row.id for row in waiting],
            "seqs": [place.seq for place in places],
            "hashes": [place.hash for place in places],
        },
    )


def _chain(end: Head, rows: Iterable[Unsealed]) -> Iterable[Head]:
    for row in rows:
        end = following(end, row.id, row.mac)
        yield end


def following(end: Head, id: UUID, mac: bytes) -> Head:
    """The place after this one."""
    said = end.hash + (end.seq + 1).to_bytes(8, "big") + id.bytes + mac
    return Head(end.seq + 1, hmac.digest(_key(), said, hashlib.sha256))


def head() -> Head | None:
    """The end of the chain, if it has begun."""
    found = fetch_all(HEAD, {}, row=Head)
    return found[0] if found else None


def log_head() -> None:
    """Write the end of the chain to the log, which lies elsewhere."""
    if end := head():
        log.info("audit head %s", end)


def verify(*, after: Head | None = None, known: Sequence[Head] = ()) -> Report:
    """Recompute the chain, from its beginning or from a place that is trusted.

    `known` are ends of the chain that were kept elsewhere: a row that is not where one of them says
    was cut off or replaced.
    """
    end, rows, faults = after or Head(0, FIRST_HASH), 0, list(_missing(known))
    while found := fetch_all(SEALED_AFTER, {"after": end.seq, "limit": READ_AT_ONCE}, row=Row):
        for row in found:
            faults += _faults(end, row)
            end = Head(row.seq, row.hash)
        rows += len(found)
    waiting = fetch_all(STILL_WAITING, {"limit": READ_AT_ONCE}, row=Row)
    faults += [f"{row.id} was put in by hand" for row in waiting if not row.is_genuine]
    return Report(rows + len(waiting), end if end.seq else None, tuple(faults))


def verify_further() -> Report | None:
    """Once a day, recompute what was added since the last time, and note it."""
    last = fetch_all(LAST_VERIFIED, {"act": Act.AUDIT_VERIFIED.value}, row=Verified)
    if last and last[0].at > now() - VERIFIED_EVERY:
        return None
    seq = last[0].seq if last else None
    places = fetch_all(PLACE, {"seq": seq}, row=Head) if seq else []
    report = verify(after=places[0] if places else None)
    note_verified(report)
    return report


def note_verified(report: Report, by: User | None = None) -> None:
    """A verification is an act as well."""
    reached = {"seq": report.head.seq} if report.head else {}
    facts = {"rows": report.rows, "faults": len(report.faults)} | reached
    record(by, Act.AUDIT_VERIFIED, facts=facts)


def _faults(end: Head, row: Row) -> Iterable[str]:
    """What is wrong between one row and the next."""
    if row.seq != end.seq + 1:
        count = row.seq - end.seq - 1
        yield f"{count} missing between {end.seq} and {row.seq}"
        return
    if not row.is_genuine:
        yield f"{row.seq} ({row.id}) was changed or put in"
    if not hmac.compare_digest(following(end, row.id, row.mac).hash, row.hash):
        yield f"{row.seq} ({row.id}) does not follow the one before"


def _missing(known: Iterable[Head]) -> Iterable[str]:
    for kept in known:
        found = fetch_all(PLACE, {"seq": kept.seq}, row=Head)
        if not found:
            yield f"{kept.seq} is missing: the trail was cut off"
        elif found[0].hash != kept.hash:
            yield f"{kept.seq} is another row than the one that was logged"
