"""The scorecard reader: any window of any cells, from the rollups alone.

One statement adds the rows that make up the window (see `windows`), the deltas that no compaction
has taken up yet, and the backlog, so every figure of an answer is of one state of the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import msgspec

from apps.accounts.access import covers_everything
from apps.core.db import fetch_all, fetch_one
from apps.scorecards import histogram
from apps.scorecards.measures import BACKLOG, MEASURES, NETWORK, WIDE, written
from apps.scorecards.models import Rollup
from apps.scorecards.windows import QUARTER_HOUR, Window, floor, pieces, snapped

# What readers show, and what a table shows of it: six columns of twenty, because wide sums are most
# of the work. Histograms are added up by PostgreSQL and read as text.
SHOWN = [
    name
    for name in MEASURES
    if not name.startswith("business_latenc") and name not in {"amount_at_risk", "latency_ms"}
]
COUNTS_SHOWN = [name for name in SHOWN if name not in WIDE]
GLANCED = [*("events", "started", "met", "breached", "latencies", "latency_histogram")]

# The rows of a window: a few ranges of the primary key, see `windows.pieces`, and what waits for
# them: minutes for the deltas, everything larger for the quarter-hours too. What waits is of single
# facilities; what is rolled up may be read of the whole network at once.
COUNTED = """
WITH counted AS (
    SELECT workflow_id, facility_id, {measures}
      FROM unnest(%(grains)s::smallint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
           AS piece (grain, starts_at, ends_at)
      JOIN scorecards_rollup AS r ON r.grain = piece.grain
       AND r.bucket >= piece.starts_at AND r.bucket < piece.ends_at
     WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(rolled_up_ids)s)
     UNION ALL
    SELECT workflow_id, facility_id, {measures}
      FROM scorecards_quarterdelta
     WHERE bucket >= %(blocks_start)s AND bucket < %(blocks_end)s
       AND workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
     UNION ALL
    SELECT workflow_id, facility_id, {measures}
      FROM scorecards_rollupdelta
     WHERE bucket >= %(start)s AND bucket < %(end)s
       AND workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
)"""
FLOW = (
    COUNTED  # noqa: S608  constants only
    + """, flow AS (
    SELECT workflow_id, facility_id, {sums} FROM counted GROUP BY 1, 2
), """
)
FLOW_SHOWN = written(FLOW, SHOWN)
FLOW_GLANCED = written(FLOW, GLANCED)

# What is open now. The oldest is the compaction's, and looked up (one probe of the partial index
# transaction_open) only where something began, ended or moved since: such deltas count starts.
BACKLOG_NOW = written(
    """standing AS (
    SELECT workflow_id, facility_id, {sums}, min(oldest_at) AS oldest_at, bool_or(moved) AS moved
      FROM (SELECT workflow_id, facility_id, {measures}, oldest_at, false AS moved
              FROM scorecards_backlog
             UNION ALL
            SELECT workflow_id, facility_id, {measures}, NULL, started IS NOT NULL
              FROM scorecards_rollupdelta) AS parts
     WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
     GROUP BY 1, 2
), backlog AS (
    SELECT standing.*, extract(epoch FROM CASE WHEN NOT moved THEN oldest_at ELSE (
           SELECT min(first_at) FROM telemetry_transaction AS t
            WHERE t.workflow_id = standing.workflow_id AND t.facility_id = standing.facility_id
              AND t.state < 5) END) AS oldest
      FROM standing
), """,
    BACKLOG,
)

# What was open at a moment in the past: exact, from the transactions, and rarely asked for.
BACKLOG_THEN = """standing AS (
    SELECT workflow_id, facility_id, first_at, COALESCE(amount_minor, 0) AS amount,
           due_at < %(end)s AND (stopped_at IS NULL OR stopped_at >= %(end)s) AS overdue,
           business_due_at < %(end)s AND (business_stopped_at IS NULL
               OR business_stopped_at >= %(end)s) AS business_overdue,
           failed_at < %(end)s AND (progress_at IS NULL OR progress_at < failed_at
               OR progress_at >= %(end)s) AS troubled
      FROM telemetry_transaction
     WHERE workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
       AND first_at < %(end)s
       AND (settled_at IS NULL OR settled_at >= %(end)s
            OR reopened_at > settled_at AND reopened_at < %(end)s)
       AND (expired_at IS NULL OR expired_at >= %(end)s)
), backlog AS (
    SELECT workflow_id, facility_id, count(*) AS open, count(*) FILTER (WHERE overdue) AS overdue,
           count(*) FILTER (WHERE business_overdue) AS business_overdue,
           count(*) FILTER (WHERE troubled) AS troubled, sum(amount)::bigint AS amount_open,
           COALESCE(sum(amount) FILTER (WHERE overdue OR business_overdue OR troubled), 0)::bigint
               AS amount_at_risk,
           extract(epoch FROM min(first_at)) AS oldest
      FROM standing GROUP BY 1, 2
), """

# Histograms of cells add up to those of their row, and rows to the whole: each is added once.
GLANCES = """cell AS MATERIALIZED (
    SELECT workflow_id, facility_id,
           COALESCE(events, 0) AS events, COALESCE(started, 0) AS started,
           COALESCE(met, 0) AS met, COALESCE(breached, 0) AS breached,
           COALESCE(latencies, 0) AS latencies,
           COALESCE(latency_histogram, 0) AS latency_histogram, COALESCE(open, 0) AS open,
           COALESCE(overdue, 0) AS overdue, COALESCE(troubled, 0) AS troubled,
           COALESCE(amount_open, 0) AS amount_open, COALESCE(amount_at_risk, 0) AS amount_at_risk,
           oldest
      FROM flow FULL JOIN backlog USING (workflow_id, facility_id)
), line AS MATERIALIZED (
    SELECT workflow_id, sum(events)::bigint AS events, sum(started)::bigint AS started,
           sum(met)::bigint AS met, sum(breached)::bigint AS breached,
           sum(latencies)::bigint AS latencies, sum(latency_histogram) AS latency_histogram,
           sum(open)::bigint AS open, sum(overdue)::bigint AS overdue,
           sum(troubled)::bigint AS troubled, sum(amount_open)::bigint AS amount_open,
           sum(amount_at_risk)::bigint AS amount_at_risk, min(oldest) AS oldest
      FROM cell GROUP BY workflow_id
)
SELECT workflow_id, facility_id, events, started, met, breached, latencies,
       latency_histogram::text AS latency_histogram, open, overdue, troubled, amount_open,
       amount_at_risk, oldest::float8 AS oldest
  FROM cell
 UNION ALL
