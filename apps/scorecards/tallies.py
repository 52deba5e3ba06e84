"""How a figure is made up: its parts by cell from the rollups, and the same counted anew.

The rollups are the index of the lists: they say which cells hold how many of a part, so a page of a
list looks into no cell that holds none. The recount reads transactions alone, by the predicates of
`parts`; where both are read in one snapshot, they can only differ by a fault.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

import msgspec
from django.db import connection, transaction

from apps.core.db import execute, fetch_all, fetch_one, fetch_value
from apps.scorecards import queries
from apps.scorecards.measures import written
from apps.scorecards.metrics import Metric
from apps.scorecards.parts import BUSINESS_LATENCY_MS, LATENCY_MS, Part, Role
from apps.scorecards.windows import MINUTE, Window, window_between

# So many a page counts anew while somebody waits; beyond it is what `manage.py verify` is for. Of
# messages, which have no index by cell, a day.
AFFORDABLE = 5_000
A_DAY = timedelta(days=1)
# A list that was begun by dollars goes on so until it holds so many times as many: it grows while
# somebody reads it, and an address that says it was begun proves nothing.
GROWTH = 2
# Of what is open, so many are looked at for those not yet due.
LOOKED_AT = 2_000

FLOW_TALLY = (
    queries.FLOW  # noqa: S608  constants only
    + """tally AS (
    SELECT workflow_id, facility_id, {good} AS good, {bad} AS bad, {counted} AS counted,
           {excluded} AS excluded, {amount} AS amount FROM flow
)
SELECT * FROM tally WHERE good <> 0 OR bad <> 0 OR counted <> 0 OR excluded <> 0 OR amount <> 0
"""
)
STANDING_TALLY = """
SELECT workflow_id, facility_id, 0::bigint AS good, 0::bigint AS bad,
       COALESCE(sum({counted}), 0)::bigint AS counted, 0::bigint AS excluded,
       COALESCE(sum({amount}), 0)::bigint AS amount
  FROM (SELECT workflow_id, facility_id, open, overdue, business_overdue, troubled, amount_open,
               amount_at_risk FROM scorecards_backlog
         UNION ALL
        SELECT workflow_id, facility_id, open, overdue, business_overdue, troubled, amount_open,
               amount_at_risk FROM scorecards_rollupdelta) AS standing
 WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
 GROUP BY 1, 2
HAVING sum({counted}) <> 0 OR sum({amount}) <> 0
"""
HISTOGRAM = (
    queries.FLOW  # noqa: S608  constants only
    + """whole AS (SELECT sum({histogram}) AS histogram FROM flow)
SELECT COALESCE(histogram, 0)::text FROM whole
"""
)

# One probe a cell of the index that is in order of the part's moment; see telemetry's indexes.sql.
OLDEST = """
SELECT min(first_at) FROM telemetry_transaction
 WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s) AND state < 5
"""
RECOUNT = """
SELECT count(*) AS number, {amount}::bigint AS amount
  FROM {table}
 WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s) AND {where}
"""
EXACT_QUANTILE = """
SELECT percentile_disc(%(fraction)s) WITHIN GROUP (ORDER BY {milliseconds})
  FROM telemetry_transaction
 WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s) AND {where}
"""
NOT_YET_DUE = """
SELECT count(*) FROM telemetry_transaction
 WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
   AND state < 5 AND {verdict} = 0 AND {due} IS NOT NULL
"""
# A page of a list. Each cell begins after its mark; only the first one has been begun.
PAGE_OF = """
SELECT found.id, cell.place, found.at
  FROM unnest(%(workflow_ids)s::integer[], %(facility_ids)s::integer[], %(marks)s::timestamptz[],
              %(ids)s::uuid[]) WITH ORDINALITY
       AS cell (workflow_id, facility_id, mark, id, place)
 CROSS JOIN LATERAL (
       SELECT t.id, t.{order} AS at FROM telemetry_transaction AS t
        WHERE t.workflow_id = cell.workflow_id AND t.facility_id = cell.facility_id
          AND (t.{order}, t.id) {beyond} (cell.mark, cell.id) AND {where}
        ORDER BY t.{order} {direction}, t.id {direction} LIMIT %(rows)s) AS found
 ORDER BY cell.place, found.at {direction}, found.id {direction}
 LIMIT %(rows)s
