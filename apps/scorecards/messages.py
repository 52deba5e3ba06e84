"""The messages behind a figure, newest first.

Messages have no index by cell: the rollups say in which minutes or hours these cells have any, and
only those are read, by their moments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from django.utils.timezone import now

from apps.core.db import fetch_all
from apps.scorecards.models import Rollup
from apps.scorecards.parts import Part
from apps.scorecards.tallies import Cells, Mark, Tally
from apps.scorecards.windows import HOUR, MINUTE, MINUTES_KEPT, RESOLUTION, floor

# A first guess takes in twice what is wanted; where messages come in bursts, the next goes further.
GENEROUS = 2
FURTHER = 4
# From so many a minute on, minutes are looked for: an hour would be sorted to show fifty of it.
DENSE = 10

# What ends with a page may have been listed in part.
HOLDING = """
WITH held AS (
    SELECT bucket, {measure} AS number FROM scorecards_rollup
     WHERE grain = %(grain)s AND bucket >= %(since)s AND bucket < %(until)s
       AND workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
     UNION ALL
    SELECT date_bin(%(step)s, bucket, 'epoch'), {measure} FROM scorecards_quarterdelta
     WHERE %(grain)s <> 1 AND bucket >= %(since)s AND bucket < %(until)s
       AND workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
     UNION ALL
    SELECT date_bin(%(step)s, bucket, 'epoch'), {measure} FROM scorecards_rollupdelta
     WHERE bucket >= %(since)s AND bucket < %(until)s
       AND workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
)
SELECT GREATEST(bucket, %(start)s) AS starts_at, LEAST(bucket + %(step)s, %(until)s) AS ends_at,
       CASE WHEN bucket + %(step)s < %(until)s THEN sum(number) ELSE 0 END::bigint AS surely
  FROM held GROUP BY bucket HAVING sum(number) > 0 ORDER BY bucket DESC
"""
# The bounds of all stretches together are constants, so the planner looks at no other partition. A
# transaction is where it began, which may be elsewhere.
PAGE_OF = """
SELECT found.*, t.facility_id AS home_id
  FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS stretch (starts_at, ends_at)
 CROSS JOIN LATERAL (
       SELECT event_key AS id, transaction_id, correlation_id, workflow_id, facility_id, source_id,
              stage_id, rank, outcome, attempt, occurred_at, received_at, error_code
         FROM telemetry_event
        WHERE occurred_at >= stretch.starts_at AND occurred_at < stretch.ends_at
          AND occurred_at >= %(first)s AND occurred_at < %(last)s
          AND workflow_id = ANY(%(workflow_ids)s) AND facility_id = ANY(%(facility_ids)s)
          AND (occurred_at, event_key) < (%(mark)s, %(id)s) AND {condition}
        ORDER BY occurred_at DESC, event_key DESC LIMIT %(rows)s) AS found
  LEFT JOIN telemetry_transaction AS t ON t.id = found.transaction_id
 ORDER BY found.occurred_at DESC, found.id DESC
 LIMIT %(rows)s
"""
LAST_ID = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a list, and the facility its transaction belongs to."""

    id: UUID
    transaction_id: UUID
    correlation_id: str
    workflow_id: int
    facility_id: int
    source_id: int
    stage_id: int
    rank: int
    outcome: int
    attempt: int
    occurred_at: datetime
    received_at: datetime
    error_code: str | None
    home_id: int | None

    @property
    def mark(self) -> Mark:
        """Where the page after it begins."""
        return Mark(self.workflow_id, self.facility_id, self.occurred_at, self.id)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A minute or an hour in which there are any: surely so many, or none where it is cut."""

    starts_at: datetime
    ends_at: datetime
    surely: int


def page_of_messages(
    part: Part, cells: Cells, found: Sequence[Tally], *, after: Mark | None, rows: int
) -> list[Message]:
    """The next so many messages of a part, newest first."""
    window = cells.window
    # The moment of the mark is part of the page: several messages may share it.
    until = min(after.at, window.end - RESOLUTION) + RESOLUTION if after else window.end
    stretches = _holding(part, cells, sum(one.counted for one in found), until, rows)
    if not stretches:
        return []
    params = cells.params | {
        "starts": [one.starts_at for one in stretches],
        "ends": [one.ends_at for one in stretches],
        "first": stretches[-1].starts_at, "last": until,
        "mark": after.at if after else window.end, "id": after.id if after else LAST_ID,
        "rows": rows,
    }  # fmt: skip
    return fetch_all(PAGE_OF.format(condition=part.condition), params, row=Message)


def _holding(part: Part, cells: Cells, number: int, until: datetime, rows: int) -> list[Stretch]:
    """The newest stretches before a moment that hold so many together, the newest first."""
    start, length = cells.window.start, cells.window.end - cells.window.start
    is_dense = number >= DENSE * (length / MINUTE)
    span = max(HOUR, length * min(1.0, GENEROUS * rows / max(1, number)))
    found: list[Stretch] = []
    while until > start and sum(one.surely for one in found) < rows:
        since = max(until - span, start)
        step = MINUTE if is_dense and since >= now() - MINUTES_KEPT else HOUR
        since = floor(since, step)
        found += fetch_all(_stated(part), _of(cells, step, since, until), row=Stretch)
        until, span = since, span * FURTHER
    return _enough(found, rows)


def _enough(found: Sequence[Stretch], rows: int) -> list[Stretch]:
    """So many of them that no more are needed."""
    taken, held = [], 0
    for one in found:
        if held >= rows:
            break
        taken.append(one)
        held += one.surely
    return taken


def _stated(part: Part) -> LiteralString:
    return HOLDING.format(measure=part.measure)


def _of(cells: Cells, step: timedelta, since: datetime, until: datetime) -> Mapping[str, object]:
    grain = Rollup.Grain.MINUTE if step == MINUTE else Rollup.Grain.HOUR
    return cells.params | {"grain": grain, "step": step, "since": since, "until": until}