SELECT workflow_id, NULL, events, started, met, breached, latencies, latency_histogram::text,
       open, overdue, troubled, amount_open, amount_at_risk, oldest::float8
  FROM line
 UNION ALL
SELECT NULL, NULL, COALESCE(sum(events), 0)::bigint, COALESCE(sum(started), 0)::bigint,
       COALESCE(sum(met), 0)::bigint, COALESCE(sum(breached), 0)::bigint,
       COALESCE(sum(latencies), 0)::bigint, COALESCE(sum(latency_histogram), 0)::text,
       COALESCE(sum(open), 0)::bigint, COALESCE(sum(overdue), 0)::bigint,
       COALESCE(sum(troubled), 0)::bigint, COALESCE(sum(amount_open), 0)::bigint,
       COALESCE(sum(amount_at_risk), 0)::bigint, min(oldest)::float8
  FROM line
"""

# All cells together, for comparing windows.
WHOLE = """whole AS (SELECT * FROM flow)
SELECT NULL::integer AS workflow_id, NULL::integer AS facility_id,
       COALESCE(sum(events), 0)::bigint AS events, COALESCE(sum(started), 0)::bigint AS started,
       COALESCE(sum(met), 0)::bigint AS met, COALESCE(sum(breached), 0)::bigint AS breached,
       COALESCE(sum(latencies), 0)::bigint AS latencies,
       COALESCE(sum(latency_histogram), 0)::text AS latency_histogram
  FROM whole
"""

CELLS = written(
    """cell AS (
    SELECT * FROM flow FULL JOIN backlog USING (workflow_id, facility_id)
)
SELECT workflow_id, facility_id, {zeroed}, oldest::float8 AS oldest,
       COALESCE(latency_histogram, 0)::text AS latency_histogram
  FROM cell
