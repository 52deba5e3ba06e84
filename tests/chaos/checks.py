"""What must be true afterwards. Every finding is a sentence with a number and an example.

The expected side comes from what the clients know they sent, through the plain-Python oracle; it
shares no code with the fold. Run with the product stopped, so that nothing moves meanwhile.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.catalog.models import Clock, Facility, Stage, Workflow
from apps.core.db import fetch_value
from apps.pipeline import services as pipeline
from apps.scorecards import compaction
from apps.scorecards.verification import verify
from apps.telemetry.canonical import transaction_id
from apps.telemetry.partitions import event_horizon
from tests.chaos.history import Said
from tests.chaos.load import Ledger
from tests.pipeline.oracle import Judged, Rules, backlog, cells, judge, moment
from tests.pipeline.world import stored_backlog, stored_cells, stored_transactions

EXAMPLES = 3
# A histogram is a number of up to two thousand digits, most of them zeros.
NOISE = re.compile("0{12,}")
PUNCTUAL_SECONDS = 15
CLOCKS = {"integration": 1, "business": 2}
NEVER = 10**6

STORED = """
SELECT event_id, correlation_id, workflow_id, facility_id, stage_id, rank, outcome,
       (extract(epoch FROM occurred_at) * 1000000)::bigint, amount_minor,
       error_standard, error_code, error_location
  FROM telemetry_event
"""
# An accepted batch is gone when its row is; a row is settled when it was folded and adds up.
JOURNAL = "SELECT id FROM telemetry_ingestbatch"
UNSETTLED = """
SELECT id, state, events, stored, duplicates, conflicts FROM telemetry_ingestbatch
 WHERE state <> 1 OR conflicts <> 0 OR stored + duplicates <> events
"""
STORED_BY_JOURNAL = "SELECT COALESCE(sum(stored), 0) FROM telemetry_ingestbatch"
QUARANTINED = "SELECT event_id, code FROM telemetry_quarantine"
LATE_MARKS = """
SELECT count(*) FROM telemetry_transaction
 WHERE (sla = 0 AND due_at < now() - make_interval(secs => %(seconds)s))
    OR (business_sla = 0 AND business_due_at < now() - make_interval(secs => %(seconds)s))
"""
# All due times in one statement; the due function has its own oracle, in tests/catalog.
DUES = """
WITH rule AS MATERIALIZED (SELECT * FROM catalog_target_rule)
SELECT start.workflow_id, start.clock, start.facility_id, start.at,
       catalog_due(rule.measure, start.at, rule.threshold_seconds, rule.calendar_id, rule.time_zone)
  FROM unnest(%(workflows)s::integer[], %(clocks)s::smallint[], %(facilities)s::integer[],
              %(moments)s::timestamptz[]) AS start (workflow_id, clock, facility_id, at)
  JOIN rule USING (workflow_id, clock, facility_id)
 WHERE rule.effective_from <= start.at
   AND (rule.effective_to IS NULL OR rule.effective_to > start.at)