"""
# A page of a list that is short enough to be put in order while somebody waits: what is worth most
# first, what is worth nothing known last.
BY_DOLLARS = """
SELECT id, 0 AS place, {order} AS at, COALESCE(amount_minor, %(nothing)s) AS amount
  FROM telemetry_transaction
 WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s) AND {where}
   AND (COALESCE(amount_minor, %(nothing)s), id) < (%(amount)s, %(id)s)
 ORDER BY 4 DESC, 1 DESC LIMIT %(rows)s
"""
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Before and after every transaction, as PostgreSQL has it.
FIRST = ("-infinity", UUID(int=0))
MOST_DOLLARS = (1 << 63) - 1
LAST = ("infinity", UUID(int=(1 << 128) - 1))


class Tally(msgspec.Struct, frozen=True, gc=False):
    """How many of each part of a figure one cell holds, and the dollars of the part counted."""

    workflow_id: int
    facility_id: int
    good: int
    bad: int
    counted: int
    excluded: int
    amount: int

    def of(self, role: Role) -> int:
        """How many play this role."""
        number: int = getattr(self, role)
        return number


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells a figure is about, in the order of pages, and its window."""

    zones: Mapping[int, str]
    workflow_ids: Sequence[int]
    window: Window

    @property
    def params(self) -> dict[str, object]:
        """What a statement over transactions needs."""
        return {
            "workflow_ids": list(self.workflow_ids), "facility_ids": list(self.zones),
            "start": self.window.start, "end": self.window.end,
        }  # fmt: skip

    def sorted(self, found: Sequence[Tally]) -> list[Tally]:
        """By workflow, then by facility."""
        lines = {key: place for place, key in enumerate(self.workflow_ids)}
        sites = {key: place for place, key in enumerate(self.zones)}
        return sorted(found, key=lambda one: (lines[one.workflow_id], sites[one.facility_id]))


@dataclass(frozen=True, slots=True)
class Recount:
    """Transactions and their dollars, counted one by one."""

    number: int
    amount: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page of a list begins: after this transaction of this cell."""

    workflow_id: int
    facility_id: int
    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Worth:
    """Where a page begins in a list by dollars: after this transaction."""

    amount: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Listed:
    """A transaction of a list, and the moment it is listed under."""

    id: UUID
    place: int
    at: datetime
    amount: int = 0


@contextmanager
def one_state() -> Iterator[None]:
    """Everything read inside is of one state of the database; as far as a transaction under way
    allows, which has chosen its own."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        execute(SNAPSHOT)
        yield


def tallies(metric: Metric, cells: Cells) -> list[Tally]:
    """The parts of a figure in every cell that has any, in the order of pages."""
    by_role = {role: metric.of_role(role) for role in Role}
    columns = {role.value: part.measure if part else "0::bigint" for role, part in by_role.items()}
    amount = next((part.amount for part in metric.parts if part.amount), "")
    if metric.is_standing:
        statement = STANDING_TALLY.format(counted=columns["counted"], amount=amount or "0")
        return cells.sorted(fetch_all(statement, cells.params, row=Tally))
    measures = [part.measure for part in metric.parts] + ([amount] if amount else [])
    statement = written(FLOW_TALLY, measures, amount=amount or "0::bigint", **columns)
    return cells.sorted(fetch_all(statement, _window(cells), row=Tally))


def before(cells: Cells, *, now: datetime) -> Cells:
    """The same cells in the window of the same length before, which is over."""
    start, end = cells.window.start, cells.window.end
    earlier = window_between(start - (end - start), start, now=now)
    return replace(cells, window=Window(earlier.start, earlier.end, is_live=False))


def histogram_of(metric: Metric, cells: Cells) -> str:
    """The latency histogram of all cells together, packed."""
    name: LiteralString = (
        "business_latency_histogram" if metric.clock == "business" else "latency_histogram"
    )
    params = _window(cells) | queries.together(cells.zones)
    packed: str = fetch_value(written(HISTOGRAM, [name], histogram=name), params)
    return packed


def oldest(cells: Cells) -> datetime | None:
    """When the oldest that is open began."""
    found: datetime | None = fetch_value(OLDEST, cells.params)
    return found


