"""Reads about people: who they are, what they hold and since when, what a second person decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now

from apps.accounts.acts import Act
from apps.accounts.models import RoleRequest, User
from apps.core.db import fetch_all, fetch_one, fetch_prepared, fetch_value

DORMANT_AFTER = timedelta(days=90)
PEOPLE_A_PAGE = 50
FACTORS = {"totp": "app", "webauthn": "passkey"}
EVERYBODY = 20_000
BY_ROLE = "django.contrib.auth.backends.ModelBackend"

# One statement for a page of people, whatever they hold. Index of the reviews: review_latest.
PEOPLE = """
SELECT u.id, u.username, u.first_name, u.last_name, u.is_active, u.is_superuser, u.last_login,
       u.date_joined, held.roles, granted.facilities, waits.roles AS waiting,
       factor.types AS factor_types, review.at AS reviewed_at, review.verdict, review.reviewer
  FROM accounts_user u
 CROSS JOIN LATERAL (
       SELECT coalesce(array_agg(DISTINCT a.type ORDER BY a.type), '{}') AS types
         FROM mfa_authenticator a
        WHERE a.user_id = u.id AND a.type <> 'recovery_codes') factor
 CROSS JOIN LATERAL (
       SELECT coalesce(array_agg(g.name ORDER BY g.name), '{}') AS roles
         FROM accounts_user_groups m JOIN auth_group g ON g.id = m.group_id
        WHERE m.user_id = u.id) held
 CROSS JOIN LATERAL (
       SELECT coalesce(array_agg(f.id ORDER BY f.path), '{}') AS facilities
         FROM accounts_facilityusergrant o
         JOIN auth_permission p ON p.id = o.permission_id AND p.codename = 'view_facility'
         JOIN catalog_facility f ON f.id = o.content_object_id
        WHERE o.user_id = u.id) granted
 CROSS JOIN LATERAL (
       SELECT coalesce(array_agg(r.role ORDER BY r.role), '{}') AS roles
         FROM accounts_rolerequest r
        WHERE r.person_id = u.id AND r.state = 'pending' AND r.expires_at > now()) waits
  LEFT JOIN LATERAL (
       SELECT v.at, v.verdict, w.username AS reviewer
         FROM accounts_accessreview v JOIN accounts_user w ON w.id = v.reviewer_id
        WHERE v.person_id = u.id ORDER BY v.at DESC LIMIT 1) review ON true
 WHERE (%(find)s = '' OR concat_ws(' ', u.first_name, u.last_name, u.username) ILIKE %(like)s)
   AND (%(id)s::integer IS NULL OR u.id = %(id)s)
   AND (%(role)s = '' OR %(role)s = ANY(held.roles))
   AND CASE %(state)s
         WHEN 'active' THEN u.is_active
         WHEN 'closed' THEN NOT u.is_active
         WHEN 'dormant' THEN u.is_active AND coalesce(u.last_login, u.date_joined) < %(dormant)s
         WHEN 'due' THEN u.is_active AND coalesce(review.at < %(dormant)s, true)
         ELSE true END
 ORDER BY u.is_active DESC, lower(coalesce(nullif(u.last_name, ''), u.username)), u.id
 LIMIT %(limit)s OFFSET %(skip)s
"""

# How far the review of access has come. Index: review_latest.
REVIEWED = """
SELECT count(*) AS people, count(*) FILTER (WHERE coalesce(at < %(dormant)s, true)) AS due,
       max(at) AS last
  FROM accounts_user AS u
 CROSS JOIN LATERAL (
       SELECT max(at) AS at FROM accounts_accessreview WHERE person_id = u.id) AS review
 WHERE u.is_active
"""

# Who gave what and when, as the trail tells it. Index: audit_given.
GIVEN = """
SELECT DISTINCT ON (object, act, what) object, act, what, actor, at
  FROM (SELECT object, act, actor, at, coalesce(facts ->> 'role', facts ->> 'facility') AS what
          FROM accounts_auditevent
         WHERE object = ANY(%(objects)s) AND object <> ''
           AND act IN ('role.granted', 'facility.granted')) noted
 ORDER BY object, act, what, at DESC
"""


# By whom an account was made, got its last link to a password, and lost its second factors, and
# what somebody who signs in does not know yet. Index: audit_about.
MADE = """
SELECT DISTINCT ON (object, act) object, act, '' AS what, actor, at
  FROM accounts_auditevent
 WHERE object = ANY(%(objects)s) AND object <> ''
   AND act IN ('person.created', 'person.invited', 'credentials.factor_reset')
 ORDER BY object, act, at DESC
"""
LINK_MADE = """
SELECT (SELECT origin FROM accounts_auditevent
         WHERE object = %(object)s AND object <> '' AND act = 'person.invited'
         ORDER BY at DESC LIMIT 1)
"""
LAST_OF_SIGN_IN = """
SELECT object, act, '' AS what, actor, at
  FROM accounts_auditevent
 WHERE object = %(object)s AND object <> ''
   AND act IN ('session.opened', 'credentials.factor_reset')
 ORDER BY at DESC, id DESC LIMIT 1
