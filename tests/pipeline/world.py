"""What the database holds, in the oracle's terms."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.timezone import now

from apps.scorecards import compaction, queries
from apps.scorecards.measures import BACKLOG, MEASURES
from apps.scorecards.models import Backlog, Rollup
from apps.scorecards.windows import named_window
from apps.telemetry.models import Transaction
from tests.pipeline.network import Network
from tests.pipeline.oracle import Judged, Rules

DUE = """
SELECT catalog_due(measure, %(at)s, threshold_seconds, calendar_id, time_zone)
  FROM catalog_target_rule
 WHERE workflow_id = %(workflow)s AND clock = %(clock)s AND facility_id = %(facility)s
   AND effective_from <= %(at)s AND (effective_to IS NULL OR effective_to > %(at)s)
"""


def rules(network: Network) -> Rules:
    """The oracle's rules of the test network. Due times have their own oracle, in catalog."""
    known: dict[tuple, datetime | None] = {}

    def due(workflow: int, clock: int, facility: int, at: datetime) -> datetime | None:
        key = workflow, clock, facility, at
        if key not in known:
            with connection.cursor() as cursor:
                cursor.execute(
                    DUE,
                    {"workflow": workflow, "clock": clock, "facility": facility, "at": at},
                )
                known[key] = cursor.fetchone()[0]
        return known[key]

    clocks = [(w.pk, clock) for w in network.workflows for clock in (1, 2)]
    return Rules(
        end_of={s.pk: s.terminal_outcome for s in network.stages.values()},
        reopens={s.pk for s in network.stages.values() if s.reopens},
        start={(w, clock): network.stages[w, clock].pk for w, clock in clocks},
        stop_rank={(w, clock): clock + 2 for w, clock in clocks},
        due=due,
        zone={f.pk: f.time_zone for f in network.facilities},
        expires_after={
            w.pk: timedelta(days=w.expires_after_days)
            for w in network.workflows
            if w.expires_after_days
        },
    )


def stored_cells() -> dict[tuple, dict[str, int]]:
    """Every rollup row once nothing waits, zeros left out."""
    compaction.compact()
    found = {}
    for row in Rollup.objects.all():
        measures = {name: int(getattr(row, name)) for name in MEASURES if getattr(row, name)}
        if measures:
            found[row.grain, row.bucket, row.workflow_id, row.facility_id] = measures
    return found


def stored_backlog() -> dict[tuple[int, int], dict[str, int]]:
    compaction.compact()
    rows = {
        (row.workflow_id, row.facility_id): {name: getattr(row, name) for name in BACKLOG}
        for row in Backlog.objects.all()
    }
    return {key: row for key, row in rows.items() if any(row.values())}


def shown_oldest(network: Network) -> dict[tuple[int, int], datetime | None]:
    """Since when the oldest that is open is, as readers see it now, whatever waits."""
    moment = now()
    found = queries.glance(
        zones={f.pk: f.time_zone for f in network.facilities},
        workflow_ids=[w.pk for w in network.workflows],
        window=named_window("1h", end=None, now=moment),
    )
    return {key: cell.oldest_at for key, cell in found.cells.items() if cell.open}


def stored_transactions() -> dict[str, Judged]:
    return {row.id.hex: _judged(row) for row in Transaction.objects.all()}


def _judged(row: Transaction) -> Judged:
    return Judged(
        workflow=row.workflow_id,
        facility=row.facility_id,
        first_at=row.first_at,
        state=row.state,
        amount=row.amount_minor,
        settled_at=row.settled_at,
        failed_at=row.failed_at,
        dead_lettered_at=row.dead_lettered_at,
        clocks={
            1: (row.started_at, row.due_at, row.stopped_at, row.sla),
            2: (
                row.business_started_at,
                row.business_due_at,
                row.business_stopped_at,
                row.business_sla,
            ),
        },
        events=row.events,
        error=_error(row),
    )


def _error(row: Any) -> tuple[str, str, str]:
    return (row.error_standard or "", row.error_code or "", row.error_location or "")
