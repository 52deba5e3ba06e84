"""Step 3 of the fold: cases are born, repeated and closed in the transaction of the facts.

A case of a failed step keeps what its events say: first and last failure, how many, and the first
event after them that ended it. Each is a sum, a minimum or a maximum, so any order and any grouping
of events gives the same case; it is open while nothing ended it after it was last seen. A case of
an overdue transaction is open exactly while the transaction is.

What people did with a case never holds the fold up: leased, pending or verifying, it closes when
its trouble is over. What a person closed comes back only when it failed later than `late_until`, a
moment kept when they closed it: what failed before then was under way already. So that, too, is the
same in any order of events.

Runs after `telemetry.fold` in the same transaction, and reads its `fold_new` and `fold_changed`.
Folds that touch one transaction take turns by its row, so they take turns by its cases, too. Cases
are locked in the order of their ids, as everybody does who locks several.
"""

from apps.core.db import FEW_ROWS, execute, fetcher, runner
from apps.triage.counting import RECOUNT_TOUCHED
from apps.triage.policy import APPLY_TO_TOUCHED, OF_NEWBORN, VALUES, WRITTEN
from apps.triage.returning import bring_back

# Of whom a case is: the account it is about, else the claim, else the encounter, as a keyed token.
# Read for `one`, a row with a transaction.
ACCOUNT = """
  LEFT JOIN LATERAL (
       SELECT b.token FROM telemetry_businesskey b
        WHERE b.transaction_id = one.transaction_id
          AND b.kind IN ('account', 'claim', 'encounter')
        ORDER BY array_position(ARRAY['account', 'claim', 'encounter'], b.kind), b.token
        LIMIT 1) AS about ON true
"""

