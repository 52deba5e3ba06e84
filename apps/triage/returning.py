"""Cases that people put aside come back: to whom they said, or to the pool."""

from collections.abc import Sequence
from uuid import UUID

from django.utils.timezone import now

from apps.core.db import execute
from apps.triage import clocks

# Whoever left meanwhile gets nothing back.
BRING_BACK = """
WITH due AS MATERIALIZED (
    SELECT c.id, c.assignee_id, d.why, u.id AS to_id
      FROM unnest(%(cases)s::uuid[], %(whys)s::text[]) AS d (case_id, why)
      JOIN triage_case c ON c.id = d.case_id AND c.status = 'pending'
      LEFT JOIN triage_pend p ON p.case_id = c.id
      LEFT JOIN accounts_user u ON u.id = p.returns_to_id AND u.is_active
), changed AS (
    UPDATE triage_case c
       SET status = 'open', substatus = 'returned', assignee_id = d.to_id, version = c.version + 1
      FROM due d WHERE c.id = d.id
    RETURNING c.id, c.version, d.assignee_id, d.to_id, d.why
), waits_no_more AS (
    DELETE FROM triage_pend WHERE case_id IN (SELECT id FROM changed)
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason, version, assignee_before_id,
       assignee_after_id)
SELECT id, 'returned', 'pending', 'open', why, version, assignee_id, to_id FROM changed
"""


def bring_back(found: Sequence[tuple[UUID, str]]) -> None:
    """Open them, each for its reason, and let their clocks run on. The caller holds their locks."""
    if found:
        ids, whys = zip(*found, strict=True)
        execute(BRING_BACK, {"cases": list(ids), "whys": list(whys)})
        clocks.resume(ids, now())
