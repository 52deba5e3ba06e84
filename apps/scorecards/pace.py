"""How long work takes at the slowest, by workflow: for whoever has to wait for it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.core.db import fetch_all
from apps.scorecards.histogram import tail_quantiles

LOOKED_BACK = timedelta(days=28)

# Days of single facilities: a few thousand rows.
LATENCIES = """
SELECT workflow_id, sum(latencies)::bigint AS latencies, sum(latency_histogram)::text AS packed
  FROM scorecards_rollup
 WHERE grain = 3 AND bucket >= %(since)s AND facility_id <> 0
 GROUP BY 1 HAVING sum(latencies) > 0
"""


@dataclass(frozen=True, slots=True)
class _Latencies:
    workflow_id: int
    latencies: int
    packed: str


def slowest_seconds(now: datetime, *, fraction: float = 0.99) -> dict[int, int]:
    """The integration latency that so much of the work of four weeks did not exceed."""
    found = fetch_all(LATENCIES, {"since": now - LOOKED_BACK}, row=_Latencies)
    told = {}
    for one in found:
        [milliseconds] = tail_quantiles(one.packed, one.latencies, [fraction])
        if milliseconds is not None:
            told[one.workflow_id] = round(milliseconds / 1000)
    return told
