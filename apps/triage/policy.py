"""What our own rules make of a case: whose it is, how bad, until when, and what waiting costs.

One text, wherever it is asked: by the fold for cases that are born and cases it touched, in the
transaction of the facts; by ids; and for what other rules would do. It reads `mine`, some cases,
and the catalogue, and keeps what people did. Whoever changes what it depends on empties
`resolve_by`: that is the sign that it has to be said anew.
"""

from collections.abc import Collection
from uuid import UUID

from apps.core.db import execute, fetch_value
from apps.triage.routing import ROUTED, RULES_IN_FORCE
from apps.triage.scoring import MONEY, SCORE, SCORE_MOVES

# What the policy reads: what is known of a case, and what was done with it.
FACTS = """id, status, kind_id, workflow_id, facility_id, stage_id, interface_id, error_class,
           payer, amount_minor, counts_money, service_date, opened_at"""
WORK = """regressions, severity, target_seconds, due_measure, is_priority_by_hand, team_id,
           assignee_id, is_assigned_by_hand, responded_at, clock_from, paused_at, paused_seconds"""
# The same of one that nobody has seen yet.
NO_WORK = """0 AS regressions, NULL::smallint AS severity, NULL::integer AS target_seconds,
           '' AS due_measure, false AS is_priority_by_hand, NULL::bigint AS team_id,
           NULL::bigint AS assignee_id, false AS is_assigned_by_hand,
           NULL::timestamptz AS responded_at, NULL::timestamptz AS clock_from,
           NULL::timestamptz AS paused_at, 0 AS paused_seconds"""

# (COALESCE: the planner, who knows that it rarely is, would take the cases for one and make a loop
# of each join.)
TOUCHED = (
    """
WITH mine AS MATERIALIZED (
    SELECT """  # noqa: S608  constants only
    + FACTS
    + ", "
    + WORK
    + """, false AS is_proposed
      FROM triage_case c
     WHERE c.transaction_id IN (SELECT id FROM fold_changed)
       AND COALESCE(c.resolve_by IS NULL, true)
)"""
)
OF_IDS = (
    """
WITH mine AS MATERIALIZED (
    SELECT """  # noqa: S608  constants only
    + FACTS
    + ", "
    + WORK
    + """, false AS is_proposed
      FROM triage_case c WHERE c.id = ANY(%(ids)s) ORDER BY c.id FOR UPDATE
)"""
)

# The places in question with their open hours: their own, or those of the nearest above.
PLACES = """, places AS MATERIALIZED (
    SELECT f.id AS facility_id, f.path, f.time_zone, near.calendar_id
      FROM catalog_facility f
      LEFT JOIN LATERAL (
           SELECT a.calendar_id FROM catalog_facility a
            WHERE a.calendar_id IS NOT NULL AND starts_with(f.path, a.path)
            ORDER BY length(a.path) DESC LIMIT 1) near ON true
     WHERE f.id IN (SELECT facility_id FROM mine)
)"""

# - A person's choice holds. Where no rule fits, or says nothing, the playbook in force does, which
#   for an open case is that of today. Nobody has explained it yet: moderate, one business day, and
#   of those who own the interface.
# - Once somebody acted, no rule takes a case away.
RULED = """, ruled AS MATERIALIZED (
    SELECT m.*,
           CASE WHEN m.is_priority_by_hand THEN m.severity
                ELSE COALESCE(m.rule_severity, p.severity, 3) END AS severe,
           CASE WHEN m.is_priority_by_hand THEN m.target_seconds
                ELSE COALESCE(m.rule_seconds, p.due_seconds, 32400) END AS seconds,
           CASE WHEN m.is_priority_by_hand THEN m.due_measure
                WHEN m.rule_seconds IS NOT NULL THEN m.rule_measure
                ELSE COALESCE(p.due_measure, 'business') END AS counted_in,
           CASE WHEN m.is_assigned_by_hand OR m.responded_at IS NOT NULL THEN m.team_id
                ELSE COALESCE(m.rule_team, p.owner_id, m.technical_owner_id) END AS owner
      FROM routed m
      LEFT JOIN catalog_playbook p ON p.kind_id = m.kind_id
       AND p.effective_from <= now() AND COALESCE(p.effective_to > now(), true)
)"""

