"""The clocks of cases: time to respond and time to resolve, in open hours or in elapsed time.

A pause is counted in the measure of the clock and added to the time allowed, never in wall-clock
time, which would count the nights twice. Who has not responded yet is not helped by a pause.

Everything here is set-based over ids of cases, and locks them in the order of their ids.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.core.db import execute, fetch_value
from apps.triage import policy
from apps.triage.policy import PLACES, RESPONSE
from apps.triage.routing import ASSIGN
from apps.triage.scoring import SCORE, SCORE_MOVES

PAUSE = """
WITH mine AS MATERIALIZED (
    SELECT id FROM triage_case
     WHERE id = ANY(%(ids)s) AND paused_at IS NULL
       AND status NOT IN ('resolved', 'dismissed', 'merged') ORDER BY id FOR UPDATE
)
UPDATE triage_case c SET paused_at = %(at)s FROM mine WHERE c.id = mine.id
"""

# What began after the time had run out gives none back.
RESUME = (
    """
WITH mine AS MATERIALIZED (
    SELECT c.* FROM triage_case c
     WHERE c.id = ANY(%(ids)s) AND c.paused_at IS NOT NULL ORDER BY c.id FOR UPDATE
)"""  # noqa: S608  constants only
    + PLACES
    + """, waited AS (
    SELECT m.id, COALESCE(
               CASE WHEN m.paused_at >= m.resolve_by THEN 0
                    WHEN m.due_measure = 'business' THEN until.seconds - since.seconds END,
               extract(epoch FROM %(at)s - m.paused_at)) AS seconds
      FROM mine m JOIN places p USING (facility_id)
      LEFT JOIN LATERAL catalog_open_position(m.paused_at, p.calendar_id, p.time_zone) since
             ON true
      LEFT JOIN LATERAL catalog_open_position(%(at)s, p.calendar_id, p.time_zone) until ON true
)
UPDATE triage_case c
   SET paused_seconds = c.paused_seconds + GREATEST(round(w.seconds), 0), paused_at = NULL,
       resolve_by = NULL
  FROM waited w WHERE c.id = w.id
"""
)

RESTART = """
WITH mine AS MATERIALIZED (
    SELECT id FROM triage_case WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE
)
UPDATE triage_case c
   SET clock_from = %(at)s, clock_run = c.clock_run + 1, responded_at = NULL, paused_at = NULL,
       paused_seconds = 0, escalation = 0, resolve_by = NULL
  FROM mine WHERE c.id = mine.id
"""

# Whom nobody else holds: a case that is being worked is looked at by the next sweep. Their ids go
# into the statements after it as a list, whose length the planner sees; what is due by a date that
# moves it takes for one row, and makes a loop of each join.
DUE = """
SELECT COALESCE(array_agg(id), '{}')
  FROM (SELECT id FROM triage_case WHERE wake_at <= now()
         ORDER BY wake_at LIMIT %(rows)s FOR UPDATE SKIP LOCKED) AS due
"""

# The moments at which a share of the time has passed. A clock that was stopped, or that stands,
# reaches none after that. What is reached is written once: whoever is closed by then is asked, too,
# for the sweep may have been late.
#
# A quarter of the time to resolve is no mark: it is how long a case may be nobody's.
WATCH = (
    """
