"""The whole system under a steady stream: 20,000 events a second in posts of 100.

Open loop: posts fall due whether or not the product keeps up. The lag of a journal row is its own
account, folded_at - received_at.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.core.db import fetch_one, fetch_value
from bench import journal
from bench.bench import Bench
from bench.instance import wait_until_scored
from bench.load import Job, run
from bench.report import Figure

RATE = 20_000
BATCH = 100
MOST_LAG_SECONDS = 2.0
# The last third may lie this far above the first before we call it growth.
GROWTH = 1.5
FLOOR_SECONDS = 0.3

NOW = "SELECT clock_timestamp()"
LAG = """
WITH lag AS (
    SELECT extract(epoch FROM COALESCE(folded_at, clock_timestamp()) - received_at)::float8
               AS seconds,
           ntile(3) OVER (ORDER BY id) AS third
      FROM telemetry_ingestbatch WHERE received_at >= %(since)s
)
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99, max(seconds) AS worst,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE third = 1) AS first,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE third = 3) AS last
  FROM lag
"""


@dataclass(frozen=True)
class Lag:
    """Seconds from accepted to folded; medians of the first and the last third beside it."""

    p50: float
    p99: float
    worst: float
    first: float
    last: float

    @property
    def grows(self) -> bool:
        return self.last > max(FLOOR_SECONDS, self.first * GROWTH)


def measure(bench: Bench) -> Iterator[Figure]:
    posts = bench.scaled(60, 6) * RATE // BATCH
    with bench.instance.running("web", "worker", "beat", "sweep") as product:
        job = Job(
            url=product.url, key=journal.new_key(), network=bench.network, batch=BATCH,
            posts=posts, series=bench.series(), rate=RATE / BATCH, connections=8,
        )  # fmt: skip
        since = fetch_value(NOW)
        outcome = run(job)
        wait_until_scored()
        lag = fetch_one(LAG, {"since": since}, row=Lag)
    yield Figure.at_least(
        "whole system, posts of 100", outcome.rate, "events/s", RATE, 0.99,
        note=f"post p50 {outcome.p50 * 1e3:.0f} ms, p99 {outcome.p99 * 1e3:.0f} ms",
    )  # fmt: skip
    yield Figure.at_most(
        "whole system, fold lag p99", lag.p99, "s", MOST_LAG_SECONDS,
        note=f"p50 {lag.p50:.2f}, max {lag.worst:.2f}",
    )  # fmt: skip
    yield Figure.at_most(
        "whole system, lag of last third", lag.last, "s", max(FLOOR_SECONDS, lag.first * GROWTH),
        note="growing" if lag.grows else "not growing",
    )  # fmt: skip
