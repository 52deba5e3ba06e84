"""What will show that a case was mended, until when it must, and what is only an echo.

From the catalogue: a step is proven by itself or any later one, in the time that its workflow's
clock promises for work on its way. A step that no clock covers, and one that ends its transaction
(a denial is answered by a new claim), shows nothing: there a person's word counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.core.db import execute, fetch_all, fetch_one
from apps.triage.models import Case, Condition, Pace

SHORTEST_GRACE = timedelta(minutes=5)
MEASURED_EVERY = timedelta(days=1)

# The first clock that covers the step decides: integration before business, or, of an overdue case,
# the one that ran out. Whoever is slower than they promised is waited for as long as they take.
PROOF = """
SELECT s.name AS stage, GREATEST(
           CASE WHEN p.verify_seconds IS NOT NULL
                THEN %(at)s::timestamptz + p.verify_seconds * interval '1 second'
                ELSE catalog_due(r.measure, %(at)s::timestamptz, r.threshold_seconds,
                                 r.calendar_id::integer, r.time_zone) END,
           %(at)s::timestamptz + COALESCE(p.p99_seconds, 0) * interval '1 second') AS until
  FROM catalog_stage s
  JOIN telemetry_transaction t ON t.id = %(transaction)s AND t.state < 5
  JOIN catalog_clock c ON c.workflow_id = s.workflow_id
   AND (%(clock)s::text IS NULL OR c.kind = %(clock)s)
  JOIN catalog_stage stop ON stop.id = c.stop_stage_id AND stop.rank >= s.rank
  JOIN catalog_target_rule r ON r.workflow_id = s.workflow_id AND r.facility_id = %(facility)s
   AND r.clock = CASE c.kind WHEN 'integration' THEN 1 ELSE 2 END
   AND tstzrange(r.effective_from, r.effective_to) @> %(at)s::timestamptz
  LEFT JOIN triage_pace p ON p.workflow_id = s.workflow_id
 WHERE s.id = %(stage)s AND s.terminal_outcome IN ('', 'completed')
 ORDER BY c.kind DESC LIMIT 1
"""

LATENCY = """
SELECT COALESCE((SELECT p99_seconds FROM triage_pace WHERE workflow_id = %(workflow)s), 0)
       AS seconds
"""
REMEMBER = """
INSERT INTO triage_pace (workflow_id, p99_seconds, measured_at)
SELECT w, s, %(at)s FROM unnest(%(workflows)s::integer[], %(seconds)s::integer[]) AS m (w, s)
    ON CONFLICT (workflow_id) DO UPDATE
   SET p99_seconds = EXCLUDED.p99_seconds, measured_at = EXCLUDED.measured_at
"""
CLOCK_OF = {Condition.OVERDUE: "integration", Condition.BUSINESS_OVERDUE: "business"}


@dataclass(frozen=True, slots=True)
class Proof:
    """A success at this step or past it, until then."""

    stage: str
    until: datetime


@dataclass(frozen=True, slots=True)
class _Latency:
    seconds: int


def proof_of(case: Case, at: datetime) -> Proof | None:
    """What a fix of now has to show; None where telemetry would never tell."""
    asked = {
        "at": at,
        "transaction": case.transaction_id,
        "stage": case.stage_id,
        "facility": case.facility_id,
        "clock": CLOCK_OF.get(Condition(case.condition)),
    }
    found = fetch_all(PROOF, asked, row=Proof)
    return found[0] if found and found[0].until else None


def echoes_until(case: Case, at: datetime) -> datetime:
    """Until when a failure is still one from before the fix: it was under way already. What was
    seen before the fix is no news, though its sender's clock may be ahead."""
    latency = fetch_one(LATENCY, {"workflow": case.workflow_id}, row=_Latency)
    return max(at + max(SHORTEST_GRACE, timedelta(seconds=latency.seconds)), case.last_seen)


def keep_pace(measure: Callable[[datetime], Mapping[int, int]], at: datetime) -> None:
    """Once a day, note how slow each workflow is; `measure` tells in seconds."""
    if Pace.objects.filter(measured_at__gt=at - MEASURED_EVERY).exists():
        return
    found = measure(at)
    execute(
        REMEMBER,
        {"at": at, "workflows": list(found), "seconds": list(found.values())},
    )
