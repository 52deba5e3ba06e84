"""Whose a case is: the last rule in order that fits it, else the owner in its playbook.

The text that matches is the same wherever it is asked: live in the fold, for ids, and on the cases
of the last thirty days to see what other rules would move (`what_if`). What is compared carries
`is_proposed`: rules of one side only ever meet cases of that side.
"""

from apps.triage.models import Case

# By place in the order; a later version or a later rule decides between equals.
RULES_IN_FORCE = """, rules AS MATERIALIZED (
    SELECT r.*, f.path, false AS is_proposed
      FROM catalog_routingrule r LEFT JOIN catalog_facility f ON f.id = r.facility_id
     WHERE r.effective_from <= now() AND COALESCE(r.effective_to > now(), true)
)"""
RULES_COMPARED = """, rules AS MATERIALIZED (
    SELECT r.*, f.path, false AS is_proposed
      FROM catalog_routingrule r LEFT JOIN catalog_facility f ON f.id = r.facility_id
     WHERE r.effective_from <= now() AND COALESCE(r.effective_to > now(), true)
     UNION ALL
    SELECT r.*, f.path, true
      FROM jsonb_populate_recordset(NULL::catalog_routingrule, %(rules)s) r
      LEFT JOIN catalog_facility f ON f.id = r.facility_id
)"""

# Unknown money fits no limit, an unknown payer no name.
ROUTED = """, routed AS MATERIALIZED (
    SELECT m.*, p.calendar_id, p.time_zone, i.technical_owner_id, r.id AS rule_id,
           r.team_id AS rule_team, r.severity AS rule_severity, r.due_seconds AS rule_seconds,
           r.due_measure AS rule_measure, COALESCE(r.strategy, 'pool') AS strategy
      FROM mine m JOIN places p USING (facility_id)
      JOIN catalog_stage s ON s.id = m.stage_id
      LEFT JOIN catalog_interface i ON i.id = m.interface_id
      LEFT JOIN LATERAL (
           SELECT * FROM rules r
            WHERE r.is_proposed = m.is_proposed
              AND (r.workflow_id IS NULL OR r.workflow_id = m.workflow_id)
              AND (r.kind_id IS NULL OR r.kind_id = m.kind_id)
              AND (r.error_class = '' OR r.error_class = m.error_class)
              AND (r.path IS NULL OR starts_with(p.path, r.path))
              AND (r.payer = '' OR m.payer ILIKE catalog_pattern(r.payer))
              AND (r.amount_from IS NULL OR m.amount_minor >= r.amount_from)
              AND (r.amount_to IS NULL OR m.amount_minor < r.amount_to)
              AND (r.system_id IS NULL
                   OR r.system_id IN (i.source_id, i.target_id, s.system_id))
            ORDER BY r.position DESC, r.effective_from DESC, r.id DESC LIMIT 1) r ON true
)"""

