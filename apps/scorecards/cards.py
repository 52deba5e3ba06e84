"""The figures of scorecards: a line for each workflow or facility, their whole, and their days.

Sums are made in the database, histograms too; both clocks of a workflow are read the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import msgspec

from apps.core.db import fetch_all
from apps.scorecards import histogram, queries
from apps.scorecards.measures import NETWORK, written
from apps.scorecards.metrics import Clock
from apps.scorecards.tallies import Cells

# What each clock counts, by the names a card has for it.
COLUMNS: Mapping[Clock, Mapping[str, LiteralString]] = {
    Clock.INTEGRATION: {
        "good": "met", "bad": "breached", "excluded": "excluded", "latencies": "latencies",
        "histogram": "latency_histogram", "overdue": "overdue",
    },
    Clock.BUSINESS: {
        "good": "business_met", "bad": "business_breached", "excluded": "business_excluded",
        "latencies": "business_latencies", "histogram": "business_latency_histogram",
        "overdue": "business_overdue",
    },
}  # fmt: skip
BY_WORKFLOW: LiteralString = "workflow_id"
BY_FACILITY: LiteralString = "facility_id"

# Added up by line at once: histograms of hundreds of cells at a time leave the processor's cache.
BY_LINE = (
    queries.COUNTED  # noqa: S608  constants only
    + ", flow AS (SELECT {key} AS key, {sums} FROM counted GROUP BY 1)"
)
CARDS = (
    BY_LINE  # noqa: S608  constants only
    + ", "
    + queries.BACKLOG_NOW
    + """standing_by_line AS (
    SELECT {key} AS key, sum(open) AS open, sum({overdue}) AS overdue,
           sum(amount_open) AS amount_open, sum(amount_at_risk) AS amount_at_risk,
           min(oldest) AS oldest
      FROM backlog GROUP BY 1
), card AS (
    SELECT key, started, {good} AS good, {bad} AS bad, {excluded} AS excluded,
           {latencies} AS latencies, {histogram} AS histogram, open, overdue,
           amount_open, amount_at_risk, retried, manual_touches, oldest
      FROM flow FULL JOIN standing_by_line USING (key)
)
SELECT key, COALESCE(sum(started), 0)::bigint AS started, COALESCE(sum(good), 0)::bigint AS good,
       COALESCE(sum(bad), 0)::bigint AS bad, COALESCE(sum(excluded), 0)::bigint AS excluded,
       COALESCE(sum(latencies), 0)::bigint AS latencies,
       COALESCE(sum(histogram), 0)::text AS histogram, COALESCE(sum(open), 0)::bigint AS open,
       COALESCE(sum(overdue), 0)::bigint AS overdue,
       COALESCE(sum(amount_open), 0)::bigint AS amount_open,
       COALESCE(sum(amount_at_risk), 0)::bigint AS amount_at_risk,
       COALESCE(sum(retried), 0)::bigint AS retried,
       COALESCE(sum(manual_touches), 0)::bigint AS manual_touches, min(oldest)::float8 AS oldest
  FROM card GROUP BY GROUPING SETS ((key), ())
"""
)
PRIOR = (
    BY_LINE
    + """
SELECT key, COALESCE(sum(started), 0)::bigint AS started, COALESCE(sum({good}), 0)::bigint AS good,
       COALESCE(sum({bad}), 0)::bigint AS bad, COALESCE(sum({excluded}), 0)::bigint AS excluded,
       COALESCE(sum({latencies}), 0)::bigint AS latencies,
       COALESCE(sum({histogram}), 0)::text AS histogram
  FROM flow GROUP BY GROUPING SETS ((key), ())
"""
)
# Each facility's own days, with what no compaction has taken up yet. Added up by zone first: days
# of a thousand cells are a few hundred, and telling a zone's date is most of the work.
DAYS = """
WITH place AS (
    SELECT * FROM unnest(%(facility_ids)s::integer[], %(zones)s::text[])
                  AS place (facility_id, zone)
     UNION ALL
    SELECT {network}, 'UTC'
), counted AS (
    SELECT workflow_id, facility_id, bucket, {good} AS good, {bad} AS bad
      FROM scorecards_rollup
     WHERE grain = 3 AND bucket >= %(since)s AND workflow_id = ANY(%(workflow_ids)s)
       AND facility_id = ANY(%(rolled_up_ids)s)
     UNION ALL
    SELECT workflow_id, facility_id, bucket, {good}, {bad} FROM scorecards_quarterdelta
     WHERE workflow_id = ANY(%(workflow_ids)s)
     UNION ALL
    SELECT workflow_id, facility_id, bucket, {good}, {bad} FROM scorecards_rollupdelta
     WHERE workflow_id = ANY(%(workflow_ids)s)
), added AS MATERIALIZED (
    SELECT {key} AS key, zone, bucket, sum(good) AS good, sum(bad) AS bad
      FROM counted JOIN place USING (facility_id) GROUP BY 1, 2, 3
)
SELECT key, (bucket AT TIME ZONE zone)::date AS day,
       COALESCE(sum(good), 0)::bigint AS good, COALESCE(sum(bad), 0)::bigint AS bad
  FROM added
 WHERE (bucket AT TIME ZONE zone)::date BETWEEN %(first)s AND %(last)s
 GROUP BY 1, 2 HAVING sum(good) > 0 OR sum(bad) > 0
