"""When a cause escalates: many more of its cases than its last week lets one expect.

Only causes that somebody waits for are looked at: cases dismissed, or put aside, until then.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from apps.core.db import execute, fetch_all
from apps.triage import clocks, counting
from apps.triage.returning import bring_back

HOURS = 7 * 24
HOURS_OF_A_WEEKDAY = 24

# Cases by the hour they opened, over the seven days before this hour. Index: those of a group.
WATCHED = """
WITH watched AS (
    SELECT group_id FROM triage_case WHERE dismissal = 'until_escalating'
     UNION
    SELECT c.group_id FROM triage_pend p JOIN triage_case c ON c.id = p.case_id
     WHERE p.until_escalating
), hours AS (
    SELECT c.group_id, date_trunc('hour', c.opened_at) AS hour, count(*) AS cases
      FROM watched w JOIN triage_case c USING (group_id)
     WHERE c.opened_at >= %(hour)s::timestamptz - interval '7 days' AND c.opened_at <= %(at)s
     GROUP BY 1, 2
), weeks AS (
    SELECT w.group_id, COALESCE(sum(h.cases) FILTER (WHERE h.hour >= %(hour)s), 0) AS this_hour,
           COALESCE(sum(h.cases) FILTER (WHERE h.hour < %(hour)s), 0) AS cases,
           COALESCE(sum(h.cases ^ 2) FILTER (WHERE h.hour < %(hour)s), 0) AS squares,
           COALESCE(max(h.cases) FILTER (WHERE h.hour < %(hour)s), 0) AS worst,
           COALESCE(sum(h.cases) FILTER (WHERE h.hour < %(hour)s AND
               extract(isodow FROM h.hour) = extract(isodow FROM %(hour)s::timestamptz)), 0)
               AS same_weekday
      FROM watched w LEFT JOIN hours h USING (group_id) GROUP BY 1
)
SELECT group_id, this_hour::integer, cases::float, squares::float, worst::integer,
       same_weekday::float,
       (SELECT COALESCE(min(opened_at) > %(at)s::timestamptz - interval '7 days', true)
          FROM triage_case c WHERE c.group_id = weeks.group_id) AS is_young
  FROM weeks
"""

ESCALATED = """
SELECT c.id AS case_id, c.status = 'pending' AS waits
  FROM triage_case c LEFT JOIN triage_pend p ON p.case_id = c.id
 WHERE c.group_id = ANY(%(groups)s)
   AND (c.dismissal = 'until_escalating' OR c.status = 'pending' AND p.until_escalating)
 ORDER BY c.id
"""

REOPEN = """
WITH changed AS (
    UPDATE triage_case
       SET status = 'open', substatus = 'escalating', dismissal = '', resolved_at = NULL,
           version = version + 1
     WHERE id = ANY(%(cases)s)
    RETURNING id, version
)
INSERT INTO triage_caseevent (case_id, kind, before, after, reason, version)
SELECT id, 'reopened', 'dismissed', 'open', 'escalated', version FROM changed
"""


@dataclass(frozen=True, slots=True)
class Week:
    """The cases of one cause: of this hour, and of the hours of seven days before it."""

    group_id: UUID
    this_hour: int
    cases: float
    squares: float
    worst: int
    same_weekday: float
    is_young: bool

    @property
    def limit(self) -> float:
        """How many an hour are still as usual. Of a young cause only its worst hour is known."""
        if self.is_young or not self.cases:
            return 10.0 * max(1, self.worst)
        mean = self.cases / HOURS
        deviation = math.sqrt(max(self.squares / HOURS - mean**2, 0))
        spike = self.same_weekday / HOURS_OF_A_WEEKDAY
        spike += mean * clamp((mean + 5 * deviation) / mean, 5, 8)
        bursty = self.worst * clamp(5 * math.exp(-0.65 * deviation / mean), 2, 5)
        return max(spike, bursty)

    @property
    def escalates(self) -> bool:
        return self.this_hour > self.limit


def clamp(value: float, low: float, high: float) -> float:
    """The value, or the nearer bound."""
    return max(low, min(value, high))


@dataclass(frozen=True, slots=True)
class _Touched:
    case_id: UUID
    waits: bool


def sweep_escalations() -> None:
    """Bring back what was to come back when its cause escalates."""
    moment = now()
    groups = [week.group_id for week in weeks(moment) if week.escalates]
    if groups:
        _return(groups, moment)


def weeks(moment: datetime) -> list[Week]:
    """What was usual for the causes that somebody waits for."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return fetch_all(WATCHED, {"at": moment, "hour": hour}, row=Week)


@transaction.atomic
def _return(groups: list[UUID], moment: datetime) -> None:
    waiting = fetch_all(ESCALATED, {"groups": groups}, row=_Touched)
    free = set(counting.lock_free([one.case_id for one in waiting]))
    # As they are now that nobody else changes them.
    found = [one for one in fetch_all(ESCALATED, {"groups": groups}, row=_Touched)
             if one.case_id in free]  # fmt: skip
    bring_back([(one.case_id, "escalated") for one in found if one.waits])
    dismissed = [one.case_id for one in found if not one.waits]
    if dismissed:
        execute(REOPEN, {"cases": dismissed})
        counting.recount(dismissed)
        clocks.restart(dismissed, moment)
