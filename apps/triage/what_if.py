"""What the rules make of a case that somebody thinks of, and what other rules would have made of
the cases of the last thirty days. Both ask with the text that routes live (apps.triage.policy)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Count
from psycopg.types.json import Jsonb

from apps.catalog.models import Facility, RoutingRule, Team
from apps.core.db import fetch_all, fetch_one
from apps.triage.policy import CLOCKED, FACTS, NO_WORK, PLACES, RULED
from apps.triage.routing import ROUTED, RULES_COMPARED, RULES_IN_FORCE

DAYS = 30
# The latest of them. More would take longer than anybody waits and hardly say more.
MOST_CASES = 20_000

# As if each case had come today, to both sets of rules, and nobody had moved or paused it.
RECENT = (
    """
WITH recent AS MATERIALIZED (
    SELECT c.*, COALESCE(c.resolved_at, now()) AS over_at FROM triage_case c
     WHERE c.opened_at > now() - make_interval(days => %(days)s)
     ORDER BY c.id DESC LIMIT %(cases)s
), mine AS MATERIALIZED (
    SELECT """  # noqa: S608  constants only
    + FACTS
    + ", "
    + NO_WORK
    + """, side.is_proposed FROM recent CROSS JOIN (VALUES (false), (true)) AS side (is_proposed)
)"""
)
MOVES = """
SELECT a.owner AS left_team, b.owner AS to_team, count(*) AS cases,
       COALESCE(sum(r.amount_minor), 0)::bigint AS amount,
       count(*) FILTER (WHERE a.severe <> b.severe) AS other_severity,
       count(*) FILTER (WHERE a.resolve < r.over_at) AS late_before,
       count(*) FILTER (WHERE b.resolve < r.over_at) AS late_after
  FROM clocked a JOIN clocked b USING (id) JOIN recent r USING (id)
 WHERE NOT a.is_proposed AND b.is_proposed
 GROUP BY 1, 2 ORDER BY a.owner IS NOT DISTINCT FROM b.owner, count(*) DESC, 1, 2
"""
DRY_RUN = RECENT + PLACES + RULES_COMPARED + ROUTED + RULED + CLOCKED + MOVES

ASK = (
    """
WITH mine AS MATERIALIZED (
    SELECT NULL::uuid AS id, 'open' AS status, %(kind)s::bigint AS kind_id,
           %(workflow)s::bigint AS workflow_id, %(facility)s::bigint AS facility_id,
           s.id AS stage_id, i.id AS interface_id, %(error_class)s AS error_class,
           %(payer)s AS payer, %(amount)s::bigint AS amount_minor, true AS counts_money,
           NULL::date AS service_date,
           now() AS opened_at, """  # noqa: S608  constants only
    + NO_WORK
    + """, false AS is_proposed
      FROM catalog_stage s
      LEFT JOIN LATERAL (
           SELECT id FROM catalog_interface
            WHERE %(system)s::bigint IN (source_id, target_id) ORDER BY id LIMIT 1) i ON true
     WHERE s.workflow_id = %(workflow)s ORDER BY s.rank LIMIT 1
)"""
    + PLACES
    + RULES_IN_FORCE
    + ROUTED
    + RULED
    + CLOCKED
    + """
SELECT rule_id, owner AS team_id, severe AS severity, target AS seconds, counted_in AS measure
  FROM clocked
"""
)


@dataclass(frozen=True, slots=True)
class Move:
    """Cases that one team had and another would have; None is nobody."""

    left_team: int | None
    to_team: int | None
    cases: int
    amount: int
    other_severity: int
    late_before: int
    late_after: int


@dataclass(frozen=True, slots=True)
class Load:
    """What a team gets in thirty days, before and after, and among how many."""

    team: str
    before: int
    after: int
    people: int

    @property
    def a_head(self) -> tuple[float, float] | None:
        """Cases a person and day; None without people."""
        if not self.people:
            return None
        return self.before / self.people / DAYS, self.after / self.people / DAYS


@dataclass(frozen=True)
class DryRun:
    """What would move, and what that does to deadlines and to those who work."""

    moves: Sequence[Move]
    teams: dict[int | None, str]
    people: dict[int | None, int]

    @property
    def cases(self) -> int:
        return sum(move.cases for move in self.moves)

    @property
    def is_cut(self) -> bool:
        """Whether there were more than were looked at."""
        return self.cases >= MOST_CASES

    @cached_property
    def moved(self) -> list[tuple[str, str, Move]]:
        """From whom to whom."""
        return [
            (self.teams[move.left_team], self.teams[move.to_team], move)
            for move in self.moves
            if move.left_team != move.to_team
        ]

    @property
    def moved_cases(self) -> int:
        return sum(move.cases for _, _, move in self.moved)

    @property
    def other_severity(self) -> int:
        return sum(move.other_severity for move in self.moves)

    @property
    def late(self) -> tuple[int, int]:
        """How many were, and would have been, late."""
        before = sum(move.late_before for move in self.moves)
        return before, sum(move.late_after for move in self.moves)

    @property
    def more_late(self) -> int:
        """How many more would have been late; fewer, if negative."""
        before, after = self.late
        return after - before

    @property
    def changes_nothing(self) -> bool:
        return not (self.moved or self.other_severity or self.more_late)

    @cached_property
    def loads(self) -> list[Load]:
        """Teams whose work grows or shrinks, the most first."""
        before: dict[int | None, int] = {}
        after: dict[int | None, int] = {}
        for move in self.moves:
            before[move.left_team] = before.get(move.left_team, 0) + move.cases
            after[move.to_team] = after.get(move.to_team, 0) + move.cases
        loads = [
            Load(self.teams[team], before.get(team, 0), after.get(team, 0), self.people[team])
            for team in before.keys() | after.keys()
        ]
        changed = [load for load in loads if load.before != load.after]
        return sorted(changed, key=lambda load: (-abs(load.after - load.before), load.team))


@dataclass(frozen=True, slots=True)
class Answer:
    """Whose a case would be, and by which rule."""

    rule_id: int | None
    team_id: int | None
    severity: int
    seconds: int
    measure: str


def dry_run(rules: Sequence[RoutingRule]) -> DryRun:
    """What these rules, in place of those in force, would have done to the latest cases."""
    params = {"rules": Jsonb([_row(rule) for rule in rules], dumps=_dumps), "days": DAYS,
              "cases": MOST_CASES}  # fmt: skip
    counted = Team.objects.annotate(people=Count("members"))
    teams = list(counted.values_list("pk", "name", "people"))
    return DryRun(
        fetch_all(DRY_RUN, params, row=Move),
        {None: "Nobody", **{pk: name for pk, name, _ in teams}},
        {None: 0, **{pk: people for pk, _, people in teams}},
    )


def ask(
    *, facility: Facility, workflow: int, kind: int | None, error_class: str, payer: str,
    amount: int | None, system: int | None,
) -> Answer:  # fmt: skip
    """Whose such a case would be now, at the first step of the workflow or on an interface of the
    system."""
    params = {
        "facility": facility.pk, "workflow": workflow, "kind": kind, "error_class": error_class,
        "payer": payer or None, "amount": amount, "system": system,
    }  # fmt: skip
    return fetch_one(ASK, params, row=Answer)


def _row(rule: RoutingRule) -> dict[str, Any]:
    """As a row of the table, also of one that is not there yet."""
    row = {field.attname: getattr(rule, field.attname) for field in rule._meta.concrete_fields}
    return row | {"id": rule.pk or 0}


def _dumps(value: Any) -> str:
    return DjangoJSONEncoder().encode(value)
