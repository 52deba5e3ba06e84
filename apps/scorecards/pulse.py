"""The pulse: how much happened at each place in every hour, kept narrow and for months.

What is usual is told from it: the same hour of the week in the six weeks before. Refreshed by the
sweeper and by `pipeline.maintain`; it holds hours that are over, and lags behind late events by as
long as that takes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from apps.core.db import execute, fetch_all, fetch_value
from apps.scorecards.windows import HOUR, MINUTE, floor

# Six weeks before the first day of the longest window.
KEPT = timedelta(days=90 + 6 * 7 + 2)
# What came late is taken up for as long as most of it does; what came later still, once a day.
DAY = timedelta(days=1)
LOOKED_AT_AGAIN = timedelta(days=3)

# An hour is written as the rollups have it, and again only when it has changed.
REFRESH = """
INSERT INTO scorecards_pulse (bucket, facility_id, events, started, settled)
SELECT bucket, facility_id, sum(events), sum(started), sum(settled)
  FROM scorecards_rollup
 WHERE grain = 2 AND bucket >= %(since)s AND bucket < %(until)s AND facility_id <> 0
 GROUP BY 1, 2
    ON CONFLICT ON CONSTRAINT pulse_once DO UPDATE
   SET events = EXCLUDED.events, started = EXCLUDED.started, settled = EXCLUDED.settled
 WHERE (scorecards_pulse.events, scorecards_pulse.started, scorecards_pulse.settled)
       IS DISTINCT FROM (EXCLUDED.events, EXCLUDED.started, EXCLUDED.settled)
"""
ANY = "SELECT EXISTS (SELECT FROM scorecards_pulse)"
DROP_OLD = "DELETE FROM scorecards_pulse WHERE bucket < %(before)s"

# Hours of these places together, oldest first. An hour in which nothing happened anywhere has no
# row, and `first_at` says since when that means anything.
BEATS = """
SELECT bucket, sum(events)::bigint AS events, sum(started)::bigint AS started,
       sum(settled)::bigint AS settled
  FROM scorecards_pulse
 WHERE bucket >= %(since)s AND bucket < %(until)s AND facility_id = ANY(%(facility_ids)s)
 GROUP BY 1 ORDER BY 1
"""


class Beat(msgspec.Struct, frozen=True, gc=False):
    """One hour of some places."""

    bucket: datetime
    events: int
    started: int
    settled: int


def refresh_pulse(*, now: datetime) -> int:
    """Bring the hours that are over up to date; return how many were written.

    The first of all looks at everything that is kept, and so does the first of a day.
    """
    until = floor(now, HOUR)
    is_first = floor(now, 5 * MINUTE) == floor(now, DAY) or not fetch_value(ANY)
    since = until - (KEPT if is_first else LOOKED_AT_AGAIN)
    execute(DROP_OLD, {"before": until - KEPT})
    return execute(REFRESH, {"since": since, "until": until})


def beats(*, facility_ids: Sequence[int], since: datetime, until: datetime) -> list[Beat]:
    """The hours of these places together in which anything happened, oldest first."""
    params = {"facility_ids": list(facility_ids), "since": since, "until": until}
    return fetch_all(BEATS, params, row=Beat)
