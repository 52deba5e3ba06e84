"""Celery tasks: doorbells without arguments. Lost, late or doubled, each costs nothing."""

from celery import shared_task

from apps.accounts.services import audit
from apps.pipeline import services
from apps.scorecards.compaction import compact_due
from apps.telemetry.services import advance_operations, redrive_quarantine, tally_sources
from apps.triage.escalating import sweep_escalations
from apps.triage.services.bulk import forget_previews
from apps.triage.services.bulk_run import advance_bulk
from apps.triage.services.storms import give_out
from apps.triage.storms import sweep_storms
from apps.triage.sweep import sweep_cases


@shared_task(name="pipeline.fold")
def fold() -> None:
    """Fold what waits in the journal."""
    services.fold_journal(gather=services.GATHER_SECONDS)
    compact_due()


@shared_task(name="pipeline.bulk")
def bulk() -> None:
    """Work off acts on many cases, for a moment: the fold waits behind it."""
    advance_bulk()


@shared_task(name="pipeline.sweep")
def sweep() -> None:
    """What time, a lost bell or a changed catalogue makes due."""
    services.fold_journal(gather=services.GATHER_SECONDS)
    services.sweep_due()
    sweep_cases()
    sweep_storms()
    give_out()
    services.follow_rules()
    services.sweep_clocks()
    redrive_quarantine()
    advance_operations()
    advance_bulk()
    compact_due()
    audit.seal()


@shared_task(name="pipeline.maintain")
def maintain() -> None:
    """Partitions, retention, calendar horizon, the backlog's photograph, causes that escalate."""
    services.maintain()
    sweep_escalations()
    forget_previews()
    tally_sources()
