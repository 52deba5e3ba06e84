"""What the queue has by cause, kind, place and so on: over all rows, not over a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from urllib.parse import urlencode
from uuid import UUID

from apps.core.db import fetch_all
from apps.triage.filters import NEXT_DUE, NONE, STATE, Asked, conditions
from apps.triage.models import Condition, Group
from apps.triage.queue import MONEY, OPEN, Totals, narrowed
from apps.triage.reader import Reader
from apps.triage.words import OVERDUE, UNEXPLAINED

MOST = 100

# The ways to group, and the column each goes by. A group is opened by the filter of the same name.
GROUPINGS: Mapping[str, tuple[str, LiteralString]] = {
    "cause": ("Root cause", "c.group_id"),
    "kind": ("Kind", "c.kind_id"),
    "facility": ("Facility", "c.facility_id"),
    "payer": ("Payer", "c.payer"),
    "owner": ("Owner", "c.assignee_id"),
    "workflow": ("Workflow", "c.workflow_id"),
}
FACETS: Mapping[str, LiteralString] = {
    **{name: key for name, (_, key) in GROUPINGS.items() if name != "cause"},
    "class": "c.error_class",
    "severity": "c.severity",
    "state": STATE,
    "team": "c.team_id",
    "deadline": "NULLIF(c.money_due_kind, '')",
    "system": "concat(c.interface_id, ' ', c.stage_id)",
}

# By facility first: that many places is then a count, not a sort.
GROUPED: LiteralString = f"""
WITH parts AS (
    SELECT {{key}} AS key, c.facility_id, count(*) AS cases,
           {MONEY} AS amount, min(c.opened_at) AS oldest_at,
           count(*) FILTER (WHERE {NEXT_DUE} < %(now)s) AS past_due, min(c.kind_id) AS kind_id
      FROM triage_case c
     WHERE c.facility_id = ANY(%(facilities)s::integer[]) AND {OPEN} AND {{asked}}
     GROUP BY 1, 2
)
SELECT key::text AS key, sum(cases)::bigint AS cases, sum(amount)::bigint AS amount,
       min(oldest_at) AS oldest_at, sum(past_due)::bigint AS past_due, count(*) AS facilities,
       min(kind_id) AS kind_id, count(*) OVER () AS groups
  FROM parts GROUP BY key ORDER BY {{first}} DESC, key LIMIT {MOST}
"""  # noqa: S608  constants only


@dataclass(frozen=True, slots=True)
class Sum:
    """The cases that have something in common."""

    key: str | None
    cases: int
    amount: int
    oldest_at: datetime
    past_due: int
    facilities: int
    kind_id: int | None
    groups: int


@dataclass(frozen=True, slots=True)
class Named:
    """The same by name, with what the filter is set to that asks for them alone."""

    sum: Sum
    name: str
    fact: str
    code: str
    # Of a cause nobody has explained: how the catalogue is asked what its code means.
    unknown: str = ""


def sums(reader: Reader, asked: Asked, key: LiteralString, *, first: LiteralString) -> list[Sum]:
    """Groups by a column, those with most cases or dollars first."""
    clauses, facilities = narrowed(reader, asked)
    sql, params = conditions(clauses)
    params |= {"facilities": facilities, "now": reader.now}
    return fetch_all(GROUPED.format(key=key, asked=sql, first=first), params, row=Sum)


def grouped(reader: Reader, asked: Asked, by: str) -> list[Named]:
    """The groups of a question, the dearest first; of what nobody has explained, the largest: that
    is where an explanation helps most."""
    first: LiteralString = "cases" if asked.chosen.get("kind") == NONE else "amount"
    found = sums(reader, asked, GROUPINGS[by][1], first=first)
    naming = _causes(reader, found) if by == "cause" else named(reader, by, found)
    return [Named(one, *naming.get(one.key or NONE, (one.key or "None", "", one.key or NONE)))
            for one in found]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rest:
    """The groups below those shown, so that all of them add up."""

    groups: int
    cases: int
    amount: int


def rest_of(found: Sequence[Named], totals: Totals) -> Rest | None:
    groups = found[0].sum.groups - len(found) if found else 0
    if not groups:
        return None
    shown = [one.sum for one in found]
    return Rest(
        groups,
        totals.cases - sum(one.cases for one in shown),
        totals.amount - sum(one.amount for one in shown),
    )


Naming = Mapping[str, tuple[str, ...]]


def _causes(reader: Reader, found: Sequence[Sum]) -> Naming:
    """A cause is called by its kind; where it struck and by which code stands beside it. One that
    nobody has explained has no other name than its code."""
    ids = [UUID(one.key) for one in found if one.key]
    groups = Group.objects.in_bulk(ids)
    stages, lines = reader.catalogue.stages_by_id, reader.catalogue.workflows_by_id
    naming = {}
    for one in found:
        group = groups[UUID(one.key)] if one.key else None
        if group is None:
            continue
        stage = stages.get(group.stage_id)
        known = reader.words.title(one.kind_id, reader.now) if one.kind_id else ""
        code = f"{group.error_standard} {group.error_code}".strip()
        name = known or code or (UNEXPLAINED if group.condition == Condition.FAILED else OVERDUE)
        facts = (lines[group.workflow_id].short_name, stage.name if stage else "",
                 code if known else "", _places(one))  # fmt: skip
        asks = {"standard": group.error_standard, "code": group.error_code,
                "workflow": lines[group.workflow_id].code}  # fmt: skip
        unknown = "" if known or not group.error_code else urlencode(asks)
        naming[str(group.pk)] = (name, " · ".join(filter(None, facts)), group.pk.hex, unknown)
    return naming


def _places(one: Sum) -> str:
    return f"{one.facilities} facilities" if one.facilities > 1 else "one facility"


def named(reader: Reader, by: str, found: Sequence[Sum]) -> Naming:
    """What the values of a column are called, and by which code a filter asks for each."""
    keys = [one.key for one in found if one.key is not None]
    return {
        **{key: _NAMES[by](reader, key) for key in keys},
        NONE: _NOBODY.get(by, ("None", "", NONE)),
    }


def _of_kind(reader: Reader, key: str) -> tuple[str, str, str]:
    code = reader.words.code(int(key))
    return reader.words.title(int(key), reader.now), code, code


def _of_facility(reader: Reader, key: str) -> tuple[str, str, str]:
    place = reader.catalogue.facilities_by_id[int(key)]
    is_alone = len(reader.catalogue.subtrees[place.id]) == 1
    return place.name, "", place.code if is_alone else f"={place.code}"


def _of_workflow(reader: Reader, key: str) -> tuple[str, str, str]:
    found = reader.catalogue.workflows_by_id[int(key)]
    return found.name, "", found.code


def _of_owner(reader: Reader, key: str) -> tuple[str, str, str]:
    return reader.person(int(key)), "", key


_NAMES: Mapping[str, Any] = {
    "kind": _of_kind,
    "facility": _of_facility,
    "payer": lambda _, key: (key, "", key),
    "owner": _of_owner,
    "workflow": _of_workflow,
}
_NOBODY: Mapping[str, tuple[str, str, str]] = {
    "kind": ("Unexplained: nobody has said what these codes mean", "", NONE),
    "owner": ("Unassigned", "", NONE),
    "payer": ("No payer named", "", NONE),
}
