"""Who looks at the queue: their facilities and teams, their day, and the words they read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from apps.accounts.access import facilities_for
from apps.accounts.models import User
from apps.accounts.people import role_codes
from apps.catalog.models import ErrorClass
from apps.catalog.snapshot import Snapshot, snapshot
from apps.core.db import fetch_all
from apps.triage.realms import Realm, seen_by
from apps.triage.words import Words, words

TEAMS = """
SELECT t.id, t.code, t.name, m.user_id IS NOT NULL AS is_mine
  FROM catalog_team t
  LEFT JOIN catalog_team_members m ON m.team_id = t.id AND m.user_id = %(user)s
 ORDER BY t.name
"""


@dataclass(frozen=True, slots=True)
class TeamOf:
    """A team, and whether the reader is in it."""

    id: int
    code: str
    name: str
    is_mine: bool


@dataclass(frozen=True)
class Reader:
    """Everything that what is asked may depend on."""

    user: User
    facilities: tuple[int, ...]
    catalogue: Snapshot
    now: datetime

    @cached_property
    def realm(self) -> Realm:
        """The kinds that are their business."""
        return seen_by(self.user)

    @cached_property
    def zone(self) -> ZoneInfo:
        return self.catalogue.zone_of(self.facilities)

    @property
    def minute(self) -> datetime:
        """The minute they are in: a list that tells ages by it says the same for as long."""
        return self.now.replace(second=0, microsecond=0)

    @cached_property
    def day_ends(self) -> datetime:
        """The end of the day they are in."""
        local = self.now.astimezone(self.zone)
        return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)

    @cached_property
    def words(self) -> Words:
        return words(self.catalogue.version)

    @cached_property
    def teams(self) -> Sequence[TeamOf]:
        """Every team by name."""
        return fetch_all(TEAMS, {"user": self.user.pk}, row=TeamOf)

    @cached_property
    def team_codes(self) -> Mapping[str, TeamOf]:
        return {one.code: one for one in self.teams}

    def team_name(self, id: int) -> str:
        return next((one.name for one in self.teams if one.id == id), "")

    @property
    def own_teams(self) -> list[TeamOf]:
        return [one for one in self.teams if one.is_mine]

    @cached_property
    def roles(self) -> Sequence[str]:
        return role_codes(self.user)

    @cached_property
    def people(self) -> Mapping[int, str]:
        """Everybody by name."""
        names = User.objects.values_list("pk", "first_name", "last_name", "username")
        return {pk: f"{first} {last}".strip() or username for pk, first, last, username in names}

    def person(self, id: int) -> str:
        """Somebody by name; nothing when there is nobody of that number."""
        return self.people.get(id, "")


def storm_name(reader: Reader, kind: int | None, system: int, error_class: str) -> str:
    """What a storm is called: what most of its cases are, or else what kind of error it was."""
    if kind is not None:
        return reader.words.title(kind, reader.now)
    return f"{system_name(reader, system)}: {ErrorClass(error_class).label.lower()}"


def system_name(reader: Reader, system: int) -> str:
    return next((one.name for one in reader.catalogue.document.systems if one.id == system), "")


def reader(user: User, now: datetime) -> Reader:
    return Reader(user, facilities_for(user), snapshot(), now)