WITH mine AS MATERIALIZED (
    SELECT c.*, c.severity AS severe, c.target_seconds AS target, c.resolve_by AS resolve,
           c.money_due_at AS money_at, c.paused_at IS NOT NULL AS is_paused,
           c.status NOT IN ('resolved', 'dismissed', 'merged') AS is_open
      FROM triage_case c
     WHERE c.id = ANY(%(ids)s)
)"""  # noqa: S608  constants only
    + PLACES
    + """, allowed AS MATERIALIZED (
    SELECT m.*, p.calendar_id, p.time_zone, """
    + RESPONSE
    + """ AS response, (CASE m.due_measure WHEN 'elapsed' THEN 1 ELSE 2 END)::smallint AS measure
      FROM mine m JOIN places p USING (facility_id)
), share AS MATERIALIZED (
    SELECT a.id, a.clock_run, s.clock, s.mark, COALESCE(due.due_at, a.clock_from
               + s.seconds * interval '1 second') AS at,
           CASE s.clock WHEN 1 THEN LEAST(a.responded_at, a.resolved_at)
                ELSE LEAST(a.paused_at, a.resolved_at) END AS stopped_at
      FROM allowed a
      CROSS JOIN LATERAL (
           SELECT 1, mark, response * mark / 100 FROM (VALUES (50), (80), (100)) AS m (mark)
            UNION ALL
           SELECT 2, mark, target * mark::bigint / 100 + paused_seconds
             FROM (VALUES (25), (50), (80), (100)) AS m (mark)) AS s (clock, mark, seconds)
      LEFT JOIN LATERAL catalog_dues(a.measure, a.clock_from, s.seconds, a.calendar_id,
           a.time_zone) AS due ON true
), reached AS MATERIALIZED (
    SELECT * FROM share WHERE at <= now() AND (stopped_at IS NULL OR at <= stopped_at)
), marked AS (
    INSERT INTO triage_clockmark (case_id, run, clock, mark, at)
    SELECT id, clock_run, clock, mark, at FROM reached WHERE mark > 25
        ON CONFLICT DO NOTHING
    RETURNING case_id, clock, mark
), ahead AS (
    SELECT id, min(at) AS at FROM share WHERE at > now() AND stopped_at IS NULL GROUP BY 1
), judged AS MATERIALIZED (
    SELECT a.id, a.status, a.escalation, a.severe = 1 AS is_critical,
           LEAST(ahead.at, CASE WHEN a.is_open THEN """
    + SCORE_MOVES
    + """ END) AS wakes, """
    + SCORE
    + """ AS points,
           CASE WHEN NOT a.is_open THEN a.escalation
                WHEN r.is_overdue THEN GREATEST(a.escalation, 2)
                WHEN a.severe = 1 OR r.is_waiting AND a.assignee_id IS NULL
                THEN GREATEST(a.escalation, 1) ELSE a.escalation END AS level
      FROM allowed a LEFT JOIN ahead USING (id)
      LEFT JOIN (
           SELECT id, bool_or(clock = 2 AND mark = 100) AS is_overdue,
                  bool_or(clock = 2 AND mark = 25) AS is_waiting
             FROM reached GROUP BY 1) r USING (id)
), written AS (
    UPDATE triage_case c
       SET wake_at = j.wakes, escalation = j.level, score = j.points, scored_at = now()
      FROM judged j WHERE c.id = j.id
), told AS (
    SELECT DISTINCT ON (m.case_id, m.clock) m.case_id AS id, m.clock::integer AS place,
           CASE m.mark WHEN 100 THEN 'breached' ELSE 'warned' END AS kind,
           CASE m.mark WHEN 100 THEN 'The time to ' ELSE m.mark || ' %% of the time to ' END
           || CASE m.clock WHEN 1 THEN 'respond' ELSE 'resolve' END
           || CASE m.mark WHEN 100 THEN ' is over.' ELSE ' has passed.' END AS reason
      FROM marked m ORDER BY m.case_id, m.clock, m.mark DESC
), raised AS (
    SELECT id, 3 AS place, 'escalated' AS kind,
           CASE WHEN level = 2 THEN 'Overdue: to the lead.'
                WHEN is_critical THEN 'Critical: to the supervisor at once.'
                ELSE 'A quarter of the time has passed and nobody has it: to the supervisor.'
                END AS reason
      FROM judged WHERE level > escalation
), recorded AS (
    INSERT INTO triage_caseevent (case_id, kind, before, after, reason)
    SELECT one.id, one.kind, j.status, j.status, one.reason
      FROM (SELECT * FROM told UNION ALL SELECT * FROM raised) one JOIN judged j USING (id)
     ORDER BY one.id, one.place
)
SELECT FROM judged
"""
)


@transaction.atomic
def start(ids: Collection[UUID]) -> None:
    """Set the clocks of cases by their playbooks and the open hours of their places; also anew,
    when what they depend on changed: pauses are kept."""
    policy.apply(ids)


@transaction.atomic
def pause(ids: Collection[UUID], at: datetime) -> None:
    """Stop the time to resolve. The time to respond goes on."""
    execute(PAUSE, {"ids": list(ids), "at": at})
    policy.apply(ids)


@transaction.atomic
def resume(ids: Collection[UUID], at: datetime) -> None:
    """Let it go on, later by as much of its own time as it stood."""
    execute(RESUME, {"ids": list(ids), "at": at})
    policy.apply(ids)


@transaction.atomic
def restart(ids: Collection[UUID], at: datetime) -> None:
    """Begin again after a reopening: nobody has responded, nothing was paused, marks come anew.
    What came back by itself has half the time (`regressions`)."""
    execute(RESTART, {"ids": list(ids), "at": at})
    policy.apply(ids)


@transaction.atomic
def watch(*, rows: int) -> int:
    """Give up to so many cases away by their rules, write what their clocks show, escalate, and
    score them anew; return how many it was."""
    ids: list[UUID] = fetch_value(DUE, {"rows": rows})
    if ids:
        execute(ASSIGN, {"ids": ids})
        execute(WATCH, {"ids": ids})
    return len(ids)
