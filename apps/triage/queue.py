"""The queue's statements: a page of cases, how many there are, and what they come to.

All read the index case_queue, most of them without the table. In the order of the score, and in
that of the money clock, a page is the beginning of each facility's range, so it costs the same
however much is open; any other order sorts what the reader may see. A page begins after, or ends
before, a mark: the place of a case in that order, and its id. What comes in or changes meanwhile
moves no other row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from django.db.models import TextChoices

from apps.core.db import fetch_all, fetch_one
from apps.triage.filters import NEXT_DUE, NONE, Asked, Clause, conditions
from apps.triage.reader import Reader

PAGE = 50
OPEN: LiteralString = "NOT (c.status IN ('resolved', 'dismissed', 'merged'))"

# What orders may be of, each with the way it begins. A place is never NULL, so that every row has
# one to be after.
# Those that an index has in each facility's range; any other sorts what a question leaves.
RANGED = frozenset({"score", "due"})
# What is asked of so few cases that an index of its own finds them.
SELECTIVE = frozenset({"owner", "found", "storm"})
ORDERS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "score": ("c.score", "DESC"),
    "severity": ("c.severity", "ASC"),
    "facility": ("p.place", "ASC"),
    "workflow": ("p.place", "ASC"),
    "amount": ("COALESCE(c.amount_minor, -1)", "DESC"),
    "due": ("COALESCE(c.money_due_at, c.resolve_by, 'infinity'::timestamptz)", "ASC"),
    "age": ("c.opened_at", "ASC"),
    "owner": ("COALESCE(p.place, 2147483647)", "ASC"),
}
# Names are sorted as people read them: by their place in a list that is given.
NAMED: Mapping[str, LiteralString] = {
    "facility": "JOIN unnest(%(named)s::bigint[]) WITH ORDINALITY AS p (id, place)"
    " ON p.id = c.facility_id",
    "workflow": "JOIN unnest(%(named)s::bigint[]) WITH ORDINALITY AS p (id, place)"
    " ON p.id = c.workflow_id",
    "owner": "LEFT JOIN unnest(%(named)s::bigint[]) WITH ORDINALITY AS p (id, place)"
    " ON p.id = c.assignee_id",
}
OTHER_WAY: Mapping[str, LiteralString] = {"ASC": "DESC", "DESC": "ASC"}
# What lies beyond a mark in an order.
SIGNS: Mapping[str, LiteralString] = {"ASC": ">", "DESC": "<"}
TIMES = ("due", "age")

# From the beginning of each facility's range: first so many of each that a page is likely among
# them; then, of those facilities whose last one was still before the end of the page, all it takes.
BY_PLACE: LiteralString = """
WITH leading_ones AS MATERIALIZED (
    SELECT f.id AS facility, near.id, near.place,
           row_number() OVER (PARTITION BY f.id ORDER BY near.place {way}, near.id {way}) AS at
      FROM unnest(%(facilities)s::integer[]) AS f (id)
     CROSS JOIN LATERAL (
           SELECT c.id, {place} AS place FROM triage_case c
            WHERE c.facility_id = f.id AND {open} AND {asked} AND {beyond}
            ORDER BY {place} {way}, c.id {way} LIMIT {few}) AS near
), page AS MATERIALIZED (
    SELECT id, place FROM leading_ones ORDER BY place {way}, id {way} LIMIT {limit}
), ends AS (
    SELECT place, id FROM page ORDER BY place {back}, id {back} LIMIT 1
), unfinished AS MATERIALIZED (
    SELECT s.facility, s.place, s.id FROM leading_ones s
     WHERE s.at = {few}
       AND ((SELECT count(*) FROM page) < {limit}
            OR (s.place, s.id) {before} (SELECT place, id FROM ends))
)
SELECT id, place FROM (
    SELECT id, place FROM page
     UNION ALL
    SELECT more.id, more.place FROM unfinished u CROSS JOIN LATERAL (
           SELECT c.id, {place} AS place FROM triage_case c
            WHERE c.facility_id = u.facility AND {open} AND {asked}
              AND ({place}, c.id) {after} (u.place, u.id)
            ORDER BY {place} {way}, c.id {way} LIMIT {limit}) AS more) AS found
 ORDER BY place {way}, id {way} LIMIT {limit}
