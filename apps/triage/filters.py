"""What the queue is asked: every filter, how it stands in an address, and what it is in SQL.

An address holds codes of the catalogue and words of this module, never a number of anybody's. What
is not known here, or not the reader's, matches nothing and says so: a filter that was silently
dropped would show more than was asked for.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString
from urllib.parse import urlencode

from apps.catalog.models import ErrorClass, MoneyDeadline
from apps.triage import pointers
from apps.triage.reader import Reader

NONE, ME, MINE = "none", "me", "mine"
NOTHING: LiteralString = "false"

STATE: LiteralString = (
    "CASE WHEN c.status = 'open' THEN COALESCE(NULLIF(c.substatus, ''), 'ongoing') "
    "ELSE c.status END"
)
# The next of its deadlines, money's or our own.
NEXT_DUE: LiteralString = "LEAST(c.money_due_at, c.resolve_by)"

STATES = {
    "new": "New",
    "ongoing": "Open",
    "regressed": "Regressed",
    "unconfirmed": "Unconfirmed",
    "returned": "Returned",
    "escalating": "Escalating",
    "in_progress": "In progress",
    "pending": "Pending",
    "replaying": "Replaying",
    "verifying": "Verifying",
}
SEVERITIES = {"S1": 1, "S2": 2, "S3": 3, "S4": 4}
AGES = {
    "under-1h": ("under 1 h", timedelta(hours=1)),
    "under-1d": ("under 1 d", timedelta(days=1)),
    "over-1d": ("over 1 d", timedelta(days=1)),
    "over-3d": ("over 3 d", timedelta(days=3)),
    "over-7d": ("over 7 d", timedelta(days=7)),
    "over-30d": ("over 30 d", timedelta(days=30)),
}
DUES = {
    "past": "past due",
    "today": "today",
    "7d": "within 7 d",
    "14d": "within 14 d",
    "money-14d": "money's within 14 d",
    NONE: "no deadline",
}
DOLLARS = {
    "over-100": "over $100",
    "over-1000": "over $1,000",
    "over-10000": "over $10,000",
    "over-50000": "over $50,000",
    "under-100": "under $100",
    NONE: "not known",
}
AMOUNT = re.compile(r"(over|under)-(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition with its parameters; {p} stands before their names until it is known which of
    several questions in one statement they belong to."""

    sql: LiteralString
    params: Mapping[str, Any] = field(default_factory=dict)


