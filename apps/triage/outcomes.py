"""How cases of a kind went: what became of them, how fast, and whether the first fix held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.core.db import fetch_all, fetch_one

PERIOD = timedelta(days=90)

# Index: the cases of a kind. A fix is a person's word that nothing refuted.
OUTCOMES = """
SELECT count(*) AS closed,
       count(*) FILTER (WHERE status = 'resolved' AND fixed_at IS NOT NULL) AS fixed,
       count(*) FILTER (WHERE status = 'resolved' AND fixed_at IS NULL) AS by_itself,
       count(*) FILTER (WHERE status = 'dismissed') AS dismissed,
       count(*) FILTER (WHERE regressions > 0) AS came_back,
       percentile_disc(0.5) WITHIN GROUP (
           ORDER BY resolved_at - COALESCE(responded_at, opened_at))
           FILTER (WHERE status = 'resolved' AND fixed_at IS NOT NULL) AS median
  FROM triage_case
 WHERE kind_id = %(kind)s AND facility_id = ANY(%(facilities)s)
   AND status IN ('resolved', 'dismissed')
   AND resolved_at BETWEEN %(since)s AND %(now)s AND id <> %(but)s
"""

# A person's fix held if nothing brought the case back after it. Fixes too young to tell count, too:
# as good until shown otherwise.
FIRST_TIME = """
WITH fixes AS MATERIALIZED (
    SELECT e.case_id, min(e.id) AS first
      FROM triage_caseevent e
     WHERE e.kind IN ('resolved', 'verifying') AND e.actor_id IS NOT NULL
       AND e.at BETWEEN %(since)s AND %(now)s
     GROUP BY 1
)
SELECT c.team_id, c.kind_id, count(*) AS fixes,
       count(*) FILTER (WHERE NOT EXISTS (
           SELECT FROM triage_caseevent b WHERE b.case_id = f.case_id AND b.id > f.first
              AND b.kind IN ('unconfirmed', 'regressed', 'reopened'))) AS held
  FROM fixes f JOIN triage_case c ON c.id = f.case_id
 WHERE c.facility_id = ANY(%(facilities)s)
 GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the cases of one kind."""

    closed: int
    fixed: int
    by_itself: int
    dismissed: int
    came_back: int
    median: timedelta | None


@dataclass(frozen=True, slots=True)
class FirstTime:
    """Of a team's fixes of one kind, how many held."""

    team_id: int | None
    kind_id: int | None
    fixes: int
    held: int

    @property
    def share(self) -> float:
        return self.held / self.fixes


def outcomes(
    kind: int, *, facilities: Sequence[int], now: datetime, but: object = None
) -> Outcomes:
    """Cases of a kind closed in the last 90 days at these facilities, but for one."""
    nothing = "00000000-0000-0000-0000-000000000000"
    asked = {
        "kind": kind,
        "facilities": list(facilities),
        "since": now - PERIOD,
        "now": now,
        "but": but or nothing,
    }
    return fetch_one(OUTCOMES, asked, row=Outcomes)


def first_time_fixes(
    *, facilities: Sequence[int], since: datetime, now: datetime
) -> list[FirstTime]:
    """By team and kind, over the fixes of a period."""
    asked = {"facilities": list(facilities), "since": since, "now": now}
    return fetch_all(FIRST_TIME, asked, row=FirstTime)
