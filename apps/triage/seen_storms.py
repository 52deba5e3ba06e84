"""What somebody may see of storms: of their own facilities, and of kinds that are their business.

In the queue a storm is one row for the cases of it that are asked for, as long as it goes on; of
one that is over, fewer than make a storm (`THROUGHLINE_STORM_CASES`) are rows of their own again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from django.conf import settings

from apps.core.db import fetch_all
from apps.triage.filters import NEXT_DUE, Asked, Clause, conditions
from apps.triage.queue import MONEY, OPEN, narrowed
from apps.triage.reader import Reader, storm_name, system_name

# Who looks for one case, or into one storm, gets cases.
LOOKS_INTO = frozenset({"storm", "found"})

PARTS: LiteralString = f"""
SELECT m.id, m.system_id, m.error_class, m.kind_id, m.opened_at, m.last_seen, m.ended_at,
       m.version, m.assignee_id, f.cases, f.amount, f.facilities, f.oldest_at, f.past_due,
       f.unassigned, f.severity
  FROM (SELECT c.storm_id, count(*) AS cases, {MONEY} AS amount,
               array_agg(DISTINCT c.facility_id) AS facilities, min(c.opened_at) AS oldest_at,
               count(*) FILTER (WHERE {NEXT_DUE} < %(now)s) AS past_due,
               count(*) FILTER (WHERE c.assignee_id IS NULL) AS unassigned,
               min(c.severity) AS severity
          FROM triage_case c
         WHERE c.storm_id IS NOT NULL AND c.facility_id = ANY(%(facilities)s::integer[]) AND {OPEN}
           AND {{asked}}
         GROUP BY 1) f
  JOIN triage_storm m ON m.id = f.storm_id
 ORDER BY f.amount DESC, f.cases DESC, m.id
"""  # noqa: S608  constants only
# Everything that was ever of a storm, open or not. Index: case_births.
PLACES: LiteralString = """
SELECT c.facility_id, count(*) AS cases, count(*) FILTER (WHERE {open}) AS open,
       {money} AS amount,
       count(*) FILTER (WHERE {open} AND c.assignee_id IS NULL) AS unassigned
  FROM triage_storm m
  JOIN triage_case c ON c.storm_id = m.id AND c.error_class = m.error_class
   AND c.opened_at >= m.opened_at AND c.opened_at <= m.last_seen
 WHERE m.id = %(storm)s AND c.facility_id = ANY(%(facilities)s::integer[]) AND {asked}
 GROUP BY 1 ORDER BY 4 DESC, 2 DESC, 1
"""


@dataclass(frozen=True, slots=True)
class Part:
    """The open cases of a storm that somebody asked for and may see."""

    id: UUID
    system_id: int
    error_class: str
    kind_id: int | None
    opened_at: datetime
    last_seen: datetime
    ended_at: datetime | None
    version: int
    assignee_id: int | None
    cases: int
    amount: int
    facilities: list[int]
    oldest_at: datetime
    past_due: int
    unassigned: int
    severity: int

    @property
    def is_one_row(self) -> bool:
        return self.ended_at is None or self.cases >= settings.THROUGHLINE_STORM_CASES


@dataclass(frozen=True, slots=True)
class Place:
    """What a storm did at one facility."""

    facility_id: int
    cases: int
    open: int
    amount: int
    unassigned: int


@dataclass(frozen=True, slots=True)
class Line:
    """A storm in the list."""

    part: Part
    title: str
    fact: str
    facility: str
    owner: str
    age: timedelta

    @property
    def state(self) -> str:
        return "storm" if self.part.ended_at is None else "storm_over"


def parts(reader: Reader, asked: Asked) -> list[Part]:
    """The storms that stand in the list for their cases; the dearest first."""
    if LOOKS_INTO & asked.chosen.keys():
        return []
    clauses, facilities = narrowed(reader, asked)
    sql, params = conditions(clauses)
    params |= {"facilities": facilities, "now": reader.now}
    return [one for one in fetch_all(PARTS.format(asked=sql), params, row=Part) if one.is_one_row]


def without(found: Sequence[Part]) -> list[Clause]:
    """The condition of the rows beside them."""
    if not found:
        return []
    ids: dict[str, Any] = {"folded": [one.id for one in found]}
    return [Clause("COALESCE(c.storm_id <> ALL(%({p}folded)s::uuid[]), true)", ids)]


def places(reader: Reader, storm: UUID) -> list[Place]:
    """Where it struck, of what the reader sees; nothing if they see none of it."""
    sql, params = conditions(Asked({}).clauses(reader))
    params |= {"storm": storm, "facilities": list(reader.facilities)}
    return fetch_all(PLACES.format(asked=sql, open=OPEN, money=MONEY), params, row=Place)


def line(part: Part, reader: Reader) -> Line:
    known = reader.catalogue.facilities_by_id
    several = f"{len(part.facilities)} facilities"
    one_place = known[part.facilities[0]].short_name if len(part.facilities) == 1 else several
    called = storm_name(reader, part.kind_id, part.system_id, part.error_class)
    began = part.opened_at.astimezone(reader.zone)
    return Line(
        part=part,
        title=f"{part.cases:,} failure{'s'[: part.cases != 1]} became 1 storm: {called}",
        fact=f"{system_name(reader, part.system_id)}, {one_place}, since {began:%-d %b %H:%M}",
        facility=one_place,
        owner=reader.person(part.assignee_id) if part.assignee_id else "",
        age=max(reader.minute - part.oldest_at, timedelta()),
    )
