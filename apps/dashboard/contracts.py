"""Interfaces as contracts: who owns which, what is expected of it, when it was last heard of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.core.db import fetch_all

# A heartbeat is of the interface itself. Events are told by workflow, from rollups: an event names
# an interface only sometimes, and the fold keeps no last one of each. The index is walked back from
# now for each workflow; what lies further ahead than clocks differ are due times, not events.
CONTRACTS = """
WITH heard AS (
    SELECT id AS workflow_id, (
           SELECT bucket + interval '15 minutes' FROM scorecards_rollup
            WHERE grain = 7 AND workflow_id = catalog_workflow.id
              AND facility_id = ANY(%(facilities)s) AND events > 0
              AND bucket > now() - interval '6 hours' AND bucket < now() + interval '15 minutes'
            ORDER BY bucket DESC LIMIT 1) AS heard_at
      FROM catalog_workflow
)
SELECT i.code, i.name, i.protocol, i.pattern, i.active, i.expected_gap_seconds,
       source.name AS source, target.name AS target, w.code AS workflow_code,
       w.short_name AS workflow, business.name AS business_owner,
       technical.name AS technical_owner, beat.occurred_at AS heartbeat_at,
       (beat.data ->> 'queue_depth')::bigint AS queue_depth,
       LEAST(heard.heard_at, now()) AS heard_at
  FROM catalog_interface i
  JOIN catalog_system source ON source.id = i.source_id
  JOIN catalog_system target ON target.id = i.target_id
  LEFT JOIN catalog_workflow w ON w.id = i.workflow_id
  LEFT JOIN catalog_team business ON business.id = i.business_owner_id
  LEFT JOIN catalog_team technical ON technical.id = i.technical_owner_id
  LEFT JOIN heard ON heard.workflow_id = i.workflow_id
  LEFT JOIN LATERAL (
       SELECT occurred_at, data FROM telemetry_signal
        WHERE interface_id = i.id AND kind = 4 ORDER BY occurred_at DESC LIMIT 1) AS beat ON true
 WHERE %(code)s::text IS NULL OR i.code = %(code)s
 ORDER BY w.position NULLS LAST, i.code
"""


@dataclass(frozen=True)
class Contract:
    """One interface."""

    code: str
    name: str
    protocol: str
    pattern: str
    active: bool
    expected_gap_seconds: int | None
    source: str
    target: str
    workflow_code: str | None
    workflow: str | None
    business_owner: str | None
    technical_owner: str | None
    heartbeat_at: datetime | None
    queue_depth: int | None
    heard_at: datetime | None

    @property
    def expected_gap(self) -> timedelta | None:
        """How long it may be silent."""
        seconds = self.expected_gap_seconds
        return None if seconds is None else timedelta(seconds=seconds)

    def silence(self, now: datetime) -> timedelta | None:
        """For how long it has been silent, where that is longer than expected."""
        last = self.heartbeat_at or self.heard_at
        if not (self.active and self.expected_gap and last):
            return None
        return now - last if now - last > self.expected_gap else None


def contracts(*, facilities: Sequence[int], code: str | None = None) -> list[Contract]:
    """Every interface, or one, with what was heard at these facilities."""
    return fetch_all(CONTRACTS, {"facilities": list(facilities), "code": code}, row=Contract)
