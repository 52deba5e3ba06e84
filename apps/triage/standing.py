"""Views of the queue: those that everybody has, those of teams, and those that people keep."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from apps.catalog.models import ErrorClass
from apps.core.kept import Kept
from apps.triage import queue
from apps.triage.filters import Asked
from apps.triage.models import SavedView
from apps.triage.queries import saved_for
from apps.triage.reader import Reader

MINE, ALL, TEAMS, SAVED, SHARED = "Mine", "Everyone's", "Teams", "Saved by me", "Shared with me"
HEADINGS = (MINE, ALL, TEAMS, SAVED, SHARED)
# How old the figures beside the views may be.
COUNTED_EVERY = 60
TECHNICAL = (
    ErrorClass.TRANSPORT, ErrorClass.AUTH, ErrorClass.THROTTLE, ErrorClass.NO_ACK,
    ErrorClass.SYNTAX, ErrorClass.VERSION, ErrorClass.REFERENCE_UNKNOWN, ErrorClass.INTERNAL,
)  # fmt: skip


# Where any case at all is one too many.
ALARMING = frozenset({"due-today", "past-due", "unconfirmed"})


@dataclass(frozen=True)
class View:
    """Something the queue is asked, by name. Views that alarm are red when they have any."""

    code: str
    name: str
    heading: str
    query: Mapping[str, str]
    alarms: bool = False
    is_of_others: bool = False
    saved: SavedView | None = None

    @property
    def asked(self) -> Asked:
        return Asked.of(self.query)


def _standing(code: str, name: str, heading: str, **query: str) -> View:
    return View(code, name, heading, query, alarms=code in ALARMING)


EVERYBODYS = (
    _standing("mine", "My queue", MINE, owner="me", sort="due"),
    _standing("my-waiting", "Waiting on others", MINE, owner="me", state="pending"),
    _standing("all", "All open", ALL),
    _standing("due-today", "Due today", ALL, due="today", sort="due"),
    _standing("past-due", "Past due", ALL, due="past", sort="due"),
    _standing("unassigned", "Unassigned", ALL, owner="none"),
    _standing("waiting", "Pending", ALL, state="pending"),
    _standing("verifying", "Verifying", ALL, state="verifying"),
    _standing("unconfirmed", "Fix not confirmed", ALL, state="unconfirmed"),
    _standing(
        "filing", "Filing deadline ≤ 14 d", ALL, deadline="filing", due="money-14d", sort="due"
    ),
    _standing("high-value", "High value > $10k", ALL, dollars="over-10000", sort="amount"),
    View("technical", "Technical", ALL, {"class": ",".join(TECHNICAL)}),
    _standing("unexplained", "Unexplained", ALL, kind="none", group="cause"),
)
# Where a role begins; anybody else with all that is open.
DEFAULTS: Mapping[str, str] = {
    "revenue_cycle_analyst": "mine",
    "rcm_supervisor": "all",
    "integration_engineer": "technical",
    "integration_lead": "all",
    "finance_approver": "high-value",
}


def views(reader: Reader, roles: Iterable[str]) -> list[View]:
    """Everything this reader may choose, in its order."""
    return [*EVERYBODYS, *_of_teams(reader), *_saved(reader, roles)]


def _of_teams(reader: Reader) -> list[View]:
    """Those of one's own teams; who is in none looks at all of them."""
    chosen = reader.own_teams or reader.teams
    return [
        View(f"team-{one.code}", one.name, TEAMS, {"team": one.code}, is_of_others=not one.is_mine)
        for one in chosen
    ]


def _saved(reader: Reader, roles: Iterable[str]) -> list[View]:
    teams = [one.id for one in reader.own_teams]
    return [
        View(one.pk.hex, one.name, SAVED if one.owner_id == reader.user.pk else SHARED,
             dict(parse_qsl(one.query)), saved=one)
        for one in saved_for(reader.user, teams=teams, roles=list(roles))
    ]  # fmt: skip


def default_view(found: Sequence[View], roles: Sequence[str]) -> View:
    """Where this reader begins."""
    code = next((DEFAULTS[one] for one in roles if one in DEFAULTS), "all")
    return next(one for one in found if one.code == code)


# Figures of the views of one reader, some hundred bytes each.
_counted: Kept[tuple[int, ...]] = Kept(500)


def known_counts(reader: Reader, found: Sequence[View]) -> Sequence[int] | None:
    """The figures of this minute, if they were counted already."""
    return _counted.get(_name(reader, found))


def counted(reader: Reader, found: Sequence[View]) -> Sequence[int]:
    """How many cases each view has, not older than a minute."""
    return _counted.answer(
        _name(reader, found), lambda: tuple(queue.counts(reader, [one.asked for one in found]))
    )


def _name(reader: Reader, found: Sequence[View]) -> tuple[Any, ...]:
    questions = tuple(one.asked.query() for one in found)
    minute = int(reader.now.timestamp()) // COUNTED_EVERY
    return reader.user.pk, reader.facilities, reader.catalogue.version, questions, minute