# A share of the time to resolve by severity, and five minutes at least.
RESPONSE = """GREATEST(target * (ARRAY[10, 20, 25, 25])[severe]::bigint / 100,
           LEAST(target, 300))"""

# - Back again: half the time, and an hour at least. What a person set is taken as it is.
# - Outside the hours that are laid out, which are years, elapsed time is better than none.
CLOCKED = (
    """, targeted AS (
    SELECT r.*, COALESCE(r.clock_from, r.opened_at) AS runs_from,
           (CASE counted_in WHEN 'elapsed' THEN 1 ELSE 2 END)::smallint AS measure,
           CASE WHEN r.regressions > 0 AND NOT r.is_priority_by_hand
                THEN GREATEST(r.seconds / 2, LEAST(r.seconds, 3600))
                ELSE r.seconds END AS target
      FROM ruled r
), allowed AS MATERIALIZED (
    SELECT t.*, """  # noqa: S608  constants only
    + RESPONSE
    + """ AS response FROM targeted t
), clocked AS (
    SELECT a.*, COALESCE(respond.due_at, runs_from + response * interval '1 second') AS respond,
           COALESCE(resolve.due_at, runs_from + (target + paused_seconds) * interval '1 second')
               AS resolve
      FROM allowed a
      LEFT JOIN LATERAL catalog_dues(measure, runs_from, response, calendar_id, time_zone)
           AS respond ON true
      LEFT JOIN LATERAL catalog_dues(measure, runs_from, target + paused_seconds, calendar_id,
           time_zone) AS resolve ON true
)"""
)

# It wakes before anything can be due, as open hours never run faster than time: the sweep then
# knows better. What is critical is shown to the supervisor at once, and a rule may give it away. A
# failure that comes late may have been healed by what comes behind it: half a minute for that.
SCORED = (
    """, scored AS MATERIALIZED (
    SELECT v.*, """  # noqa: S608  constants only
    + SCORE
    + """ AS points,
           GREATEST(CASE WHEN v.clock_from IS NULL AND runs_from < now() - interval '30 seconds'
                         THEN now() + interval '30 seconds' END,
           CASE WHEN severe = 1 OR strategy <> 'pool' THEN runs_from
                ELSE LEAST(runs_from + LEAST(response / 2, target / 4) * interval '1 second', """
    + SCORE_MOVES
    + """) END) AS wakes
      FROM valued v
)"""
)

# Everything there is to say about `mine`, as `scored`.
SAID = PLACES + RULES_IN_FORCE + ROUTED + RULED + CLOCKED + MONEY + SCORED

# Of cases about to be born: `newborn` holds what is known of them.
OF_NEWBORN = (
    """, mine AS MATERIALIZED (
    SELECT """  # noqa: S608  constants only
    + FACTS
    + ", "
    + NO_WORK
    + """, false AS is_proposed FROM newborn
)"""
    + SAID
)

# What of it goes into which columns of a case.
WRITTEN = """team_id, routed_by_id, severity, clock_from, target_seconds, due_measure, respond_by,
           resolve_by, money_due_at, money_due_kind, score, scored_at, wake_at"""
VALUES = """s.owner, s.rule_id, s.severe, s.runs_from, s.target, s.counted_in, s.respond,
           s.resolve, s.money_at, s.money_kind, s.points, now(), s.wakes"""