"""
BY_ANY: LiteralString = """
SELECT c.id, {place} AS place
  FROM triage_case c {named}
 WHERE c.facility_id = ANY(%(facilities)s::integer[]) AND {open} AND {asked} AND {beyond}
 ORDER BY {place} {way}, c.id {way} LIMIT {limit}
"""
# The number to call a case by: the most telling one of its transaction, masked when it came in.
ROWS: LiteralString = """
WITH found AS MATERIALIZED ({found})
SELECT c.id, c.condition, c.transaction_id, c.stage_id, c.error_class, c.workflow_id,
       c.facility_id, c.kind_id, c.payer, c.amount_minor, c.counts_money, c.opened_at,
       c.occurrences, c.status, c.substatus, c.version, c.severity, c.team_id, c.assignee_id,
       c.clock_from, c.money_due_at, c.money_due_kind, c.resolve_by, c.paused_at,
       c.score, c.resolved_at,
       COALESCE(NULLIF(trim(u.first_name || ' ' || u.last_name), ''), u.username, '') AS owner,
       COALESCE(b.kind, '') AS number_kind, COALESCE(b.masked, '') AS number,
       m.kind_id AS counted_kind_id, m.condition AS counted_condition,
       found.place::text AS place
  FROM found JOIN triage_case c ON c.id = found.id
  LEFT JOIN accounts_user u ON u.id = c.assignee_id
  LEFT JOIN LATERAL (
       SELECT k.kind, k.masked FROM telemetry_businesskey k
        WHERE k.transaction_id = c.transaction_id
        ORDER BY array_position(%(telling)s::text[], k.kind), k.kind, k.masked LIMIT 1) AS b ON true
  LEFT JOIN triage_case m ON m.transaction_id = c.transaction_id AND m.counts_money
   AND NOT c.counts_money AND c.resolved_at IS NULL
 ORDER BY found.place {way}, found.id {way}
"""
BY_IDS: LiteralString = """
SELECT c.id, array_position(%(ids)s::uuid[], c.id) AS place FROM triage_case c
 WHERE c.id = ANY(%(ids)s::uuid[]) AND c.facility_id = ANY(%(facilities)s::integer[]) AND {asked}
"""
TELLING = ["claim", "remit", "refund", "account", "encounter", "authorization", "journal"]

PEOPLE: LiteralString = """
SELECT COALESCE(array_agg(id ORDER BY first_name, last_name, username), '{}') AS ids
  FROM accounts_user
"""

# What is summed: the money of a transaction once (apps.triage.counting).
MONEY: LiteralString = "COALESCE(sum(c.amount_minor) FILTER (WHERE c.counts_money), 0)::bigint"
TOTALS: LiteralString = f"""
SELECT count(*) AS cases, {MONEY} AS amount,
       count(*) FILTER (WHERE {NEXT_DUE} >= %(now)s AND {NEXT_DUE} < %(day_ends)s) AS due_today,
       count(*) FILTER (WHERE {NEXT_DUE} < %(now)s) AS past_due
  FROM triage_case c
 WHERE c.facility_id = ANY(%(facilities)s::integer[]) AND {OPEN} AND {{asked}}
"""  # noqa: S608  constants only
COUNTS: LiteralString = f"""
SELECT ARRAY[{{counts}}]::bigint[] AS counts
  FROM triage_case c
 WHERE c.facility_id = ANY(%(facilities)s::integer[]) AND {OPEN}
"""  # noqa: S608  constants only
COUNT: LiteralString = "count(*) FILTER (WHERE {asked})"
# What was born after a moment: ids begin with theirs.
BORN_SINCE: LiteralString = f"""
SELECT count(*) AS counts FROM triage_case c
 WHERE c.id > %(since)s AND c.id <> ALL(%(but)s::uuid[])
   AND c.facility_id = ANY(%(facilities)s::integer[]) AND {OPEN} AND {{asked}}