# What a text of an address means to a reader: the condition, or nothing if it means nothing.
Meaning = Callable[[Reader, str], Clause | None]
Naming = Callable[[Reader, str], str]


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that can be asked."""

    name: str
    label: str
    means: Meaning
    says: Naming


def _codes(text: str) -> list[str]:
    return [one for one in dict.fromkeys(text.split(",")) if one]


def _among(
    name: LiteralString, key: LiteralString, kind: LiteralString, known: Callable[..., Any]
) -> Meaning:
    """A column among the values that some codes stand for; none of them is what has none."""
    any_of: LiteralString = f"{key} = ANY(%({{p}}{name})s::{kind}[])"
    or_none: LiteralString = f"({any_of} OR {key} IS NULL)"

    def means(reader: Reader, text: str) -> Clause | None:
        codes = _codes(text)
        values = [known(reader, code) for code in codes if code != NONE]
        if None in values or not codes:
            return None
        return Clause(or_none if NONE in codes else any_of, {name: values})

    return means


def _named(names: Callable[[Reader, str], str]) -> Naming:
    def says(reader: Reader, text: str) -> str:
        return " or ".join(names(reader, code) for code in _codes(text))

    return says


def _kind(reader: Reader, code: str) -> int | None:
    return reader.words.kinds.get(code)


def _kind_name(reader: Reader, code: str) -> str:
    kind = _kind(reader, code)
    return (
        "not explained" if code == NONE else reader.words.title(kind, reader.now) if kind else code
    )


def _workflow(reader: Reader, code: str) -> int | None:
    found = reader.catalogue.workflows.get(code)
    return found.id if found else None


def _workflow_name(reader: Reader, code: str) -> str:
    found = reader.catalogue.workflows.get(code)
    return found.short_name if found else code


def places(reader: Reader, text: str) -> list[int]:
    """The reader's facilities in the subtrees of these codes; `=` before one leaves out what lies
    below it. A code that is nowhere, or elsewhere, names none."""
    mine, found = set(reader.facilities), set[int]()
    for code in _codes(text):
        place = reader.catalogue.facilities.get(code.removeprefix("="))
        below = reader.catalogue.subtrees[place.id] if place else frozenset()
        found |= mine & ({place.id} if place and code.startswith("=") else below)
    return sorted(found)


def _facility(reader: Reader, text: str) -> Clause | None:
    found = places(reader, text)
    return Clause("c.facility_id = ANY(%({p}facility)s)", {"facility": found}) if found else None


def _facility_name(reader: Reader, code: str) -> str:
    place = reader.catalogue.facilities.get(code.removeprefix("="))
    if place is None or not places(reader, code):
        return code
    return f"{place.short_name} itself" if code.startswith("=") else place.short_name


def _system(reader: Reader, text: str) -> Clause | None:
    """The system that was spoken to; where no interface is known, the one that carries the step."""
    systems = {reader.catalogue.systems[one].id for one in _codes(text)
               if one in reader.catalogue.systems}  # fmt: skip
    if not systems:
        return None
    document = reader.catalogue.document
    return Clause(
        "(c.interface_id = ANY(%({p}interfaces)s)"
        " OR c.interface_id IS NULL AND c.stage_id = ANY(%({p}stages)s))",
        {
            "interfaces": [one.id for one in document.interfaces if one.target_id in systems],
            "stages": [one.id for one in document.stages if one.system_id in systems],
        },
    )


def _system_name(reader: Reader, code: str) -> str:
    found = reader.catalogue.systems.get(code)
    return found.name if found else code


def _payer(_: Reader, text: str) -> Clause:
    """By name, which may hold a comma."""
    if text == NONE:
        return Clause("c.payer IS NULL")
    return Clause("c.payer = %({p}payer)s", {"payer": text})


def _owner(reader: Reader, code: str) -> int | None:
    if code == ME:
        return reader.user.pk
    return int(code) if code.isascii() and code.isdigit() and len(code) < 18 else None


def _owner_name(reader: Reader, code: str) -> str:
    if code in (ME, NONE):
        return "me" if code == ME else "nobody"
    number = _owner(reader, code)
    return (reader.person(number) if number else "") or code


def _team(reader: Reader, text: str) -> Clause | None:
    codes = _codes(text)
    found = [one.id for one in reader.own_teams] if MINE in codes else []
    others = [reader.team_codes.get(one) for one in codes if one not in (MINE, NONE)]
    if None in others or not codes:
        return None
    values = [*found, *(one.id for one in others if one)]
    any_of: LiteralString = "c.team_id = ANY(%({p}team)s::bigint[])"
    either: LiteralString = f"({any_of} OR c.team_id IS NULL)"
    return Clause(either if NONE in codes else any_of, {"team": values})


def _team_name(reader: Reader, code: str) -> str:
    if code in (MINE, NONE):
        return "mine" if code == MINE else "none"
    found = reader.team_codes.get(code)
    return found.name if found else code


def _age(reader: Reader, text: str) -> Clause | None:
    if text not in AGES:
        return None
    since = reader.now - AGES[text][1]
    if text.startswith("under"):
        return Clause("c.opened_at > %({p}since)s", {"since": since})
    return Clause("c.opened_at <= %({p}since)s", {"since": since})


def _dollars(_: Reader, text: str) -> Clause | None:
    if text == NONE:
        return Clause("c.amount_minor IS NULL")
    found = AMOUNT.fullmatch(text)
    if not found:
        return None
    minor = int(found[2]) * 100
    if found[1] == "over":
        return Clause("c.amount_minor > %({p}amount)s", {"amount": minor})
    return Clause("c.amount_minor < %({p}amount)s", {"amount": minor})


def _dollars_name(_: Reader, text: str) -> str:
    found = AMOUNT.fullmatch(text)
    return f"{found[1]} ${int(found[2]):,}" if found else DOLLARS.get(text, text)


def _due(reader: Reader, text: str) -> Clause | None:
    if text == NONE:
        return Clause(f"{NEXT_DUE} IS NULL")
    if text == "past":
        return Clause(f"{NEXT_DUE} < %({{p}}due)s", {"due": reader.now})
    if text == "money-14d":
        lost = _days(reader, 14)
        return Clause("c.money_due_at < %({p}lost)s", {"lost": lost})
    ends = {"today": reader.day_ends, "7d": _days(reader, 7), "14d": _days(reader, 14)}
    if text not in ends:
        return None
    span: LiteralString = f"{NEXT_DUE} >= %({{p}}due)s AND {NEXT_DUE} < %({{p}}end)s"
    return Clause(span, {"due": reader.now, "end": ends[text]})


def _days(reader: Reader, days: int) -> datetime:
    return reader.now + timedelta(days=days)


def _text(reader: Reader, text: str) -> Clause | None:
    """Words of the title."""
    kinds = list(reader.words.saying(text, reader.now))
    return Clause("c.kind_id = ANY(%({p}text)s::bigint[])", {"text": kinds}) if kinds else None


def _cause(_: Reader, text: str) -> Clause | None:
    id = pointers.uuid(text)
    return Clause("c.group_id = %({p}cause)s", {"cause": id}) if id else None


def _storm(reader: Reader, text: str) -> Clause | None:
    found = pointers.storm(reader, text)
    return Clause("c.storm_id = %({p}storm)s::uuid", {"storm": found.pk}) if found else None


def _found(reader: Reader, token: str) -> Clause | None:
    ids = pointers.found(reader, token)
    if ids is None:
        return None
    return Clause("c.transaction_id = ANY(%({p}found)s::uuid[])", {"found": ids})


def _itself(_: Reader, text: str) -> str:
    return text


def _from(names: Mapping[str, str]) -> Naming:
    return _named(lambda _, code: names.get(code, code))


FILTERS = {
    one.name: one
    for one in (
        Filter("kind", "Kind", _among("kind", "c.kind_id", "bigint", _kind), _named(_kind_name)),
        Filter("class", "Class",
               _among("class", "c.error_class", "text",
                      lambda _, code: code if code in ErrorClass.values else None),
               _from(dict(ErrorClass.choices))),
        Filter("workflow", "Workflow", _among("workflow", "c.workflow_id", "bigint", _workflow),
               _named(_workflow_name)),
        Filter("facility", "Facility", _facility, _named(_facility_name)),
        Filter("system", "System", _system, _named(_system_name)),
        Filter("payer", "Payer", _payer, lambda _, text: "not said" if text == NONE else text),
        Filter("severity", "Severity",
               _among("severity", "c.severity", "smallint",
                      lambda _, code: SEVERITIES.get(code)), _from({})),
        Filter("state", "State",
               _among("state", STATE, "text", lambda _, code: code if code in STATES else None),
               _from(STATES)),
        Filter("owner", "Owner", _among("owner", "c.assignee_id", "bigint", _owner),
               _named(_owner_name)),
        Filter("team", "Team", _team, _named(_team_name)),
        Filter("age", "Age", _age, lambda _, text: AGES[text][0] if text in AGES else text),
        Filter("dollars", "At risk", _dollars, _dollars_name),
        Filter("due", "Due", _due, lambda _, text: DUES.get(text, text)),
        Filter("deadline", "Deadline",
               _among("deadline", "c.money_due_kind", "text",
                      lambda _, code: code if code in MoneyDeadline.values else None),
               _from(dict(MoneyDeadline.choices))),
        Filter("text", "Title has", _text, _itself),
        Filter("cause", "Root cause", _cause, pointers.cause_name),
        Filter("storm", "Storm", _storm, pointers.storm_says),
        Filter("found", "Number", _found, lambda _, text: "as searched"),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """Filters by name, with what they are set to."""

    chosen: Mapping[str, str]

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Asked":
        """The known ones of what an address says; an empty one is not set."""
        return cls({name: said[name] for name in FILTERS if said.get(name)})

    def under(self, others: "Asked", said: Iterable[str] = ()) -> "Asked":
        """With others over it; what they say at all, be it nothing, is theirs."""
        kept = {name: text for name, text in self.chosen.items() if name not in set(said)}
        return Asked.of({**kept, **others.chosen})

    def without(self, name: str) -> "Asked":
        return Asked({one: text for one, text in self.chosen.items() if one != name})

    def query(self) -> str:
        """As it stands in an address."""
        return urlencode(self.chosen)

    def clauses(self, reader: Reader) -> list[Clause]:
        """What must hold, of what is the reader's business; what means nothing to them matches
        nothing."""
        found = (FILTERS[name].means(reader, text) for name, text in self.chosen.items())
        return [*_of_realm(reader), *(one or Clause(NOTHING) for one in found)]


def _of_realm(reader: Reader) -> list[Clause]:
    """Those kinds only that somebody may look at."""
    realm = reader.realm
    if realm.is_everything:
        return []
    sql: LiteralString = "c.kind_id = ANY(%({p}realm)s::bigint[])"
    either: LiteralString = f"({sql} OR c.kind_id IS NULL)"
    return [Clause(either if realm.has_unexplained else sql, {"realm": list(realm.kinds)})]


def conditions(
    clauses: Sequence[Clause], prefix: LiteralString = ""
) -> tuple[LiteralString, dict[str, Any]]:
    """All of them as one condition."""
    sql: LiteralString = " AND ".join([one.sql.format(p=prefix) for one in clauses]) or "true"
    params = {f"{prefix}{name}": value for one in clauses for name, value in one.params.items()}
    return sql, params
