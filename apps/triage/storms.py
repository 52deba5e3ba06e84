"""Storms: one system that fails many is shown as one, and not as so many rows.

A cause is the system that was spoken to and the class of the error. A birth is *unusual* when the
quarter of an hour up to it saw more than five times as many as a quarter of an hour of the week
before. Unusual births no further apart than 45 minutes belong together, and are a storm if one of
them saw `THROUGHLINE_STORM_CASES` in its quarter of an hour. Of the storm is all of the cause that
was born from a quarter of an hour before the first of them to half an hour after the last.

All this is said of when things failed, never of when they were heard of or looked at. So the sweep
says the storms of a cause anew from its cases, and any grouping and order of births leaves the
same ones. A storm hides cases in a list; it closes none: each heals by itself, through the fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from apps.core.db import execute, fetch_all, fetch_value

AT_ONCE = 20_000
# A case may be heard of a little after others that were born later.
OVERLAP = timedelta(minutes=1)

TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('triage.storms'))"
REACHED = """
SELECT COALESCE((SELECT reached FROM triage_stormround),
                '00000000-0000-0000-0000-000000000000'::uuid)
"""
GO_ON = """
INSERT INTO triage_stormround (id, reached) VALUES (1, %(reached)s)
    ON CONFLICT (id) DO UPDATE SET reached = EXCLUDED.reached
"""

# Whom it spoke to; where no interface is known, the system that carries the step.
SPOKE_TO: LiteralString = """
      LEFT JOIN catalog_interface i ON i.id = c.interface_id
      LEFT JOIN catalog_stage s ON s.id = c.stage_id"""
SYSTEM: LiteralString = "COALESCE(i.target_id, s.system_id)"

# Causes of cases that nobody has looked at yet.
FRESH: LiteralString = f"""
WITH fresh AS MATERIALIZED (
    SELECT id, interface_id, stage_id, error_class, opened_at FROM triage_case
     WHERE id > %(reached)s ORDER BY id LIMIT %(rows)s
), ends AS (
    SELECT count(*) AS cases, (array_agg(id ORDER BY id DESC))[1] AS last_id FROM fresh
), causes AS (
    SELECT {SYSTEM} AS system_id, c.error_class, min(c.opened_at) AS first_at,
           max(c.opened_at) AS last_at
      FROM fresh c {SPOKE_TO} WHERE {SYSTEM} IS NOT NULL GROUP BY 1, 2
)
SELECT c.*, e.cases, e.last_id FROM ends e LEFT JOIN causes c ON true
 ORDER BY c.system_id, c.error_class
"""  # noqa: S608  constants only

# What is unusual depends on the week before it; what is new may so change the week after.
SPANS: LiteralString = f"""
WITH touched AS MATERIALIZED (
    SELECT * FROM unnest(%(systems)s::bigint[], %(classes)s::text[], %(firsts)s::timestamptz[],
           %(lasts)s::timestamptz[]) AS t (system_id, error_class, first_at, last_at)
), births AS MATERIALIZED (
    SELECT t.system_id, t.error_class, t.first_at, c.opened_at
      FROM touched t
      JOIN triage_case c ON c.error_class = t.error_class
       AND c.opened_at >= t.first_at - interval '9 days'
       AND c.opened_at <= t.last_at + interval '7 days 1 hour' {SPOKE_TO}
     WHERE {SYSTEM} = t.system_id
), counted AS (
    SELECT b.*, count(*) OVER quarter AS of_quarter, count(*) OVER week AS of_week
      FROM births b
    WINDOW quarter AS (PARTITION BY system_id, error_class ORDER BY opened_at
                       RANGE BETWEEN interval '15 minutes' PRECEDING AND CURRENT ROW),
           week AS (PARTITION BY system_id, error_class ORDER BY opened_at
                    RANGE BETWEEN interval '7 days 15 minutes' PRECEDING
                              AND interval '15 minutes 1 microsecond' PRECEDING)
), unusual AS (
    SELECT c.*, opened_at - lag(opened_at) OVER cause <= interval '45 minutes' AS goes_on
      FROM counted c
     WHERE opened_at >= first_at - interval '2 days' AND of_quarter * 672 > 5 * of_week
    WINDOW cause AS (PARTITION BY system_id, error_class ORDER BY opened_at)
), numbered AS (
    SELECT u.*, count(*) FILTER (WHERE goes_on IS NOT TRUE) OVER (
               PARTITION BY system_id, error_class ORDER BY opened_at) AS number
      FROM unusual u
)
SELECT system_id, error_class, min(opened_at) - interval '15 minutes' AS from_at,
       max(opened_at) + interval '30 minutes' AS until_at
  FROM numbered GROUP BY system_id, error_class, number