"""  # noqa: S608  constants only


class Way(TextChoices):
    """Which way a page lies from its mark."""

    AFTER = "after"
    BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Order:
    """By what, and from which end."""

    by: str = "score"
    turned: bool = False

    @classmethod
    def of(cls, text: str) -> "Order":
        """As it stands in an address: a name, after a minus from the other end."""
        by = text.removeprefix("-")
        return cls(by, text.startswith("-")) if by in ORDERS else cls()

    def __str__(self) -> str:
        return f"-{self.by}" if self.turned else self.by

    @property
    def way(self) -> LiteralString:
        natural = ORDERS[self.by][1]
        return OTHER_WAY[natural] if self.turned else natural


@dataclass(frozen=True, slots=True)
class Mark:
    """The place of a case in an order."""

    place: int | datetime | str
    id: UUID

    @classmethod
    def of(cls, text: str, order: Order) -> "Mark | None":
        """As it stands in an address; what is none means the first page."""
        place, _, id = text.rpartition("~")
        try:
            return cls(_place(place, order), UUID(id))
        except ValueError:
            return None


def _place(text: str, order: Order) -> int | datetime | str:
    if order.by not in TIMES:
        return int(text)
    return text if text == "infinity" else datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Row:
    """A case as the list shows it."""

    id: UUID
    condition: int
    transaction_id: UUID
    stage_id: int
    error_class: str
    workflow_id: int
    facility_id: int
    kind_id: int | None
    payer: str | None
    amount_minor: int | None
    counts_money: bool
    opened_at: datetime
    occurrences: int
    status: str
    substatus: str
    version: int
    severity: int
    team_id: int | None
    assignee_id: int | None
    clock_from: datetime | None
    money_due_at: datetime | None
    money_due_kind: str
    resolve_by: datetime | None
    paused_at: datetime | None
    score: int
    resolved_at: datetime | None
    owner: str
    number_kind: str
    number: str
    # The case of the same transaction where its money is counted, if that is another.
    counted_kind_id: int | None
    counted_condition: int | None
    place: str

    @property
    def at_risk(self) -> int | None:
        """What it adds to a sum; None while nothing is known of its dollars."""
        if self.amount_minor is None:
            return None
        return self.amount_minor if self.counts_money else 0

    @property
    def mark(self) -> str:
        return f"{self.place}~{self.id.hex}"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in their order, with the marks that lead on from them."""

    rows: Sequence[Row]
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """What the rows of a question come to."""

    cases: int
    amount: int
    due_today: int
    past_due: int
    # How many of them stand in the list as so many storms.
    in_storms: int = 0
    storms: int = 0


@dataclass(frozen=True, slots=True)
class _Counts:
    counts: Any


@dataclass(frozen=True, slots=True)
class _People:
    ids: list[int]


def page(
    reader: Reader, asked: Asked, order: Order, *, mark: Mark | None = None, way: Way = Way.AFTER,
    besides: Sequence[Clause] = (),
) -> Page:  # fmt: skip
    """The rows beyond a mark, and only those for which what is said besides holds. Before the first
    page there is none: that is the first page."""
    found = _beyond(reader, asked, order, mark, way, PAGE + 1, besides)
    if mark and way is Way.BEFORE:
        if len(found) <= PAGE:
            return page(reader, asked, order, besides=besides)
        rows = found[:PAGE][::-1]
        return Page(rows, before=rows[0].mark, after=rows[-1].mark)
    rows = found[:PAGE]
    return Page(
        rows,
        before=rows[0].mark if mark and rows else "",
        after=rows[-1].mark if len(found) > PAGE else "",
    )


def everything(reader: Reader, asked: Asked, order: Order, most: int) -> list[Row]:
    """All rows of a question up to a number, for a file."""
    return _beyond(reader, asked, order, None, Way.AFTER, most)


def by_ids(reader: Reader, ids: Sequence[UUID]) -> list[Row]:
    """Cases as they are now, open or not, in the order they are named."""
    sql, params = conditions(Asked({}).clauses(reader))
    params |= {"ids": list(ids), "facilities": list(reader.facilities), "telling": TELLING}
    return fetch_all(ROWS.format(found=BY_IDS.format(asked=sql), way="ASC"), params, row=Row)


