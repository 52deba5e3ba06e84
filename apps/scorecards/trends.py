"""How a window went, step by step: what pages draw over time, all cells of a reader together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from apps.core.db import fetch_all
from apps.scorecards import histogram
from apps.scorecards.models import Rollup
from apps.scorecards.queries import together
from apps.scorecards.windows import HOUR, MINUTE, QUARTER_HOUR, Window, ceil, floor

# One grain of the rollups, with what waits for it, added up by time alone. Minutes take up the
# deltas at once, so quarter-hour deltas are in them already.
TREND = """
WITH place AS MATERIALIZED (
    SELECT unnest(%(facility_ids)s::integer[]) AS facility_id
), line AS MATERIALIZED (
    SELECT unnest(%(workflow_ids)s::integer[]) AS workflow_id
), counted AS (
    SELECT bucket, events, started, completed, met, breached, latencies, latency_histogram
      FROM scorecards_rollup JOIN line USING (workflow_id)
     WHERE grain = %(grain)s AND facility_id = ANY(%(rolled_up_ids)s)
       AND bucket >= %(start)s AND bucket < %(end)s
     UNION ALL
    SELECT date_bin(%(step)s, bucket, 'epoch'), events, started, completed, met, breached,
           latencies, latency_histogram
      FROM scorecards_quarterdelta JOIN place USING (facility_id) JOIN line USING (workflow_id)
     WHERE %(grain)s <> 1 AND bucket >= %(start)s AND bucket < %(end)s
     UNION ALL
    SELECT date_bin(%(step)s, bucket, 'epoch'), events, started, completed, met, breached,
           latencies, latency_histogram
      FROM scorecards_rollupdelta JOIN place USING (facility_id) JOIN line USING (workflow_id)
     WHERE bucket >= %(start)s AND bucket < %(end)s
)
SELECT bucket, COALESCE(sum(events), 0)::bigint AS events,
       COALESCE(sum(started), 0)::bigint AS started,
       COALESCE(sum(completed), 0)::bigint AS completed,
       COALESCE(sum(met), 0)::bigint AS met, COALESCE(sum(breached), 0)::bigint AS breached,
       COALESCE(sum(latencies), 0)::bigint AS latencies,
       COALESCE(sum(latency_histogram), 0)::text AS latency_histogram
  FROM counted GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What a window is cut into to be drawn."""

    grain: Rollup.Grain
    length: timedelta


# A hundred points or so, whatever the window.
STEPS = {
    "1h": Step(Rollup.Grain.MINUTE, MINUTE),
    "24h": Step(Rollup.Grain.QUARTER_HOUR, QUARTER_HOUR),
    "7d": Step(Rollup.Grain.HOUR, HOUR),
    "28d": Step(Rollup.Grain.FOUR_HOURS, 4 * HOUR),
    "90d": Step(Rollup.Grain.UTC_DAY, 24 * HOUR),
}


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All cells together in one step."""

    bucket: datetime
    events: int = 0
    started: int = 0
    completed: int = 0
    met: int = 0
    breached: int = 0
    latencies: int = 0
    latency_histogram: str = "0"

    def quantiles(self, *fractions: float) -> list[float | None]:
        """Latencies in milliseconds at these fractions, highest first; None without any."""
        return histogram.tail_quantiles(self.latency_histogram, self.latencies, fractions)


def trend(
    *, zones: Mapping[int, str], workflow_ids: Sequence[int], window: Window, step: Step
) -> list[Point]:
    """Every whole step the window touches, oldest first, those without anything too."""
    start, end = floor(window.start, step.length), ceil(window.end, step.length)
    if start >= end:
        return []
    params = {
        "grain": step.grain, "step": step.length, "start": start, "end": end,
        "facility_ids": list(zones), "workflow_ids": list(workflow_ids),
    } | together(zones)  # fmt: skip
    found = {point.bucket: point for point in fetch_all(TREND, params, row=Point)}
    moments = [start + n * step.length for n in range((end - start) // step.length)]
    return [found.get(moment) or Point(bucket=moment) for moment in moments]