HAVING max(of_quarter) >= %(cases)s
 ORDER BY system_id, error_class, from_at
"""  # noqa: S608  constants only

KNOWN = """
SELECT m.id, m.system_id, m.error_class, m.opened_at, m.last_seen,
       m.opened_at < t.first_at - interval '2 days' AS began_out_of_sight
  FROM unnest(%(systems)s::bigint[], %(classes)s::text[], %(firsts)s::timestamptz[],
       %(lasts)s::timestamptz[]) AS t (system_id, error_class, first_at, last_at)
  JOIN triage_storm m ON m.system_id = t.system_id AND m.error_class = t.error_class
   AND m.last_seen >= t.first_at - interval '2 days'
   AND m.opened_at <= t.last_at + interval '7 days 1 hour'
 ORDER BY m.id FOR UPDATE OF m
"""
OPEN = """
INSERT INTO triage_storm (id, system_id, error_class, opened_at, last_seen, version)
VALUES (uuidv7(), %(system)s, %(class)s, %(from)s, %(from)s, 1) RETURNING id
"""

SPANNED: LiteralString = """
WITH spans AS MATERIALIZED (
    SELECT * FROM unnest(%(storms)s::uuid[], %(systems)s::bigint[], %(classes)s::text[],
           %(froms)s::timestamptz[], %(untils)s::timestamptz[])
           AS t (storm_id, system_id, error_class, from_at, until_at)
)"""
JOIN: LiteralString = f"""{SPANNED}, joining AS MATERIALIZED (
    SELECT c.id, p.storm_id
      FROM spans p
      JOIN triage_case c ON c.error_class = p.error_class
       AND c.opened_at >= p.from_at AND c.opened_at <= p.until_at {SPOKE_TO}
     WHERE {SYSTEM} = p.system_id AND c.storm_id IS DISTINCT FROM p.storm_id
     ORDER BY c.id FOR UPDATE OF c
), joined AS (
    UPDATE triage_case c SET storm_id = j.storm_id FROM joining j WHERE c.id = j.id
    RETURNING c.id, c.status, c.storm_id
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason, facts)
SELECT id, 'stormed', status, status, '', jsonb_build_object('storm', storm_id) FROM joined
"""  # noqa: S608  constants only
LEAVE: LiteralString = f"""{SPANNED}, leaving AS MATERIALIZED (
    SELECT c.id FROM triage_case c {SPOKE_TO} LEFT JOIN spans p ON p.storm_id = c.storm_id
     WHERE c.storm_id = ANY(%(known)s::uuid[])
       AND COALESCE(c.error_class = p.error_class AND {SYSTEM} = p.system_id
           AND c.opened_at >= p.from_at AND c.opened_at <= p.until_at, false) IS FALSE
     ORDER BY c.id FOR UPDATE OF c
)
UPDATE triage_case c SET storm_id = NULL FROM leaving l WHERE c.id = l.id
"""  # noqa: S608  constants only
# What it is called is what most of its cases are.
TELL = """
UPDATE triage_storm m
   SET opened_at = f.opened_at, last_seen = f.last_seen, kind_id = f.kind_id,
       ended_at = CASE WHEN m.last_seen = f.last_seen THEN m.ended_at END
  FROM (SELECT p.storm_id, min(c.opened_at) AS opened_at, max(c.opened_at) AS last_seen,
               NULLIF(mode() WITHIN GROUP (ORDER BY COALESCE(c.kind_id, 0)), 0) AS kind_id
          FROM unnest(%(storms)s::uuid[], %(classes)s::text[], %(froms)s::timestamptz[],
               %(untils)s::timestamptz[]) AS p (storm_id, error_class, from_at, until_at)
          JOIN triage_case c ON c.storm_id = p.storm_id AND c.error_class = p.error_class
           AND c.opened_at >= p.from_at AND c.opened_at <= p.until_at
         GROUP BY 1) f
 WHERE m.id = f.storm_id
   AND (m.opened_at, m.last_seen, m.kind_id)
       IS DISTINCT FROM (f.opened_at, f.last_seen, f.kind_id)
"""
# Two that prove to be one have the history of both, and whoever has either.
ABSORB = """
WITH moved AS (
    UPDATE triage_stormevent SET storm_id = %(kept)s WHERE storm_id = %(gone)s
)
UPDATE triage_storm k
   SET assignee_id = COALESCE(k.assignee_id, g.assignee_id),
       assigned_by_id = CASE WHEN k.assignee_id IS NULL THEN g.assigned_by_id
           ELSE k.assigned_by_id END,
       version = k.version + 1
  FROM triage_storm g WHERE k.id = %(kept)s AND g.id = %(gone)s
