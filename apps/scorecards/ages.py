"""The backlog by age, with the money behind it, from its newest photograph."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.core.db import fetch_one

# A photograph every five minutes; beyond that nobody takes any, and the last one says too little.
TOO_OLD = timedelta(minutes=15)
NAMES = ("0 to 4 h", "4 to 24 h", "1 to 3 d", "3 to 7 d", "over 7 d")

# The newest photograph is one probe of its primary key, and a row for each cell in which anything
# is open.
NEWEST = """
WITH newest AS (
    SELECT max(taken_at) AS taken_at FROM scorecards_backlogsnapshot
), cell AS (
    SELECT backlog.* FROM scorecards_backlogsnapshot AS backlog JOIN newest USING (taken_at)
     WHERE facility_id = ANY(%(facility_ids)s) AND workflow_id = ANY(%(workflow_ids)s)
)
SELECT (SELECT taken_at FROM newest) AS taken_at,
       COALESCE(sum(overdue), 0)::bigint AS overdue,
       ARRAY[COALESCE(sum(under_4_hours), 0), COALESCE(sum(under_24_hours), 0),
             COALESCE(sum(under_3_days), 0), COALESCE(sum(under_7_days), 0),
             COALESCE(sum(over_7_days), 0)]::bigint[] AS counts,
       ARRAY[sum(amount_under_4_hours), sum(amount_under_24_hours), sum(amount_under_3_days),
             sum(amount_under_7_days), sum(amount_over_7_days)]::bigint[] AS amounts
  FROM cell
"""


@dataclass(frozen=True, slots=True)
class Ages:
    """How many are open for how long, and for how much; amounts are None where none is known."""

    taken_at: datetime | None
    overdue: int
    counts: Sequence[int]
    amounts: Sequence[int | None]

    @property
    def total(self) -> int:
        return sum(self.counts)

    def is_fresh(self, now: datetime) -> bool:
        return self.taken_at is not None and now - self.taken_at <= TOO_OLD


def ages(*, facility_ids: Sequence[int], workflow_ids: Sequence[int]) -> Ages:
    """The backlog of these cells when it was last photographed."""
    params = {"facility_ids": list(facility_ids), "workflow_ids": list(workflow_ids)}
    return fetch_one(NEWEST, params, row=Ages)
