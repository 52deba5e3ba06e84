"""One account, one owner: which case of an account is in the way of which.

What comes later in the revenue cycle waits for what comes earlier: workflows in the order of the
catalogue, steps in the order of their ranks. Mending the last case first is work done twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.core.db import fetch_all

# The earliest open case is in the way of every other of the account.
IN_THE_WAY = """
SELECT DISTINCT ON (c.id) c.id, b.id AS waits_for
  FROM triage_case c
  JOIN catalog_workflow w ON w.id = c.workflow_id
  JOIN triage_case b ON b.account = c.account AND b.id <> c.id
   AND b.status NOT IN ('resolved', 'dismissed', 'merged')
  JOIN catalog_workflow v ON v.id = b.workflow_id
 WHERE c.id = ANY(%(ids)s) AND c.facility_id = ANY(%(facilities)s)
   AND b.facility_id = ANY(%(facilities)s)
   AND c.status NOT IN ('resolved', 'dismissed', 'merged')
   AND (v.position, b.rank) < (w.position, c.rank)
 ORDER BY c.id, v.position, b.rank, b.opened_at, b.id
"""


@dataclass(frozen=True, slots=True)
class _Wait:
    id: UUID
    waits_for: UUID


def waits_for(ids: Collection[UUID], *, facilities: Sequence[int]) -> dict[UUID, UUID]:
    """Of these cases, those that wait for an earlier open one of their account at these facilities,
    each with that."""
    asked = {"ids": list(ids), "facilities": list(facilities)}
    return {one.id: one.waits_for for one in fetch_all(IN_THE_WAY, asked, row=_Wait)}