WRITE = (
    """, changed AS (
    UPDATE triage_case c
       SET ("""  # noqa: S608  constants only
    + WRITTEN
    + """) = ROW ("""
    + VALUES
    + """)
      FROM scored s WHERE c.id = s.id
"""
)
# A round over all open cases writes those that the rules change.
WHERE_IT_DIFFERS = """
       AND (c.team_id, c.routed_by_id, c.severity, c.clock_from, c.target_seconds, c.due_measure,
            c.respond_by, c.resolve_by, c.money_due_at, c.money_due_kind)
           IS DISTINCT FROM
           (s.owner, s.rule_id, s.severe, s.runs_from, s.target, s.counted_in, s.respond,
            s.resolve, s.money_at, s.money_kind)
"""
TELL = """    RETURNING c.id, c.status, s.team_id AS left_team, c.team_id, c.routed_by_id
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason)
SELECT c.id, 'routed', c.status, c.status,
       'From ' || was.name || ' to ' || COALESCE(becomes.name, 'nobody')
       || COALESCE(' by the rule “' || r.name || '”.', ' by its playbook.')
  FROM changed c JOIN catalog_team was ON was.id = c.left_team
  LEFT JOIN catalog_team becomes ON becomes.id = c.team_id
  LEFT JOIN catalog_routingrule r ON r.id = c.routed_by_id
 WHERE c.left_team IS DISTINCT FROM c.team_id
"""

APPLY_TO_TOUCHED = TOUCHED + SAID + WRITE + TELL
APPLY = OF_IDS + SAID + WRITE + TELL
APPLY_WHERE_IT_DIFFERS = OF_IDS + SAID + WRITE + WHERE_IT_DIFFERS + TELL

# A round goes through the open cases once after each change of the catalogue, and whenever a
# version of a playbook or of a rule comes into force or ends.
BEGIN_ROUND = """
WITH known AS (
    INSERT INTO triage_policyround (id, version, as_of) VALUES (1, 0, '2000-01-01 00:00Z')
        ON CONFLICT (id) DO NOTHING
)
UPDATE triage_policyround p
   SET reached = '00000000-0000-0000-0000-000000000000', next_version = v.version,
       next_as_of = now()
  FROM catalog_catalogversion v
 WHERE p.reached IS NULL
   AND (v.version <> p.version OR EXISTS (
        SELECT FROM (SELECT effective_from, effective_to FROM catalog_playbook
                      UNION ALL
                     SELECT effective_from, effective_to FROM catalog_routingrule) AS said
         WHERE effective_from > p.as_of AND effective_from <= now()
            OR effective_to > p.as_of AND effective_to <= now()))
"""
NEXT_OF_ROUND = """
SELECT COALESCE(array_agg(c.id ORDER BY c.id), '{}')
  FROM (SELECT c.id FROM triage_case c
         WHERE c.id > (SELECT reached FROM triage_policyround)
           AND c.status NOT IN ('resolved', 'dismissed', 'merged')
         ORDER BY c.id LIMIT %(rows)s) c
"""
GO_ON = "UPDATE triage_policyround SET reached = %(reached)s"
END_ROUND = """
UPDATE triage_policyround SET version = next_version, as_of = next_as_of, reached = NULL
 WHERE reached IS NOT NULL
"""
TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('triage.policy'))"


def apply(ids: Collection[UUID]) -> None:
    """Say anew what the rules make of these cases."""
    execute(APPLY, {"ids": list(ids)})


def follow(*, rows: int) -> int:
    """Bring up to so many open cases to the rules in force now, if these changed; return how many
    were looked at. Runs in the caller's transaction; who does not get the turn does nothing."""
    if not fetch_value(TAKE_TURN):
        return 0
    execute(BEGIN_ROUND)
    ids: list[UUID] = fetch_value(NEXT_OF_ROUND, {"rows": rows})
    if ids:
        execute(APPLY_WHERE_IT_DIFFERS, {"ids": ids})
        execute(GO_ON, {"reached": ids[-1]})
    if len(ids) < rows:
        execute(END_ROUND)
    return len(ids)
