"""What our own rules make of a case: how bad it is, and until when somebody has to act.

One statement, wherever it is asked: by the fold for the cases it touched, in the transaction of the
facts, and by ids. It reads the case and the catalogue, keeps what people did, and writes nothing
that stays the same.
"""

from collections.abc import Collection
from uuid import UUID

from apps.core.db import execute

# Whoever changed what the policy depends on has emptied `resolve_by`. (COALESCE: the planner, who
# knows that it rarely is, would take the cases for one and make a loop of each join.)
TOUCHED = """
WITH mine AS MATERIALIZED (
    SELECT c.* FROM triage_case c
     WHERE c.transaction_id IN (SELECT id FROM fold_changed)
       AND COALESCE(c.resolve_by IS NULL, true)
)"""
OF_IDS = """
WITH mine AS MATERIALIZED (
    SELECT c.* FROM triage_case c WHERE c.id = ANY(%(ids)s) ORDER BY c.id FOR UPDATE
)"""

# The open hours of the places in question: their own, or those of the nearest above.
PLACES = """, places AS MATERIALIZED (
    SELECT f.id AS facility_id, f.time_zone, near.calendar_id
      FROM catalog_facility f
      LEFT JOIN LATERAL (
           SELECT a.calendar_id FROM catalog_facility a
            WHERE a.calendar_id IS NOT NULL AND starts_with(f.path, a.path)
            ORDER BY length(a.path) DESC LIMIT 1) near ON true
     WHERE f.id IN (SELECT facility_id FROM mine)
)"""

# Nobody has explained it yet: a moderate case of one business day. Words in force decide, which for
# an open case are those of today.
RULED = """, ruled AS MATERIALIZED (
    SELECT m.*, m.severity AS severe, m.target_seconds AS seconds, m.due_measure AS counted_in
      FROM mine m WHERE m.is_priority_by_hand
     UNION ALL
    SELECT m.*, COALESCE(p.severity, 3), COALESCE(p.due_seconds, 32400),
           COALESCE(p.due_measure, 'business')
      FROM mine m
      LEFT JOIN catalog_playbook p ON p.kind_id = m.kind_id
       AND p.effective_from <= now() AND COALESCE(p.effective_to > now(), true)
     WHERE NOT m.is_priority_by_hand
)"""

# A share of the time to resolve by severity, and five minutes at least.
RESPONSE = """GREATEST(target * (ARRAY[10, 20, 25, 25])[severe]::bigint / 100,
           LEAST(target, 300))"""

# - Back again: half the time, and an hour at least. What a person set is taken as it is.
# - Outside the hours that are laid out, which are years, elapsed time is better than none.
# - It wakes before anything can be due, as open hours never run faster than time: the sweep then
#   knows better. What is critical is shown to the supervisor at once.
CLOCKED = (
    """, targeted AS MATERIALIZED (
    SELECT r.*, p.calendar_id, p.time_zone, COALESCE(r.clock_from, r.opened_at) AS runs_from,
           (CASE counted_in WHEN 'elapsed' THEN 1 ELSE 2 END)::smallint AS measure,
           CASE WHEN r.regressions > 0 AND NOT r.is_priority_by_hand
                THEN GREATEST(r.seconds / 2, LEAST(r.seconds, 3600))
                ELSE r.seconds END AS target
      FROM ruled r JOIN places p USING (facility_id)
), allowed AS MATERIALIZED (
    SELECT t.*, """  # noqa: S608  constants only
    + RESPONSE
    + """ AS response FROM targeted t
), clocked AS MATERIALIZED (
    SELECT a.*, COALESCE(respond.due_at, runs_from + response * interval '1 second') AS respond,
           COALESCE(resolve.due_at, runs_from + (target + paused_seconds) * interval '1 second')
               AS resolve,
           CASE WHEN severe = 1 THEN runs_from
                ELSE runs_from + LEAST(response / 2, target / 4) * interval '1 second' END AS wakes
      FROM allowed a
      LEFT JOIN LATERAL catalog_dues(measure, runs_from, response, calendar_id, time_zone)
           AS respond ON true
      LEFT JOIN LATERAL catalog_dues(measure, runs_from, target + paused_seconds, calendar_id,
           time_zone) AS resolve ON true
)"""
)

WRITE = """
UPDATE triage_case c
   SET severity = k.severe, clock_from = k.runs_from, target_seconds = k.target,
       due_measure = k.counted_in, respond_by = k.respond, resolve_by = k.resolve,
       wake_at = k.wakes
  FROM clocked k
 WHERE c.id = k.id
   AND (c.severity, c.clock_from, c.target_seconds, c.due_measure, c.respond_by, c.resolve_by)
       IS DISTINCT FROM
       (k.severe, k.runs_from, k.target, k.counted_in, k.respond, k.resolve)
"""

APPLY_TO_TOUCHED = TOUCHED + PLACES + RULED + CLOCKED + WRITE
APPLY = OF_IDS + PLACES + RULED + CLOCKED + WRITE


def apply(ids: Collection[UUID]) -> int:
    """Say anew what the rules make of these cases; return how many changed."""
    return execute(APPLY, {"ids": list(ids)})
