"""The audit trail as it is read: a page at a time, by group of acts, person and period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.utils.timezone import now

from apps.accounts.acts import GROUPS, Act
from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.core.db import fetch_all, fetch_value

PAGE = 50
PERIODS = {
    "24h": ("24 hours", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
    "90d": ("90 days", timedelta(days=90)),
    "all": ("All", None),
}
SENTENCES: dict[str, str] = dict(Act.choices)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR = datetime(9999, 1, 1, tzinfo=UTC)
LAST_ID = UUID(int=2**128 - 1)

# Each group is read from its end of an index, and the newest of all are kept: whatever is asked,
# it is a page of every group at most. Indexes: audit_by_group, audit_by_actor_group.
NEWEST = """
SELECT found.*
  FROM unnest(%(groups)s::text[]) AS chosen (name)
 CROSS JOIN LATERAL (
       SELECT e.id, e.at, e.actor_id, e.actor, e.act, e.object, e.facility_id,
              e.facts::text AS facts, e.origin, e.seq
         FROM accounts_auditevent e
        WHERE split_part(e.act, '.', 1) = chosen.name
          AND e.at >= %(since)s AND (e.at, e.id) < (%(before_at)s, %(before_id)s)
        ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s) found
 ORDER BY found.at DESC, found.id DESC LIMIT %(limit)s
"""
NEWEST_OF_ONE = """
SELECT found.*
  FROM unnest(%(groups)s::text[]) AS chosen (name)
 CROSS JOIN LATERAL (
       SELECT e.id, e.at, e.actor_id, e.actor, e.act, e.object, e.facility_id,
              e.facts::text AS facts, e.origin, e.seq
         FROM accounts_auditevent e
        WHERE e.actor_id = %(actor)s AND split_part(e.act, '.', 1) = chosen.name
          AND e.at >= %(since)s AND (e.at, e.id) < (%(before_at)s, %(before_id)s)
        ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s) found
 ORDER BY found.at DESC, found.id DESC LIMIT %(limit)s
"""
# Index: audit_about.
ABOUT = """
SELECT id, at, actor_id, actor, act, object, facility_id, facts::text AS facts, origin, seq
  FROM accounts_auditevent
 WHERE object = %(object)s AND object <> '' AND split_part(act, '.', 1) = ANY(%(groups)s)
 ORDER BY at DESC, id DESC LIMIT %(limit)s
"""
SOME_WAIT = "SELECT count(*) FROM accounts_auditevent WHERE seq IS NULL"


@dataclass(frozen=True)
class Question:
    """What of the trail somebody wants to see."""

    groups: tuple[str, ...]
    actor: int | None = None
    period: str = "30d"
    before: tuple[datetime, UUID] = (FAR, LAST_ID)


@dataclass(frozen=True)
class Noted:
    """A row of the trail."""

    id: UUID
    at: datetime
    actor_id: int | None
    actor: str
    act: str
    object: str
    facility_id: int | None
    facts: str
    origin: str
    seq: int | None

    @property
    def said(self) -> str:
        return SENTENCES.get(self.act, self.act)

    @property
    def group(self) -> str:
        name = self.act.partition(".")[0]
        return GROUPS[name].name if name in GROUPS else name

    @property
    def details(self) -> str:
        """Facts in the order they stand, roles by name."""
        return "; ".join(f"{name}: {_shown(one)}" for name, one in self.known.items())

    @property
    def known(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.facts)
        return found


def groups_open_to(user: User) -> tuple[str, ...]:
    """The auditor reads all of it, who administers what concerns the configuration."""
    if not user.has_perm("accounts.administer_network") or user.is_superuser:
        return tuple(GROUPS)
    return tuple(code for code, group in GROUPS.items() if group.is_configuration)


def newest(asked: Question, *, limit: int = PAGE) -> list[Noted]:
    """The newest rows that were asked for."""
    length = PERIODS[asked.period][1]
    said = {
        "groups": list(asked.groups),
        "actor": asked.actor,
        "since": now() - length if length else EPOCH,
        "before_at": asked.before[0],
        "before_id": asked.before[1],
        "limit": limit,
    }
    return fetch_all(NEWEST if asked.actor is None else NEWEST_OF_ONE, said, row=Noted)


def about(name: str, groups: Sequence[str], *, limit: int = 20) -> list[Noted]:
    """What was done to one object."""
    return fetch_all(ABOUT, {"object": name, "groups": list(groups), "limit": limit}, row=Noted)


def last_verified() -> Noted | None:
    """The last time somebody, or the product itself, recomputed the chain."""
    verified = newest(Question(("audit",), period="all"), limit=1)
    return verified[0] if verified else None


def unsealed() -> int:
    """Rows that wait for their place in the chain."""
    count: int = fetch_value(SOME_WAIT)
    return count


def mark(row: Noted) -> str:
    """Where the next page begins."""
    return f"{(row.at - EPOCH) // timedelta(microseconds=1)}-{row.id.hex}"


def read_mark(text: str) -> tuple[datetime, UUID]:
    """A mark from an address; what is none means the first page."""
    moment, _, name = text.partition("-")
    try:
        return EPOCH + timedelta(microseconds=int(moment)), UUID(name)
    except (ValueError, OverflowError):
        return FAR, LAST_ID


def _shown(fact: object) -> str:
    if isinstance(fact, list):
        return ", ".join(map(_shown, fact)) or "none"
    if isinstance(fact, str) and fact in ROLES:
        return ROLES[fact].name
    return {True: "yes", False: "no"}[fact] if isinstance(fact, bool) else str(fact)