"""
# The backlog by age. What is younger than a week is counted from the index transaction_open, which
# holds nothing but what is open; whatever else stands in the backlog is older. Both are of one
# state, as deltas are written in the transaction of the facts.
AGES = """
WITH recent AS (
    SELECT width_bucket(extract(epoch FROM now() - first_at), ARRAY[14400, 86400, 259200]) AS step,
           count(*) AS number, COALESCE(sum(amount_minor), 0)::bigint AS amount
      FROM telemetry_transaction
     WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s) AND state < 5
       AND first_at > now() - interval '7 days'
     GROUP BY 1
), standing AS (
    SELECT workflow_id, facility_id, open, amount_open FROM scorecards_backlog
     UNION ALL
    SELECT workflow_id, facility_id, open, amount_open FROM scorecards_rollupdelta
), everything AS (
    SELECT COALESCE(sum(open), 0) AS number, COALESCE(sum(amount_open), 0) AS amount
      FROM standing
     WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
)
SELECT step, number, amount FROM recent
 UNION ALL
SELECT 4, (e.number - COALESCE(sum(r.number), 0))::bigint,
       (e.amount - COALESCE(sum(r.amount), 0))::bigint
  FROM everything AS e LEFT JOIN recent AS r ON true
 GROUP BY e.number, e.amount
"""


class Prior(msgspec.Struct, frozen=True, gc=False):
    """What was judged and timed on one clock; of everything together where there is no key."""

    key: int | None
    started: int
    good: int
    bad: int
    excluded: int
    latencies: int
    histogram: str

    @property
    def due(self) -> int:
        """How many came due and count."""
        return self.good + self.bad

    @property
    def attainment(self) -> float | None:
        """Share that was in time; None, never 1, when nothing was due."""
        return self.good / self.due if self.due else None

    def quantiles(self, *fractions: float) -> list[float | None]:
        """Latencies in milliseconds, highest fraction first."""
        return histogram.tail_quantiles(self.histogram, self.latencies, fractions)


class Card(Prior, frozen=True, gc=False):
    """The same, and what stands open now."""

    open: int
    overdue: int
    amount_open: int
    amount_at_risk: int
    retried: int
    manual_touches: int
    oldest: float | None

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest that is open began."""
        return None if self.oldest is None else datetime.fromtimestamp(self.oldest, UTC)

    def is_censored(self, fraction: float) -> bool:
        """Whether so many are late and still open that the quantile is only a lower bound."""
        return self.overdue > (1 - fraction) * (self.latencies + self.overdue)


class Day(msgspec.Struct, frozen=True, gc=False):
    """One day of one line, as its facilities count days. A page has a thousand."""

    key: int
    day: date
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Age:
    """What has been open for about so long."""

    step: int
    number: int
    amount: int


def cards(cells: Cells, clock: Clock, key: LiteralString) -> Mapping[int | None, Card]:
    """A card for each workflow or facility, and under None that of all."""
    statement = _stated(CARDS, clock, key, "retried", "manual_touches")
    return {one.key: one for one in fetch_all(statement, _params(cells, key), row=Card)}


def prior(cells: Cells, clock: Clock, key: LiteralString) -> Mapping[int | None, Prior]:
    """What was judged in a window that is over."""
    found = fetch_all(_stated(PRIOR, clock, key), _params(cells, key), row=Prior)
    return {one.key: one for one in found}


def days(
    cells: Cells, clock: Clock, key: LiteralString, *, number: int, now: datetime
) -> list[Day]:
    """The last so many days of every line; today is the last one, as far as it has come."""
    columns = COLUMNS[clock]
    last = max((now.astimezone(ZoneInfo(zone)).date() for zone in cells.zones.values()),
               default=now.date())  # fmt: skip
    params = cells.params | _read_of(cells, key) | {
        "zones": list(cells.zones.values()), "first": last - timedelta(days=number - 1),
        "last": last, "since": now - timedelta(days=number + 1),
    }  # fmt: skip
    statement = DAYS.format(key=key, good=columns["good"], bad=columns["bad"], network=NETWORK)
    return fetch_all(statement, params, row=Day)


def ages(cells: Cells) -> list[Age]:
    """The backlog in five steps of age, youngest first; young steps without any are missing."""
    return sorted(fetch_all(AGES, cells.params, row=Age), key=lambda one: one.step)


def _stated(
    statement: LiteralString, clock: Clock, key: LiteralString, *more: LiteralString
) -> LiteralString:
    columns = COLUMNS[clock]
    names = ["started", *more, *(columns[one] for one in
                          ("good", "bad", "excluded", "latencies", "histogram"))]  # fmt: skip
    return written(statement, names, key=key, **columns)


def _params(cells: Cells, key: LiteralString) -> dict[str, Any]:
    params = queries.window_params(cells.zones, cells.workflow_ids, cells.window)
    return params | _read_of(cells, key)


def _read_of(cells: Cells, key: LiteralString) -> dict[str, Any]:
    """Whose rollups a line is made of: a workflow's may be the network's."""
    ids = list(cells.zones)
    return queries.together(ids) if key == BY_WORKFLOW else {"rolled_up_ids": ids}