# What changes anything that the policy depends on empties `resolve_by`, and the last statement says
# anew until when. The clocks follow an earlier beginning as long as nobody acted.
#
# - A failed or dead-lettered step; also a step that ends rejected, if it says why (a denied claim).
# - A code is asked for its meaning once, however many failed with it. A sender has no conditions:
#   those are what we see for ourselves.
# - What ended the case may have arrived before it: the events stored are asked, this fold's among
#   them. Only the days after the last failure are looked at.
RECORD_FAILURES = (
    """
WITH failing AS MATERIALIZED (
    SELECT e.transaction_id, e.workflow_id, e.stage_id, e.rank, e.interface_id, e.occurred_at,
           e.outcome = 4 AS dead_lettered, COALESCE(e.error_standard, '') AS error_standard,
           COALESCE(e.error_code, '') AS error_code,
           COALESCE(e.error_location, '') AS error_location
      FROM fold_new e LEFT JOIN fold_stage_rule r USING (stage_id)
     WHERE e.kind < 2 AND (e.outcome IN (3, 4)
           OR e.outcome = 1 AND r.terminal_outcome = 2 AND e.error_code IS NOT NULL)
), asked AS (
    SELECT DISTINCT workflow_id, stage_id, interface_id, dead_lettered, error_standard, error_code,
           error_location
      FROM failing
), meant AS MATERIALIZED (
    SELECT a.*, m.kind_id, COALESCE(m.error_class, 'internal') AS error_class
      FROM asked a
      LEFT JOIN catalog_interface i ON i.id = a.interface_id
      LEFT JOIN catalog_stage s ON s.id = a.stage_id
      LEFT JOIN catalog_system t ON t.id = COALESCE(i.target_id, s.system_id)
      LEFT JOIN LATERAL catalog_meaning(
           CASE WHEN a.error_standard || a.error_code = '' THEN 'condition'
                ELSE NULLIF(a.error_standard, 'condition') END,
           CASE WHEN a.error_standard || a.error_code <> '' THEN a.error_code
                WHEN a.dead_lettered THEN 'dead_letter' ELSE 'failed' END,
           a.error_location, a.workflow_id, t.kind) m ON true
), classed AS MATERIALIZED (
    SELECT f.*, m.kind_id, m.error_class
      FROM failing f JOIN meant m
        ON (m.workflow_id, m.stage_id, m.dead_lettered, m.error_standard, m.error_code,
            m.error_location)
         = (f.workflow_id, f.stage_id, f.dead_lettered, f.error_standard, f.error_code,
            f.error_location)
       AND m.interface_id IS NOT DISTINCT FROM f.interface_id
), counted AS (
    SELECT transaction_id, rank, error_class, min(occurred_at) AS opened_at,
           max(occurred_at) AS last_seen, count(*) AS occurrences,
           bool_or(dead_lettered) AS dead_lettered
      FROM classed GROUP BY 1, 2, 3
), latest AS (
    SELECT DISTINCT ON (transaction_id, rank, error_class) *
      FROM classed
     ORDER BY transaction_id, rank, error_class, occurred_at DESC, error_standard DESC,
           error_code DESC, error_location DESC, COALESCE(interface_id, 0) DESC
), found AS MATERIALIZED (
    SELECT n.*, l.workflow_id, l.stage_id, l.interface_id, l.kind_id, l.error_standard,
           l.error_code, l.error_location,
           md5(concat_ws(E'\\x1f', 1, l.workflow_id, l.stage_id, 1, n.error_class,
               l.error_standard, l.error_code, l.error_location))::uuid AS group_id
      FROM counted n JOIN latest l USING (transaction_id, rank, error_class)
), causes AS (
    INSERT INTO triage_group (id, mechanism, workflow_id, stage_id, condition, error_class,
           error_standard, error_code, error_location)
    SELECT DISTINCT group_id, 1, workflow_id, stage_id, 1, error_class, error_standard, error_code,
           error_location
      FROM found ORDER BY group_id
        ON CONFLICT (id) DO NOTHING
), held AS MATERIALIZED (
    SELECT c.* FROM triage_case c
     WHERE c.transaction_id IN (SELECT transaction_id FROM found) AND c.condition = 1
), known AS (
    SELECT DISTINCT ON (transaction_id, rank, error_class) *
      FROM held
     ORDER BY transaction_id, rank, error_class,
           status IN ('resolved', 'dismissed', 'merged'), opened_at DESC
), joined AS MATERIALIZED (
    SELECT f.*, k.id AS case_id, LEAST(f.opened_at, k.opened_at) AS first_at,
           GREATEST(f.last_seen, k.last_seen) AS final_at,
           (f.last_seen, f.error_standard, f.error_code, f.error_location,
            COALESCE(f.interface_id, 0))
           >= (k.last_seen, k.error_standard, k.error_code, k.error_location,
               COALESCE(k.interface_id, 0)) IS NOT FALSE AS is_latest,
           t.facility_id, t.payer, t.amount_minor, t.amount_kind, t.service_date, t.last_at
      FROM found f JOIN telemetry_transaction t ON t.id = f.transaction_id
      LEFT JOIN known k USING (transaction_id, rank, error_class)
), over AS MATERIALIZED (
    SELECT j.*, o.succeeded_at, o.ended_at
      FROM joined j, LATERAL (
    SELECT min(e.occurred_at) FILTER (WHERE e.outcome = 1 AND e.rank >= j.rank
               AND COALESCE(r.terminal_outcome, 0) < 2) AS succeeded_at,
           min(e.occurred_at) FILTER (WHERE e.outcome = 6 OR r.terminal_outcome >= 2
               OR r.terminal_outcome = 1 AND e.rank < j.rank) AS ended_at
      FROM telemetry_event e LEFT JOIN fold_stage_rule r USING (stage_id)
     WHERE e.transaction_id = j.transaction_id AND e.outcome IN (1, 6)
       AND e.occurred_at > j.final_at AND e.occurred_at <= j.last_at) o
), repeated AS (
    UPDATE triage_case c
       SET opened_at = o.first_at, last_seen = o.final_at,
           occurrences = c.occurrences + o.occurrences,
           dead_lettered = c.dead_lettered OR o.dead_lettered,
           succeeded_at = o.succeeded_at, ended_at = o.ended_at, resolve_by = NULL,
           clock_from = CASE WHEN o.first_at < c.opened_at AND (c.responded_at, c.paused_at)
               IS NULL AND c.clock_from = c.opened_at AND c.paused_seconds = 0
               THEN NULL ELSE c.clock_from END,
           (error_standard, error_code, error_location, interface_id, kind_id, group_id) = (
            SELECT o.error_standard, o.error_code, o.error_location, o.interface_id, o.kind_id,
                   o.group_id WHERE o.is_latest
             UNION ALL
            SELECT c.error_standard, c.error_code, c.error_location, c.interface_id, c.kind_id,
                   c.group_id
             LIMIT 1)
      FROM over o WHERE c.id = o.case_id
), newborn AS MATERIALIZED (
    SELECT uuidv7() AS id, 'open' AS status, true AS counts_money, about.token AS account, one.*
      FROM over one"""  # noqa: S608  constants only
    + ACCOUNT
    + """ WHERE case_id IS NULL
)"""
    + OF_NEWBORN
    + """, born AS (
    INSERT INTO triage_case (id, condition, transaction_id, stage_id, rank, error_class,
           workflow_id, facility_id, interface_id, kind_id, group_id, payer, amount_minor,
           amount_kind, service_date, opened_at, last_seen, succeeded_at, ended_at, occurrences,
           dead_lettered, error_standard, error_code, error_location, status, substatus, version,
           regressions, resolved_by, account, """
    + WRITTEN
    + """)
    SELECT n.id, 1, n.transaction_id, n.stage_id, n.rank, n.error_class, n.workflow_id,
           n.facility_id, n.interface_id, n.kind_id, n.group_id, n.payer, n.amount_minor,
           n.amount_kind, n.service_date, n.opened_at, n.last_seen, n.succeeded_at, n.ended_at,
           n.occurrences, n.dead_lettered, n.error_standard, n.error_code, n.error_location,
           'open', 'new', 1, 0, '', n.account, """
    + VALUES
    + """
      FROM newborn n JOIN scored s USING (id)
    RETURNING id
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason)
SELECT id, 'opened', '', 'open', '' FROM born
"""
)