""",
    [*COUNTS_SHOWN, *BACKLOG],
)

# The rows of one grain, as they are, with the deltas of the same bucket. Days are facility-local.
# A delta holds only what changed: until it is compacted, a new bucket has nulls beside it.
SERIES = written(
    """
WITH piece AS (
    SELECT * FROM unnest(%(facilities)s::integer[], %(zones)s::text[], %(starts)s::timestamptz[],
                         %(ends)s::timestamptz[]) AS piece (facility_id, zone, starts_at, ends_at)
), counted AS (
    SELECT bucket, workflow_id, facility_id, {measures}
      FROM scorecards_rollup
     WHERE grain = %(grain)s AND bucket >= %(start)s AND bucket < %(end)s
     UNION ALL
    SELECT CASE %(grain)s WHEN 2 THEN date_bin('1 hour', bucket, 'epoch')
                ELSE date_trunc('day', bucket AT TIME ZONE zone) AT TIME ZONE zone END,
           workflow_id, facility_id, {measures}
      FROM scorecards_quarterdelta JOIN piece USING (facility_id)
     WHERE %(grain)s > 1
     UNION ALL
    SELECT CASE %(grain)s WHEN 1 THEN bucket WHEN 2 THEN date_bin('1 hour', bucket, 'epoch')
                ELSE date_trunc('day', bucket AT TIME ZONE zone) AT TIME ZONE zone END,
           workflow_id, facility_id, {measures}
      FROM scorecards_rollupdelta JOIN piece USING (facility_id)
), added AS (
    SELECT bucket, workflow_id, facility_id, {sums}
      FROM counted JOIN piece USING (facility_id)
     WHERE bucket >= starts_at AND bucket < ends_at AND workflow_id = ANY(%(workflow_ids)s)
     GROUP BY 1, 2, 3
)
SELECT bucket, workflow_id, facility_id, {counts}, latency_histogram::text AS latency_histogram
  FROM added ORDER BY 1, 2, 3
""",
    SHOWN,
    counts=", ".join(COUNTS_SHOWN),
)

# One state of all figures: rollups change with the revision, and until it changes again deltas can
# only become more. What waits in the journal says how far the figures reach: its keys are ordered
# by time, and the index ingest_batch_waiting holds only what waits.
STATE = """
SELECT (SELECT revision FROM scorecards_revision) AS revision,
       (SELECT count(*) FROM scorecards_rollupdelta) AS deltas,
       (SELECT received_at FROM telemetry_ingestbatch
         WHERE state = 0 ORDER BY id LIMIT 1) AS waiting
"""

# Cells that said nothing since a quarter-hour although the same time a week ago was busy. The
# facilities are joined: as a condition they would have the index looked into for each of them. When
# they were last heard of is known to the minute for three hours, to the quarter-hour for a day; the
# index is walked backwards for each silent cell, which costs a probe a quarter-hour of silence.
SILENT = """
WITH place AS MATERIALIZED (
    SELECT unnest(%(facility_ids)s::integer[]) AS facility_id
), lately AS (
    SELECT workflow_id, facility_id FROM scorecards_rollup
     WHERE grain = 7 AND bucket >= %(since)s AND bucket <= %(ahead)s AND events > 0
     UNION
    SELECT workflow_id, facility_id FROM scorecards_quarterdelta
     WHERE bucket >= %(since)s AND bucket <= %(ahead)s AND events > 0
     UNION
    SELECT workflow_id, facility_id FROM scorecards_rollupdelta
     WHERE bucket >= %(since)s AND bucket < %(ahead)s + interval '15 minutes' AND events > 0
), silent AS MATERIALIZED (
    SELECT workflow_id, facility_id, sum(events)::bigint AS usual
      FROM scorecards_rollup JOIN place USING (facility_id)
     WHERE grain = 7 AND bucket >= %(since)s - interval '7 days'
       AND bucket < %(until)s - interval '7 days' AND events > 0
       AND (workflow_id, facility_id) NOT IN (SELECT * FROM lately)
     GROUP BY 1, 2
    HAVING sum(events) >= %(usual)s
), heard AS MATERIALIZED (
    SELECT silent.*, (
           SELECT bucket FROM scorecards_rollup AS r
            WHERE r.grain = 7 AND r.workflow_id = silent.workflow_id
              AND r.facility_id = silent.facility_id AND r.events > 0
              AND r.bucket >= %(since)s - interval '1 day' AND r.bucket < %(since)s
            ORDER BY r.bucket DESC LIMIT 1) AS bucket
      FROM silent
)
SELECT workflow_id, facility_id, usual, COALESCE((
       SELECT r.bucket + interval '1 minute' FROM scorecards_rollup AS r
        WHERE r.grain = 1 AND r.workflow_id = heard.workflow_id
          AND r.facility_id = heard.facility_id AND r.events > 0
          AND r.bucket >= greatest(heard.bucket, %(since)s - interval '2 hours')
          AND r.bucket < heard.bucket + interval '15 minutes'
        ORDER BY r.bucket DESC LIMIT 1), bucket + interval '15 minutes') AS heard_at
  FROM heard