def not_yet_due(metric: Metric, cells: Cells) -> int:
    """How many are open and not yet due on the clock of a metric."""
    prefix: LiteralString = "business_" if metric.clock == "business" else ""
    statement = NOT_YET_DUE.format(verdict=f"{prefix}sla", due=f"{prefix}due_at")
    number: int = fetch_value(statement, cells.params)
    return number


def recount(part: Part, cells: Cells) -> Recount:
    """The transactions of a part, counted one by one."""
    amount: LiteralString = "0" if part.is_of_messages else "COALESCE(sum(amount_minor), 0)"
    statement = RECOUNT.format(table=part.table, amount=amount, where=_where(part))
    return fetch_one(statement, cells.params, row=Recount)


def exact_quantile(metric: Metric, cells: Cells) -> float | None:
    """The percentile from each single latency, in milliseconds."""
    milliseconds = BUSINESS_LATENCY_MS if metric.clock == "business" else LATENCY_MS
    statement = EXACT_QUANTILE.format(milliseconds=milliseconds, where=_where(metric.parts[0]))
    found: float | None = fetch_value(statement, cells.params | {"fraction": metric.fraction})
    return found


def is_affordable(metric: Metric, cells: Cells, found: Sequence[Tally]) -> bool:
    """Whether a recount is done while somebody waits."""
    if metric.is_of_messages and cells.window.end - cells.window.start > A_DAY + MINUTE:
        return False
    return sum(one.good + one.bad + one.counted + one.excluded for one in found) <= AFFORDABLE


def page_of(
    part: Part, cells: Cells, found: Sequence[Tally], *, after: Mark | None, rows: int
) -> list[Listed]:
    """The next so many transactions of a part: cell by cell, the oldest first where they wait."""
    ahead = _ahead(part, found, after, rows)
    fresh = FIRST if part.is_standing else LAST
    marks = [(after.at, after.id) if after and _is_begun(one, after) else fresh for one in ahead]
    params = cells.params | {
        "workflow_ids": [one.workflow_id for one in ahead],
        "facility_ids": [one.facility_id for one in ahead],
        "marks": [str(at) for at, _ in marks],
        "ids": [id for _, id in marks],
        "rows": rows,
    }
    return fetch_all(_page_statement(part), params, row=Listed)


def is_short(part: Part, found: Sequence[Tally], *, growth: int = 1) -> bool:
    """Whether a list can be put in order of its dollars while somebody waits."""
    most = AFFORDABLE * growth
    return not part.is_of_messages and sum(one.of(part.role) for one in found) <= most


def page_by_dollars(part: Part, cells: Cells, *, after: Worth | None, rows: int) -> list[Listed]:
    """The next so many transactions of a part, whatever their cell, the most dollars first."""
    last = after or Worth(MOST_DOLLARS, LAST[1])
    params = {"amount": last.amount, "id": last.id, "nothing": -MOST_DOLLARS, "rows": rows}
    statement = BY_DOLLARS.format(order=part.order, where=_where(part))
    return fetch_all(statement, cells.params | params, row=Listed)


def _page_statement(part: Part) -> LiteralString:
    return PAGE_OF.format(
        order=part.order,
        where=_where(part),
        beyond=">" if part.is_standing else "<",
        direction="ASC" if part.is_standing else "DESC",
    )


def _ahead(part: Part, found: Sequence[Tally], after: Mark | None, rows: int) -> list[Tally]:
    """The cells that hold the next so many: the one that was begun, and as many more as fill it."""
    holding = [one for one in found if one.of(part.role)]
    begun = next((n for n, one in enumerate(holding) if _is_begun(one, after)), 0)
    ahead, held = [], 0
    for one in holding[begun:]:
        if held >= rows and not part.is_bounded:
            break
        ahead.append(one)
        held += 0 if _is_begun(one, after) else one.of(part.role)
    return ahead


def _is_begun(cell: Tally, after: Mark | None) -> bool:
    place = (cell.workflow_id, cell.facility_id)
    return after is not None and place == (after.workflow_id, after.facility_id)


def _where(part: Part) -> LiteralString:
    if part.is_standing:
        return f"({part.condition})"
    return f"({part.condition}) AND {part.at} >= %(start)s AND {part.at} < %(end)s"


def _window(cells: Cells) -> dict[str, object]:
    return queries.window_params(cells.zones, cells.workflow_ids, cells.window)