# The step it waits for is the one that stops the clock.
RECORD_OVERDUE = (
    """
WITH late AS MATERIALIZED (
    SELECT id AS transaction_id, workflow_id, new_facility_id AS facility_id,
           (ARRAY[2, 3])[clock] AS condition, clock,
           CASE clock WHEN 1 THEN new_due_at ELSE new_business_due_at END AS due_at
      FROM fold_changed, (VALUES (1), (2)) AS clocks (clock)
     WHERE new_state < 5 AND CASE clock
           WHEN 1 THEN new_sla = 2 AND new_stopped_at IS NULL
           ELSE new_business_sla = 2 AND new_business_stopped_at IS NULL END
), awaited AS (
    SELECT l.*, s.id AS stage_id, s.rank, t.kind AS target
      FROM late l
      JOIN catalog_clock c ON c.workflow_id = l.workflow_id
       AND c.kind = (ARRAY['integration', 'business'])[l.clock]
      JOIN catalog_stage s ON s.id = c.stop_stage_id
      LEFT JOIN catalog_system t ON t.id = s.system_id
     WHERE NOT EXISTS (SELECT FROM triage_case k
                        WHERE k.transaction_id = l.transaction_id AND k.condition = l.condition)
), meant AS MATERIALIZED (
    SELECT a.*, m.kind_id, COALESCE(m.error_class, 'deadline') AS error_class
      FROM (SELECT DISTINCT workflow_id, condition, stage_id, rank, target FROM awaited) a
      LEFT JOIN LATERAL catalog_meaning('condition',
           (ARRAY['overdue', 'business_overdue'])[a.condition - 1], '', a.workflow_id,
           a.target) m ON true
), found AS MATERIALIZED (
    SELECT a.transaction_id, a.facility_id, a.due_at, m.*,
           md5(concat_ws(E'\\x1f', 1, a.workflow_id, a.stage_id, a.condition, m.error_class,
               '', '', ''))::uuid AS group_id
      FROM awaited a JOIN meant m USING (workflow_id, condition, stage_id)
), causes AS (
    INSERT INTO triage_group (id, mechanism, workflow_id, stage_id, condition, error_class,
           error_standard, error_code, error_location)
    SELECT DISTINCT group_id, 1, workflow_id, stage_id, condition, error_class, '', '', ''
      FROM found ORDER BY group_id
        ON CONFLICT (id) DO NOTHING
), newborn AS MATERIALIZED (
    SELECT uuidv7() AS id, 'open' AS status, true AS counts_money, about.token AS account, one.*,
           NULL::bigint AS interface_id, one.due_at AS opened_at, t.payer, t.amount_minor,
           t.amount_kind, t.service_date
      FROM found one
      JOIN telemetry_transaction t ON t.id = one.transaction_id"""  # noqa: S608  constants only
    + ACCOUNT
    + """)"""
    + OF_NEWBORN
    + """, born AS (
    INSERT INTO triage_case (id, condition, transaction_id, stage_id, rank, error_class,
           workflow_id, facility_id, kind_id, group_id, payer, amount_minor, amount_kind,
           service_date, opened_at, last_seen, occurrences, dead_lettered, error_standard,
           error_code, error_location, status, substatus, version, regressions, resolved_by,
           account, """
    + WRITTEN
    + """)
    SELECT n.id, n.condition, n.transaction_id, n.stage_id, n.rank, n.error_class, n.workflow_id,
           n.facility_id, n.kind_id, n.group_id, n.payer, n.amount_minor, n.amount_kind,
           n.service_date, n.opened_at, n.opened_at, 1, false, '', '', '', 'open', 'new', 1, 0,
           '', n.account, """
    + VALUES
    + """
      FROM newborn n JOIN scored s USING (id)
     ORDER BY n.transaction_id, n.condition
    RETURNING id
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason)
SELECT id, 'opened', '', 'open', '' FROM born
"""
)