"""


class Flow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What happened in one cell in a window.

    A struct and not a dataclass: a page makes hundreds, and this takes a tenth of the time.
    """

    workflow_id: int | None
    facility_id: int | None
    events: int
    started: int
    met: int
    breached: int
    latencies: int
    latency_histogram: str

    @property
    def due(self) -> int:
        """How many came due and count: the denominator of attainment."""
        return self.met + self.breached

    @property
    def attainment(self) -> float | None:
        """Share that met its target, by due time; None, never 1, when nothing was due."""
        return self.met / self.due if self.due else None

    def quantiles(self, *fractions: float) -> list[float | None]:
        """Latencies in milliseconds at these fractions, highest first; None without any."""
        return histogram.tail_quantiles(self.latency_histogram, self.latencies, fractions)

    def is_censored(self, fraction: float, *, overdue: int) -> bool:
        """Whether so many are late and still open that the quantile is only a lower bound."""
        return overdue > (1 - fraction) * (self.latencies + overdue)


class FullFlow(Flow, frozen=True, kw_only=True, gc=False):
    """Everything that is counted of a cell."""

    settled: int
    completed: int
    failed: int
    dead_lettered: int
    retried: int
    manual_touches: int
    excluded: int
    business_met: int
    business_breached: int
    business_excluded: int
    amount_started: int
    amount_settled: int
    amount_completed: int

    @property
    def business_attainment(self) -> float | None:
        """Attainment of the business clock."""
        due = self.business_met + self.business_breached
        return self.business_met / due if due else None


class Bucket(FullFlow, frozen=True, kw_only=True, gc=False):
    """The flow of one cell in one minute, hour or facility-local day."""

    bucket: datetime


class Cell(FullFlow, frozen=True, kw_only=True, gc=False):
    """Everything known of a cell: its flow, and what stands open at the end of the window."""

    open: int
    overdue: int
    business_overdue: int
    troubled: int
    amount_open: int
    amount_at_risk: int
    oldest: float | None


