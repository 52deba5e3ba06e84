"""What time makes of cases: leases lapse, what was put aside comes back, fixes stay unconfirmed.

Each is one statement over all that is due. What somebody holds locked is left for the next sweep.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from apps.core.db import execute, fetch_all
from apps.triage import clocks, counting
from apps.triage.returning import bring_back

# Back to whom it belonged before it was taken.
LAPSE = """
WITH due AS MATERIALIZED (
    SELECT id, assignee_id FROM triage_case
     WHERE leased_by_id IS NOT NULL AND leased_until <= %(at)s
     ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE triage_case c
       SET status = 'open', substatus = 'ongoing', leased_by_id = NULL, leased_until = NULL,
           assignee_id = CASE WHEN t.assignee_after_id = d.assignee_id THEN t.assignee_before_id
               ELSE d.assignee_id END,
           version = c.version + 1
      FROM due d
      LEFT JOIN LATERAL (
    SELECT assignee_before_id, assignee_after_id FROM triage_caseevent e
     WHERE e.case_id = d.id AND e.kind = 'taken' ORDER BY e.id DESC LIMIT 1) t ON true
     WHERE c.id = d.id
    RETURNING c.id, c.version, d.assignee_id AS was, c.assignee_id AS is_now
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason, version, assignee_before_id,
       assignee_after_id)
SELECT id, 'lapsed', 'in_progress', 'open', '', version, was, is_now FROM changed
"""

# Index: triage_pend by until. The money deadline may have moved since it was put aside.
DUE_BACK = """
SELECT c.id AS case_id, CASE WHEN p.until <= %(at)s THEN 'time' ELSE 'money' END AS why
  FROM triage_pend p JOIN triage_case c ON c.id = p.case_id
 WHERE p.until <= %(at)s OR c.money_due_at <= %(at)s::timestamptz + interval '24 hours'
 ORDER BY c.id LIMIT 1000 FOR UPDATE OF c SKIP LOCKED
"""

UNCONFIRMED = """
WITH due AS MATERIALIZED (
    SELECT id FROM triage_case WHERE status = 'verifying' AND verify_until <= %(at)s
     ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE triage_case c
       SET status = 'open', substatus = 'unconfirmed', verify_until = NULL, version = c.version + 1
      FROM due d WHERE c.id = d.id
    RETURNING c.id, c.version
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason, version)
SELECT id, 'unconfirmed', 'verifying', 'open', 'time', version FROM changed
"""

# What was merged goes where the other case went: over as far as telemetry shows it, resolved by the
# same word, or open again by itself.
DUE_TO_FOLLOW = """
SELECT m.id AS case_id FROM triage_case m JOIN triage_case r ON r.id = m.merged_into_id
 WHERE m.merged_into_id IS NOT NULL AND r.status IN ('resolved', 'dismissed')
 ORDER BY m.id LIMIT 1000
"""
FOLLOW = """
WITH due AS MATERIALIZED (
    SELECT m.id, r.resolved_at, r.resolution, r.fixed_at, r.late_until,
           LEAST(m.succeeded_at, m.ended_at) AS over_at,
           m.succeeded_at <= COALESCE(m.ended_at, m.succeeded_at) AS by_success,
           r.status = 'resolved' AND r.resolved_by = 'user' AS by_hand
      FROM triage_case m JOIN triage_case r ON r.id = m.merged_into_id
     WHERE m.id = ANY(%(ids)s) AND r.status IN ('resolved', 'dismissed')
), changed AS (
    UPDATE triage_case c
       SET merged_into_id = NULL, version = c.version + 1,
           status = CASE WHEN d.over_at IS NOT NULL OR d.by_hand THEN 'resolved' ELSE 'open' END,
           substatus = CASE WHEN d.over_at IS NULL AND NOT d.by_hand THEN 'ongoing' ELSE '' END,
           resolved_at = COALESCE(d.over_at, CASE WHEN d.by_hand THEN d.resolved_at END),
           resolved_by = CASE WHEN d.over_at IS NOT NULL AND d.by_success THEN 'success_event'
               WHEN d.over_at IS NOT NULL THEN 'ended' WHEN d.by_hand THEN 'user' ELSE '' END,
           resolution = CASE WHEN d.over_at IS NULL AND d.by_hand THEN d.resolution
               ELSE c.resolution END,
           fixed_at = CASE WHEN d.over_at IS NULL AND d.by_hand THEN d.fixed_at
               ELSE c.fixed_at END,
           late_until = CASE WHEN d.over_at IS NULL AND d.by_hand THEN d.late_until
               ELSE c.late_until END
      FROM due d WHERE c.id = d.id
    RETURNING c.id, c.status, c.version
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason, version)
SELECT id, CASE status WHEN 'open' THEN 'unmerged' ELSE 'resolved' END, 'merged', status,
       'followed', version
  FROM changed
"""

DUE_FOR_REVIEW = """
SELECT id AS case_id FROM triage_case WHERE review_at <= %(at)s ORDER BY id LIMIT 1000
"""
REVIEW = """
WITH changed AS (
    UPDATE triage_case c
       SET status = 'open', substatus = 'ongoing', dismissal = '', review_at = NULL,
           resolved_at = NULL, version = c.version + 1
     WHERE c.id = ANY(%(ids)s) AND c.review_at <= %(at)s
    RETURNING c.id, c.version
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason, version)
SELECT id, 'reopened', 'dismissed', 'open', 'review', version FROM changed
RETURNING case_id
"""


@dataclass(frozen=True, slots=True)
class _Found:
    case_id: UUID


@dataclass(frozen=True, slots=True)
class _Due:
    case_id: UUID
    why: str


def sweep_cases() -> None:
    """Do all that is due, each in a transaction of its own."""
    moment = now()
    execute(LAPSE, {"at": moment})
    _return_due(moment)
    execute(UNCONFIRMED, {"at": moment})
    _follow()
    _review(moment)


@transaction.atomic
def _follow() -> None:
    due = fetch_all(DUE_TO_FOLLOW, {}, row=_Found)
    if free := counting.lock_free([one.case_id for one in due]):
        execute(FOLLOW, {"ids": free})
        counting.recount(free)


@transaction.atomic
def _review(moment: datetime) -> None:
    due = fetch_all(DUE_FOR_REVIEW, {"at": moment}, row=_Found)
    if free := counting.lock_free([one.case_id for one in due]):
        found = fetch_all(REVIEW, {"ids": free, "at": moment}, row=_Found)
        reopened = [one.case_id for one in found]
        counting.recount(reopened)
        clocks.restart(reopened, moment)


@transaction.atomic
def _return_due(moment: datetime) -> None:
    due = fetch_all(DUE_BACK, {"at": moment}, row=_Due)
    bring_back([(one.case_id, one.why) for one in due])