def _beyond(
    reader: Reader, asked: Asked, order: Order, mark: Mark | None, way: Way, limit: int,
    besides: Sequence[Clause] = (),
) -> list[Row]:  # fmt: skip
    place = ORDERS[order.by][0]
    direction = order.way if way is Way.AFTER else OTHER_WAY[order.way]
    is_beyond, where = _is_beyond(place, direction, order, mark)
    clauses, facilities = narrowed(reader, asked)
    sql, params = conditions([*clauses, *besides])
    is_ranged = order.by in RANGED and not _is_selective(asked)
    found = (BY_PLACE if is_ranged else BY_ANY).format(
        open=OPEN, asked=sql, beyond=is_beyond, way=direction, back=OTHER_WAY[direction],
        limit=str(int(limit)), few=str(_few(limit, len(facilities))), place=place,
        after=SIGNS[direction], before=SIGNS[OTHER_WAY[direction]], named=NAMED.get(order.by, ""),
    )  # fmt: skip
    return fetch_all(
        ROWS.format(found=found, way=direction),
        params | where | {"facilities": facilities, "telling": TELLING, **_names(reader, order)},
        row=Row,
    )


def _is_selective(asked: Asked) -> bool:
    return any(asked.chosen.get(name, NONE) != NONE for name in SELECTIVE)


def _few(limit: int, facilities: int) -> int:
    """Of each facility, three times its share of a page."""
    return min(limit, 1 + 3 * limit // max(facilities, 1))


def _is_beyond(
    place: LiteralString, direction: LiteralString, order: Order, mark: Mark | None
) -> tuple[LiteralString, dict[str, Any]]:
    if mark is None:
        return "true", {}
    sign = SIGNS[direction]
    kind: LiteralString = "timestamptz" if order.by in TIMES else "bigint"
    sql: LiteralString = f"({place}, c.id) {sign} (%(place)s::{kind}, %(id)s::uuid)"
    return sql, {"place": mark.place, "id": mark.id}


def narrowed(reader: Reader, asked: Asked) -> tuple[list[Clause], list[int]]:
    """A choice of facilities is a narrower scope, so that only their ranges are looked at."""
    narrowed = next(
        (one.params["facility"] for one in asked.clauses(reader) if "facility" in one.params), None
    )
    if narrowed is None:
        return asked.clauses(reader), list(reader.facilities)
    return asked.without("facility").clauses(reader), narrowed


def _names(reader: Reader, order: Order) -> dict[str, Any]:
    """The list by which names are sorted."""
    if order.by == "facility":
        places = reader.catalogue.facilities_by_id
        known = [places[one] for one in reader.facilities if one in places]
        return {"named": [one.id for one in sorted(known, key=lambda one: one.short_name)]}
    if order.by == "workflow":
        return {"named": [line.id for line in reader.catalogue.document.workflows]}
    if order.by == "owner":
        return {"named": fetch_one(PEOPLE, {}, row=_People).ids}
    return {}


def totals(reader: Reader, asked: Asked) -> Totals:
    """How many there are, what they come to, and how many are due."""
    clauses, facilities = narrowed(reader, asked)
    sql, params = conditions(clauses)
    params |= {"facilities": facilities, "now": reader.now, "day_ends": reader.day_ends}
    return fetch_one(TOTALS.format(asked=sql), params, row=Totals)


def counts(reader: Reader, questions: Sequence[Asked]) -> list[int]:
    """How many cases each of several questions is about, in one look."""
    params: dict[str, Any] = {"facilities": list(reader.facilities)}
    each: list[LiteralString] = []
    for number, asked in enumerate(questions):
        sql, named = conditions(asked.clauses(reader), f"q{number}_")
        each.append(COUNT.format(asked=sql))
        params |= named
    if not each:
        return []
    found: list[int] = fetch_one(COUNTS.format(counts=", ".join(each)), params, row=_Counts).counts
    return found


def born_since(
    reader: Reader, asked: Asked, since: UUID, *, but: Sequence[UUID], besides: Sequence[Clause]
) -> int:
    """How many cases of a question are younger than an id, not counting those known."""
    clauses, facilities = narrowed(reader, asked)
    sql, params = conditions([*clauses, *besides])
    params |= {"facilities": facilities, "since": since, "but": list(but)}
    return int(fetch_one(BORN_SINCE.format(asked=sql), params, row=_Counts).counts)