"""
# What proves to be none is forgotten, unless somebody said something to it.
FORGET = """
DELETE FROM triage_storm m
 WHERE m.id = ANY(%(gone)s::uuid[])
   AND NOT EXISTS (SELECT FROM triage_stormevent e WHERE e.storm_id = m.id)
"""
# It is over half an hour after the last of what is open failed last. Index: case_of_storm.
END = """
UPDATE triage_storm m SET ended_at = e.at
  FROM (SELECT id, GREATEST(last_seen, (SELECT max(c.last_seen) FROM triage_case c
               WHERE c.storm_id = o.id AND NOT (c.status IN ('resolved', 'dismissed', 'merged'))))
               + interval '30 minutes' AS at
          FROM triage_storm o WHERE ended_at IS NULL) e
 WHERE m.id = e.id AND e.at <= %(at)s
"""


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A cause with the span of its births that are new; none if no cause of them is known."""

    system_id: int | None
    error_class: str | None
    first_at: datetime | None
    last_at: datetime | None
    cases: int
    last_id: UUID | None


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when what is born of a cause is of one storm."""

    system_id: int
    error_class: str
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    id: UUID
    system_id: int
    error_class: str
    opened_at: datetime
    last_seen: datetime
    began_out_of_sight: bool

    def is_of(self, span: Span) -> bool:
        """Whether it is the same one, as it was seen before."""
        return (
            (self.system_id, self.error_class) == (span.system_id, span.error_class)
            and self.opened_at <= span.until_at
            and self.last_seen >= span.from_at
        )


def sweep_storms() -> None:
    """Say the storms of whatever has new cases, and end those that are over."""
    moment = now()
    while _look(moment) == AT_ONCE:
        pass
    execute(END, {"at": moment})


@transaction.atomic
def _look(moment: datetime) -> int:
    """Go on by so many cases; who does not get the turn does nothing."""
    if not fetch_value(TAKE_TURN):
        return 0
    fresh = fetch_all(FRESH, {"reached": fetch_value(REACHED), "rows": AT_ONCE}, row=_Fresh)
    cases, last = fresh[0].cases, fresh[0].last_id
    if last is None:
        return 0
    causes = [one for one in fresh if one.system_id is not None]
    if causes:
        _tell(causes)
    # Behind the present by the overlap, unless there is more to look at.
    behind = UUID(int=int((moment - OVERLAP).timestamp() * 1000) << 80)
    execute(GO_ON, {"reached": last if cases == AT_ONCE else min(last, behind)})
    return cases


def _tell(causes: Sequence[_Fresh]) -> None:
    asked = {
        "systems": [one.system_id for one in causes],
        "classes": [one.error_class for one in causes],
        "firsts": [one.first_at for one in causes],
        "lasts": [one.last_at for one in causes],
    }
    known = fetch_all(KNOWN, asked, row=_Known)
    asked_of = asked | {"cases": settings.THROUGHLINE_STORM_CASES}
    spans = fetch_all(SPANS, asked_of, row=Span)
    if spans or known:
        _write(*_matched(spans, known), known)


def _matched(
    spans: Sequence[Span], known: Sequence[_Known]
) -> tuple[Sequence[Span], Sequence[UUID]]:
    """The spans with their storms: of several that are known the oldest, each only once, or a new
    one. What began out of sight has its beginning already."""
    found, storms = [], list[UUID]()
    for span in spans:
        same = next((one for one in known if one.is_of(span) and one.id not in storms), None)
        is_longer = same and same.began_out_of_sight
        found.append(replace(span, from_at=same.opened_at) if same and is_longer else span)
        storms.append(same.id if same else _opened(span))
    return found, storms


def _write(spans: Sequence[Span], storms: Sequence[UUID], known: Sequence[_Known]) -> None:
    """Have the cases of the spans in their storms, and no others."""
    in_sight = [one for one in known if one.id in storms or not one.began_out_of_sight]
    gone = [one for one in in_sight if one.id not in storms]
    said = {
        "storms": storms,
        "systems": [one.system_id for one in spans],
        "classes": [one.error_class for one in spans],
        "froms": [one.from_at for one in spans],
        "untils": [one.until_at for one in spans],
        "known": [one.id for one in in_sight],
    }
    execute(JOIN, said)
    execute(LEAVE, said)
    execute(TELL, said)
    for one in gone:
        kept = next((id for span, id in zip(spans, storms, strict=True) if one.is_of(span)), None)
        if kept:
            execute(ABSORB, {"kept": kept, "gone": one.id})
    execute(FORGET, {"gone": [one.id for one in gone]})


def _opened(span: Span) -> UUID:
    said = {"system": span.system_id, "class": span.error_class, "from": span.from_at}
    found: UUID = fetch_value(OPEN, said)
    return found