"""


@dataclass(frozen=True)
class Findings:
    """What is wrong (nothing, one hopes) and how much was looked at."""

    wrong: list[str]
    events: int
    transactions: int
    cells: int


def check(ledger: Ledger) -> Findings:
    """Compare what the database holds with what was acknowledged."""
    wrong = [
        *ledger.strange,
        *_unacknowledged(ledger),
        *_journal(ledger.batches),
        *_events(ledger),
        *_quarantine(),
    ]
    late = fetch_value(LATE_MARKS, {"seconds": PUNCTUAL_SECONDS})
    expected = _expected(ledger.sent.values())
    wrong += expected.wrong
    horizon = event_horizon()
    differences = verify(start=horizon, end=expected.now + pipeline.FAR_AHEAD)
    wrong += _sentence("rollup cells that differ from a recount by verify", differences)
    wrong += (
        [f"{late} transactions overdue for {PUNCTUAL_SECONDS} s are not marked"] if late else []
    )
    return Findings(wrong, len(ledger.sent), expected.transactions, expected.cells)


def _sentence(what: str, found: Collection[Any]) -> list[str]:
    examples = "; ".join(NOISE.sub("0..0", str(one)) for one in list(found)[:EXAMPLES])
    return [f"{len(found)} {what}: {examples}"] if found else []


# -- events ------------------------------------------------------------------------------------


def _unacknowledged(ledger: Ledger) -> list[str]:
    return _sentence(
        "events were never acknowledged, however often sent", ledger.sent.keys() - ledger.acked
    )


def _journal(batches: Collection[UUID]) -> list[str]:
    kept = {row[0] for row in _rows(JOURNAL)}
    return [
        *_sentence("acknowledged batches are not in the journal", batches - kept),
        *_sentence("journal rows are not folded or do not add up", _rows(UNSETTLED)),
    ]


def _events(ledger: Ledger) -> list[str]:
    stored: Counter[str] = Counter()
    altered, foreign = [], []
    for row in _rows(STORED):
        stored[row[0]] += 1
        said = ledger.sent.get(row[0])
        if said is None:
            foreign.append(row[0])
        elif _as_stored(said) != row:
            altered.append((row, said))
    doubled = [event for event, times in stored.items() if times > 1]
    difference = fetch_value(STORED_BY_JOURNAL) - stored.total()
    return [
        *_sentence("acknowledged events are lost", ledger.acked - stored.keys()),
        *_sentence("events are stored more than once", doubled),
        *_sentence("stored events were never sent", foreign),
        *_sentence("stored events are not what was sent", altered),
        *([f"the journal counts {difference} more events than are stored"] if difference else []),
    ]


def _as_stored(said: Said) -> tuple[Any, ...]:
    return (
        said.id, said.subject, said.workflow_id, said.facility_id, said.stage_id, said.rank,
        said.outcome, said.occurred_at, said.amount_minor, *(said.error or (None, None, None)),
    )  # fmt: skip


def _quarantine() -> list[str]:
    return _sentence("valid events are in quarantine", _rows(QUARANTINED))


def _rows(sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


# -- transactions and rollups --------------------------------------------------------------------


@dataclass(frozen=True)
class _Expected:
    wrong: list[str]
    now: datetime
    transactions: int
    cells: int


@transaction.atomic
def _expected(events: Collection[Said]) -> _Expected:
    """Compare transactions, cells and backlog with the oracle's, all at one moment.

    Inside a transaction now() stands still, so the sweep and the oracle agree on what is overdue.
    The stop may have come between a fold and the compaction of its deltas, which are counted.
    """
    now: datetime = fetch_value("SELECT now()")
    pipeline.sweep_due()
    compaction.compact()
    rules = _rules(events)
    judged = _judge(events, rules, now)
    expected = cells(judged.values(), events, rules)
    wrong = [
        *_compare("transactions", judged, stored_transactions()),
        *_compare("rollup cells", expected, stored_cells()),
        *_compare("backlog cells", _without_zeros(backlog(judged.values())), stored_backlog()),
    ]
    return _Expected(wrong, now, len(judged), len(expected))


def _judge(events: Iterable[Said], rules: Rules, now: datetime) -> dict[str, Judged]:
    by_transaction = defaultdict(list)
    for one in events:
        by_transaction[transaction_id(one.workflow_id, one.subject)].append(one)
    return {key: judge(found, rules, now) for key, found in by_transaction.items()}


def _compare(what: str, expected: Mapping[Any, Any], stored: Mapping[Any, Any]) -> list[str]:
    differing = [
        f"{key} is {stored.get(key)}, should be {expected.get(key)}"
        for key in expected.keys() | stored.keys()
        if expected.get(key) != stored.get(key)
    ]
    return _sentence(f"{what} differ from the oracle", differing)


def _without_zeros(found: Mapping[Any, Mapping[str, int]]) -> dict[Any, Mapping[str, int]]:
    return {key: cell for key, cell in found.items() if any(cell.values())}


def _rules(events: Iterable[Said]) -> Rules:
    """The oracle's rules from the catalogue's own tables, not from the views the fold reads."""
    stages = list(Stage.objects.all())
    clocks = {
        (clock.workflow_id, CLOCKS[clock.kind]): clock
        for clock in Clock.objects.select_related("stop_stage")
    }
    keys = [(workflow, clock) for workflow in {s.workflow_id for s in stages} for clock in (1, 2)]
    starts = {key: clocks[key].start_stage_id if key in clocks else -1 for key in keys}
    dues = _dues(events, starts)
    return Rules(
        end_of={stage.pk: stage.terminal_outcome for stage in stages},
        reopens={stage.pk for stage in stages if stage.reopens},
        start=starts,
        stop_rank={key: clocks[key].stop_stage.rank if key in clocks else NEVER for key in keys},
        due=lambda *start: dues[start],
        zone=dict(Facility.objects.values_list("id", "time_zone")),
        expires_after={
            workflow.pk: timedelta(days=workflow.expires_after_days)
            for workflow in Workflow.objects.exclude(expires_after_days=None)
        },
    )


def _dues(
    events: Iterable[Said], starts: Mapping[tuple[int, int], int]
) -> dict[tuple[Any, ...], datetime]:
    """When each start of a clock falls due."""
    begun = {
        (one.workflow_id, clock, one.facility_id, moment(one))
        for one in events
        for clock in (1, 2)
        if starts[one.workflow_id, clock] == one.stage_id
    }
    workflows, clocks, facilities, moments = zip(*begun, strict=True) if begun else ((),) * 4
    params = {
        "workflows": list(workflows),
        "clocks": list(clocks),
        "facilities": list(facilities),
        "moments": list(moments),
    }
    return {row[:4]: row[4] for row in _rows(DUES, params)}