# Every case of a transaction that was touched: what is known of its business, what ended it, and
# whether that opens or closes it.
#
# What a person resolved, or dismissed for this once, is `refuted` by what failed after their word
# would have shown. It is then what telemetry says: open, or over by a success that came since. What
# is overdue does not fail again.
#
# As in the fold: what is not an equality is not taken for one row, which would make joins loops.
SETTLE = (
    """
WITH mine AS MATERIALIZED (
    SELECT c.* FROM triage_case c
     WHERE c.transaction_id IN (SELECT id FROM fold_changed)
), ended AS (
    SELECT m.id,
           min(e.occurred_at) FILTER (WHERE e.outcome = 1 AND e.rank >= m.rank
               AND COALESCE(r.terminal_outcome, 0) < 2) AS succeeded_at,
           min(e.occurred_at) FILTER (WHERE e.outcome = 6 OR r.terminal_outcome >= 2
               OR r.terminal_outcome = 1 AND e.rank < m.rank) AS ended_at
      FROM mine m
      JOIN fold_new e ON e.transaction_id = m.transaction_id AND e.occurred_at > m.last_seen
      LEFT JOIN fold_stage_rule r ON r.stage_id = e.stage_id
     WHERE m.condition < 2 AND e.kind < 2 AND e.outcome IN (1, 6) GROUP BY 1
), facts AS (
    SELECT one.*, about.token AS of_account, t.facility_id AS at_facility, t.payer AS by_payer,
           t.amount_minor AS amount, t.amount_kind AS kind_of_amount,
           t.service_date AS served_on,
           CASE one.condition WHEN 2 THEN t.due_at WHEN 3 THEN t.business_due_at
                ELSE one.opened_at END AS since,
           CASE one.condition WHEN 1 THEN LEAST(one.succeeded_at, e.succeeded_at)
                WHEN 2 THEN t.stopped_at ELSE t.business_stopped_at END AS succeeded,
           CASE one.condition WHEN 1 THEN LEAST(one.ended_at, e.ended_at)
                ELSE CASE WHEN t.state >= 5 THEN COALESCE(t.settled_at, t.expired_at) END END
               AS ended,
           CASE one.condition WHEN 2 THEN t.state < 5 AND t.sla = 2 AND t.stopped_at IS NULL
                WHEN 3 THEN t.state < 5 AND t.business_sla = 2 AND t.business_stopped_at IS NULL
                END AS is_overdue
      FROM mine one JOIN telemetry_transaction t ON t.id = one.transaction_id
      LEFT JOIN ended e ON e.id = one.id"""  # noqa: S608  constants only
    + ACCOUNT
    + """), judged AS (
    SELECT f.*, COALESCE(f.since, f.opened_at) AS since_then,
           COALESCE(f.is_overdue, COALESCE(f.succeeded, f.ended) IS NULL) AS goes_on,
           LEAST(f.succeeded, f.ended) AS over_at,
           CASE WHEN f.succeeded <= COALESCE(f.ended, f.succeeded) THEN 'success_event'
                WHEN f.ended IS NOT NULL THEN 'ended' ELSE 'source' END AS by_what
      FROM facts f
), seen AS (
    SELECT j.*, (status = 'resolved' AND resolved_by = 'user'
                 OR status = 'dismissed' AND dismissal = 'this_case')
                AND is_later AS refuted,
           status NOT IN ('resolved', 'dismissed', 'merged') AS was_open,
           status = 'resolved' AND resolved_by <> 'user' AS was_over
      FROM (SELECT *, condition = 1 AND last_seen > COALESCE(late_until, 'infinity')
                      AS is_later FROM judged) j
), moved AS (
    SELECT s.*, NOT goes_on AND (was_open OR refuted) AS closes,
           goes_on AND (was_over OR refuted) AS reopens,
           goes_on AND status = 'verifying' AND is_later AS fails_again,
           NOT goes_on AND was_over AS stays_over
      FROM seen s
), changed AS (
    UPDATE triage_case c
       SET facility_id = m.at_facility, account = m.of_account, payer = m.by_payer,
           amount_minor = m.amount, amount_kind = m.kind_of_amount, service_date = m.served_on,
           counts_money = c.counts_money AND NOT m.closes OR m.reopens,
           opened_at = m.since_then,
           last_seen = CASE WHEN m.condition = 1 THEN m.last_seen ELSE m.since_then END,
           succeeded_at = m.succeeded, ended_at = m.ended,
           resolve_by = CASE WHEN NOT m.reopens AND (m.at_facility, m.by_payer, m.amount,
               m.served_on, m.since_then) IS NOT DISTINCT FROM (m.facility_id, m.payer,
               m.amount_minor, m.service_date, m.opened_at) THEN c.resolve_by END,
           (clock_from, clock_run, responded_at, paused_at, paused_seconds, escalation) = (
            SELECT m.last_seen, c.clock_run + 1, NULL::timestamptz, NULL::timestamptz, 0, 0
             WHERE m.reopens
             UNION ALL
            SELECT CASE WHEN m.since_then <> m.opened_at AND (c.responded_at, c.paused_at) IS NULL
                   AND c.clock_from = m.opened_at AND c.paused_seconds = 0
                   THEN NULL ELSE c.clock_from END,
                   c.clock_run, c.responded_at, c.paused_at, c.paused_seconds, c.escalation
             LIMIT 1),
           status = CASE WHEN m.closes THEN 'resolved' WHEN m.reopens OR m.fails_again THEN 'open'
               ELSE m.status END,
           substatus = CASE WHEN m.closes THEN '' WHEN m.reopens THEN 'regressed'
               WHEN m.fails_again THEN 'unconfirmed' ELSE m.substatus END,
           regressions = m.regressions + m.reopens::integer,
           version = m.version + (m.closes OR m.reopens OR m.fails_again)::integer,
           leased_by_id = CASE WHEN NOT m.closes THEN m.leased_by_id END,
           leased_until = CASE WHEN NOT m.closes THEN m.leased_until END,
           verify_until = CASE WHEN NOT (m.closes OR m.fails_again) THEN m.verify_until END,
           dismissal = CASE WHEN m.refuted THEN '' ELSE m.dismissal END,
           resolved_at = CASE WHEN m.closes THEN COALESCE(m.over_at, now())
               WHEN m.stays_over THEN COALESCE(m.over_at, m.resolved_at)
               WHEN NOT m.reopens THEN m.resolved_at END,
           resolved_by = CASE WHEN m.closes OR m.stays_over AND m.over_at IS NOT NULL THEN m.by_what
               WHEN m.reopens THEN '' ELSE m.resolved_by END
      FROM moved m
     WHERE c.id = m.id AND (m.closes OR m.reopens OR m.fails_again
           OR m.stays_over AND m.over_at <> m.resolved_at
           OR (m.at_facility, m.of_account, m.by_payer, m.amount, m.kind_of_amount, m.served_on,
               m.since_then, m.succeeded, m.ended)
              IS DISTINCT FROM (m.facility_id, m.account, m.payer, m.amount_minor, m.amount_kind,
               m.service_date, m.opened_at, m.succeeded_at, m.ended_at))
    RETURNING c.id, CASE WHEN m.closes THEN 'resolved' WHEN m.reopens THEN 'regressed'
              WHEN m.fails_again THEN 'unconfirmed' END AS what,
              m.status AS before, c.status AS after, c.resolved_by, c.version
), waits_no_more AS (
    DELETE FROM triage_pend p USING changed c
     WHERE p.case_id = c.id AND c.before = 'pending' AND c.after <> 'pending'
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason, version)
SELECT id, what, before, after, resolved_by, version FROM changed WHERE what IS NOT NULL
"""
)