# To whom new cases go: members of the team who are there, see the facility and may work. `slot` is
# how many a person would have after one more: filled from the lowest, that is whoever has least;
# in a round robin everybody begins at nothing. Who waited longest is first among equals.
#
# Who is given one has not responded. Nobody there: it stays in the pool, where all see it.
ASSIGN = """
WITH mine AS MATERIALIZED (
    SELECT c.id, c.team_id, c.facility_id, c.account, c.status, r.strategy, c.opened_at
      FROM triage_case c JOIN catalog_routingrule r ON r.id = c.routed_by_id
     WHERE c.id = ANY(%(ids)s) AND r.strategy <> 'pool' AND c.team_id IS NOT NULL
       AND c.assignee_id IS NULL AND NOT c.is_assigned_by_hand AND c.status = 'open'
), granted AS MATERIALIZED (
    SELECT g.user_id, root.path
      FROM accounts_facilityusergrant g JOIN auth_permission p ON p.id = g.permission_id
      JOIN catalog_facility root ON root.id = g.content_object_id
     WHERE p.codename = 'view_facility'
     UNION
    SELECT m.user_id, root.path
      FROM accounts_facilitygroupgrant g JOIN auth_permission p ON p.id = g.permission_id
      JOIN accounts_user_groups m ON m.group_id = g.group_id
      JOIN catalog_facility root ON root.id = g.content_object_id
     WHERE p.codename = 'view_facility'
), present AS MATERIALIZED (
    SELECT wanted.team_id, wanted.facility_id, t.user_id
      FROM (SELECT DISTINCT team_id, facility_id FROM mine) wanted
      JOIN catalog_facility f ON f.id = wanted.facility_id
      JOIN catalog_team_members t ON t.team_id = wanted.team_id
      JOIN accounts_user u ON u.id = t.user_id AND u.is_active
     WHERE EXISTS (SELECT FROM accounts_session s
                    WHERE s.user_id = u.id AND s.expire_date > now()
                      AND s.last_active_at > now() - interval '15 minutes')
       AND EXISTS (SELECT FROM granted g
                    WHERE g.user_id = u.id AND starts_with(f.path, g.path))
), load AS MATERIALIZED (
    SELECT c.assignee_id AS user_id, count(*) AS has
      FROM triage_case c
     WHERE c.assignee_id IN (SELECT user_id FROM present)
       AND c.status NOT IN ('resolved', 'dismissed', 'merged') GROUP BY 1
), of_account AS (
    SELECT DISTINCT ON (m.id) m.id, held.assignee_id AS user_id
      FROM mine m
      JOIN triage_case held ON held.account = m.account AND held.assignee_id IS NOT NULL
      JOIN present p ON p.user_id = held.assignee_id
       AND (p.team_id, p.facility_id) = (m.team_id, m.facility_id)
     WHERE m.strategy = 'account' ORDER BY m.id, held.last_seen DESC, held.id DESC
), queued AS (
    SELECT id, team_id, facility_id, strategy,
           row_number() OVER (PARTITION BY team_id, facility_id, strategy ORDER BY opened_at, id)
               AS place
      FROM mine WHERE strategy IN ('round', 'least')
), needed AS (
    SELECT team_id, facility_id, strategy, max(place) AS places FROM queued GROUP BY 1, 2, 3
), slots AS (
    SELECT n.team_id, n.facility_id, n.strategy, p.user_id,
           row_number() OVER (PARTITION BY n.team_id, n.facility_id, n.strategy
               ORDER BY slot + CASE n.strategy WHEN 'least' THEN COALESCE(l.has, 0) ELSE 0 END,
                        t.at NULLS FIRST, p.user_id) AS place
      FROM needed n JOIN present p USING (team_id, facility_id)
      CROSS JOIN LATERAL generate_series(1, n.places) AS slot
      LEFT JOIN load l USING (user_id)
      LEFT JOIN triage_turn t ON (t.team_id, t.user_id) = (n.team_id, p.user_id)
), given AS MATERIALIZED (
    SELECT q.id, s.user_id FROM queued q JOIN slots s USING (team_id, facility_id, strategy, place)
     UNION ALL
    SELECT id, user_id FROM of_account
), turned AS (
    INSERT INTO triage_turn (team_id, user_id, at)
    SELECT DISTINCT m.team_id, g.user_id, now() FROM given g JOIN mine m USING (id)
     ORDER BY 1, 2
        ON CONFLICT (team_id, user_id) DO UPDATE SET at = excluded.at
), assigned AS (
    UPDATE triage_case c SET assignee_id = g.user_id FROM given g WHERE c.id = g.id
    RETURNING c.id, c.status, c.routed_by_id
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason)
SELECT a.id, 'assigned', a.status, a.status, 'By the rule “' || r.name || '”.'
  FROM assigned a JOIN catalog_routingrule r ON r.id = a.routed_by_id
"""


def reason_of(case: Case) -> str:
    """Why this case is with this team, in words; reads `routed_by`."""
    if case.is_assigned_by_hand:
        return "Somebody gave it to them; no rule moves it any more."
    if case.routed_by and case.routed_by.team_id == case.team_id:
        return f"The rule “{case.routed_by.name}” won."
    if case.team_id is None:
        return "No rule fits it, no playbook explains it, and nobody owns its interface."
    return "No rule names another team: " + (
        "they own its playbook." if case.kind_id else "they own its interface."
    )