"""

ANY_PENDING = """
SELECT 1 FROM accounts_rolerequest
 WHERE state = 'pending' AND expires_at > %(now)s
   AND person_id <> %(user)s AND requested_by_id <> %(user)s
 LIMIT 1
"""


def network_of_link(person: User) -> str:
    """From which network an administrator last made a link to this password; nothing if none."""
    found: str | None = fetch_value(LINK_MADE, {"object": f"user:{person.pk}"})
    return found or ""


@dataclass(frozen=True)
class PersonRow:
    """A person with what they hold, in one row."""

    id: int
    username: str
    first_name: str
    last_name: str
    is_active: bool
    is_superuser: bool
    last_login: datetime | None
    date_joined: datetime
    roles: list[str]
    facilities: list[int]
    waiting: list[str]
    factor_types: list[str]
    reviewed_at: datetime | None
    verdict: str | None
    reviewer: str | None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.username

    @property
    def factors(self) -> list[str]:
        """With what they sign in beside the password, in words."""
        return [FACTORS.get(one, one) for one in self.factor_types]

    @property
    def is_dormant(self) -> bool:
        """Not here for so long that the account is better closed."""
        return self.is_active and (self.last_login or self.date_joined) < now() - DORMANT_AFTER


@dataclass(frozen=True)
class Given:
    """A role or a facility that was given, and by whom."""

    object: str
    act: str
    what: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class Holding:
    """A person with what they hold in words, and who gave it: a row of the access review."""

    person: PersonRow
    roles: list[tuple[str, Given | None]]
    facilities: list[tuple[str, Given | None]]


@dataclass(frozen=True)
class Reviewed:
    """How many open accounts there are, how many of them wait for a signature, the last one."""

    people: int
    due: int
    last: datetime | None


Givens = dict[tuple[str, str], Given]


def people(
    *, find: str = "", role: str = "", state: str = "", limit: int = PEOPLE_A_PAGE, skip: int = 0
) -> list[PersonRow]:
    """People by name; whoever left stands last."""
    escaped = find.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    said = {"id": None, "find": find, "like": f"%{escaped}%", "role": role, "state": state,
            "dormant": now() - DORMANT_AFTER, "limit": limit, "skip": skip}  # fmt: skip
    return fetch_all(PEOPLE, said, row=PersonRow)


def reviewed() -> Reviewed:
    return fetch_one(REVIEWED, {"dormant": now() - DORMANT_AFTER}, row=Reviewed)


def one_person(pk: int) -> PersonRow:
    """The same about one of them."""
    said = {"id": pk, "find": "", "like": "", "role": "", "state": "",
            "dormant": now() - DORMANT_AFTER, "limit": 1, "skip": 0}  # fmt: skip
    return fetch_one(PEOPLE, said, row=PersonRow)


def given_to(users: Sequence[int]) -> dict[int, Givens]:
    """For each person what they were given last, by role or by the facility's code."""
    found = fetch_all(GIVEN, {"objects": [f"user:{pk}" for pk in users]}, row=Given)
    given: dict[int, Givens] = {pk: {} for pk in users}
    for one in found:
        kind = one.act.partition(".")[0]
        given[int(one.object.removeprefix("user:"))][kind, one.what] = one
    return given


def made_by(users: Sequence[int]) -> dict[int, dict[str, Given]]:
    """By whom each account was made (`created`), got its last link to a password (`invited`) and
    lost its second factors (`factor_reset`)."""
    found = fetch_all(MADE, {"objects": [f"user:{pk}" for pk in set(users)]}, row=Given)
    made: dict[int, dict[str, Given]] = {pk: {} for pk in users}
    for one in found:
        made[int(one.object.removeprefix("user:"))][one.act.partition(".")[2]] = one
    return made


def reset_since_last_sign_in(user: User) -> Given | None:
    """Who took this person's second factors away since they were last here."""
    found = fetch_all(LAST_OF_SIGN_IN, {"object": f"user:{user.pk}"}, row=Given)
    return next((one for one in found if one.act == Act.FACTOR_RESET), None)


def pending_requests() -> QuerySet[RoleRequest]:
    """What waits for a second person; `stands` while who asked may still ask."""
    waiting = RoleRequest.objects.filter(state=RoleRequest.State.PENDING, expires_at__gt=now())
    return waiting.annotate(stands=who_asked_may()).select_related("person", "requested_by")


def who_asked_may() -> Exists:
    """Whether who made a request could make it now."""
    askers = User.objects.with_perm("accounts.manage_people", backend=BY_ROLE)
    return Exists(askers.filter(pk=OuterRef("requested_by")))


def waiting_for(user: User) -> int:
    """How many requests this person could decide as the second.

    Every page shows it, and nearly always nothing waits: that is asked first, and cheaply.
    """
    if not fetch_prepared(ANY_PENDING, {"user": user.pk, "now": now()}):
        return 0
    mine = Q(person=user) | Q(requested_by=user)
    return pending_requests().filter(who_asked_may()).exclude(mine).count()


def decided_requests(person: User) -> QuerySet[RoleRequest]:
    """What was decided about somebody's roles, newest first."""
    decided = RoleRequest.objects.filter(person=person).exclude(state=RoleRequest.State.PENDING)
    return decided.select_related("requested_by", "decided_by").order_by("-decided_at")