# What failed at a step that has a case was counted by the fold that stored it.
FORGET_COUNTED = """
DELETE FROM fold_new e USING triage_case c
 WHERE c.condition < 2 AND c.transaction_id = e.transaction_id AND c.rank = e.rank
"""
# Once and in one order, whatever the statements after it look at.
LOCK_CASES = """
SELECT FROM triage_case
 WHERE transaction_id IN (SELECT id FROM fold_changed) ORDER BY id FOR UPDATE
"""


# What people wait for, seen in the events: any that is new, or an amount that was reached.
HEARD_OF = """
SELECT p.case_id, CASE WHEN p.until_reply AND t.events > p.events_seen THEN 'reply'
                  ELSE 'amount' END
  FROM triage_pend p
  JOIN triage_case c ON c.id = p.case_id
  JOIN telemetry_transaction t ON t.id = c.transaction_id
 WHERE c.transaction_id IN (SELECT id FROM fold_changed)
   AND (p.until_reply AND t.events > p.events_seen OR t.amount_minor >= p.until_amount_minor)
 ORDER BY p.case_id
"""


def record_missing() -> None:
    """After a rebuild, whose events `fold_new` holds: open the cases of failures that have none,
    as those have that were folded before there were cases."""
    execute(FORGET_COUNTED)
    record_cases(FEW_ROWS + 1)


def record_cases(touched: int) -> None:
    """Open, repeat and close the cases of about so many transactions that were just changed."""
    run = runner(touched)
    run(LOCK_CASES)
    run(RECORD_FAILURES)
    run(RECORD_OVERDUE)
    run(SETTLE)
    run(RECOUNT_TOUCHED)
    run(APPLY_TO_TOUCHED)
    bring_back(fetcher(touched)(HEARD_OF))