class Glance(Flow, frozen=True, kw_only=True, gc=False):
    """What a table shows of a cell. Without ids it is the sum of several."""

    open: int
    overdue: int
    troubled: int
    amount_open: int
    amount_at_risk: int
    oldest: float | None

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest that is open began. Read as a number: a moment costs ten times more."""
        return None if self.oldest is None else datetime.fromtimestamp(self.oldest, UTC)


@dataclass(frozen=True, slots=True)
class Scorecards:
    """The cells of a window, with the sums of each workflow and of all."""

    cells: Mapping[tuple[int, int], Glance]
    workflows: Mapping[int, Glance]
    total: Glance

    @classmethod
    def of(cls, rows: Sequence[Glance]) -> Self:
        cells, workflows, total = {}, {}, None
        for row in rows:
            if row.workflow_id is None:
                total = row
            elif row.facility_id is None:
                workflows[row.workflow_id] = row
            else:
                cells[row.workflow_id, row.facility_id] = row
        assert total is not None, "a sum of nothing is a row"  # noqa: S101
        return cls(cells, workflows, total)


@dataclass(frozen=True, slots=True)
class SilentCell:
    """A cell without events for an hour, and how many such an hour usually brings.

    When it was last heard of is None after a day.
    """

    workflow_id: int
    facility_id: int
    usual: int
    heard_at: datetime | None


def glance(*, zones: Mapping[int, str], workflow_ids: Sequence[int], window: Window) -> Scorecards:
    """What a table shows of these facilities (id -> time zone) and workflows, with its sums."""
    statement = FLOW_GLANCED + _backlog(window) + GLANCES
    return Scorecards.of(
        fetch_all(statement, window_params(zones, workflow_ids, window), row=Glance)
    )


def cells(*, zones: Mapping[int, str], workflow_ids: Sequence[int], window: Window) -> list[Cell]:
    """Everything known of every cell that was ever used, in no order."""
    statement = FLOW_SHOWN + _backlog(window) + CELLS
    return fetch_all(statement, window_params(zones, workflow_ids, window), row=Cell)


def flow(*, zones: Mapping[int, str], workflow_ids: Sequence[int], window: Window) -> Flow:
    """What happened in a window, all these cells together, without any backlog."""
    params = window_params(zones, workflow_ids, window) | together(zones)
    return fetch_one(FLOW_GLANCED + WHOLE, params, row=Flow)


def _backlog(window: Window) -> LiteralString:
    return BACKLOG_NOW if window.is_live else BACKLOG_THEN


def window_params(
    zones: Mapping[int, str], workflow_ids: Sequence[int], window: Window
) -> dict[str, Any]:
    parts = pieces(window.start, window.end)
    blocks = [part for part in parts if part.grain != Rollup.Grain.MINUTE]
    return {
        "grains": [part.grain for part in parts],
        "starts": [part.start for part in parts],
        "ends": [part.end for part in parts],
        "start": window.start,
        "end": window.end,
        "blocks_start": blocks[0].start if blocks else window.start,
        "blocks_end": blocks[-1].end if blocks else window.start,
        "facility_ids": list(zones),
        "rolled_up_ids": list(zones),
        "workflow_ids": list(workflow_ids),
    }


def together(facility_ids: Iterable[int]) -> dict[str, Any]:
    """What to read of the rollups where no figure tells one facility from another: a row of the
    network where that is all of them."""
    ids = list(facility_ids)
    return {"rolled_up_ids": [int(NETWORK)] if covers_everything(ids) else ids}


def series(
    *, zones: Mapping[int, str], workflow_ids: Sequence[int], window: Window, grain: Rollup.Grain
) -> list[Bucket]:
    """The buckets of one grain that cover the window, oldest first."""
    by_zone = {zone: snapped(window, grain, zone) for zone in set(zones.values())}
    starts = [by_zone[zone][0] for zone in zones.values()]
    ends = [by_zone[zone][1] for zone in zones.values()]
    params = {
        "grain": grain, "workflow_ids": list(workflow_ids), "facilities": list(zones),
        "zones": list(zones.values()), "starts": starts, "ends": ends,
        "start": min(starts, default=window.start), "end": max(ends, default=window.end),
    }  # fmt: skip
    return fetch_all(SERIES, params, row=Bucket)


@dataclass(frozen=True, slots=True)
class State:
    """What all figures depend on but time and the catalogue; the same state, the same figures."""

    revision: UUID | None
    deltas: int
    waiting: datetime | None

    def reach(self, now: datetime) -> datetime:
        """Everything received before this moment is counted; now, when nothing waits."""
        return min(self.waiting, now) if self.waiting else now

    @property
    def name(self) -> tuple[UUID | None, int]:
        """What changes when, and only when, a figure may have changed."""
        return self.revision, self.deltas


def state() -> State:
    """The state of the figures now. Asked before them, it is never younger than they are."""
    return fetch_one(STATE, {}, row=State)


def silent_cells(
    *, facility_ids: Sequence[int], since: datetime, now: datetime, usual: int = 20
) -> list[SilentCell]:
    """Cells that are silent since `since` while `usual` events or more came a week earlier.

    Told from whole quarter-hours: `since` is put back to one, and so is the week earlier's end.
    """
    params = {
        "facility_ids": list(facility_ids), "usual": usual,
        "since": floor(since, QUARTER_HOUR), "until": floor(now, QUARTER_HOUR),
        # A sender's clock may be ahead of ours.
        "ahead": floor(now, QUARTER_HOUR) + QUARTER_HOUR,
    }  # fmt: skip
    return fetch_all(SILENT, params, row=SilentCell)
