"""The Redis-free loop: the services of the Celery tasks, found by looking instead of by bell."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from apps.accounts.services import audit
from apps.pipeline import services
from apps.scorecards import compaction
from apps.scorecards import services as scorecards
from apps.telemetry import journal
from apps.telemetry.services import advance_operations, redrive_quarantine, tally_sources
from apps.triage.escalating import sweep_escalations
from apps.triage.services.bulk import forget_previews
from apps.triage.services.bulk_run import advance_bulk
from apps.triage.services.storms import give_out
from apps.triage.storms import sweep_storms
from apps.triage.sweep import sweep_cases

log = logging.getLogger(__name__)

# Celery folds within a few hundredths of a second; what is older than this was not announced.
PATIENCE_SECONDS = 0.3
LOOK_EVERY = 0.2


@dataclass
class Duty:
    """Something to do every so many seconds, first at once."""

    act: Callable[[], object]
    seconds: float
    due: float = 0.0

    def take_turn(self, moment: float) -> None:
        if moment >= self.due:
            self.due = moment + self.seconds
            self.act()


def sweep_forever(stop: threading.Event) -> None:
    """Run until told to stop. A database that is away is waited for, not given up on."""
    duties = [
        Duty(fold_forgotten, LOOK_EVERY),
        Duty(compaction.compact_due, 1.0),
        Duty(services.sweep_due, 1.0),
        Duty(services.follow_rules, 2.0),
        Duty(sweep_cases, 2.0),
        Duty(sweep_storms, 2.0),
        Duty(give_out, 2.0),
        Duty(sweep_escalations, 60.0),
        Duty(services.sweep_clocks, 1.0),
        Duty(redrive_quarantine, 2.0),
        Duty(advance_operations, 1.0),
        Duty(advance_bulk, 1.0),
        Duty(forget_previews, 300.0),
        Duty(tally_sources, 300.0),
        Duty(audit.seal, 2.0),
        Duty(scorecards.take_snapshot, 60.0),
        Duty(services.maintain, 3600.0),
    ]
    while not stop.wait(LOOK_EVERY):
        try:
            for duty in duties:
                duty.take_turn(time.monotonic())
        except (OperationalError, InterfaceError) as error:
            log.warning("sweep: database unavailable (%s)", type(error).__name__)
            connection.close()
            stop.wait(1.0)
        close_old_connections()


def fold_forgotten() -> None:
    """Fold rows no worker took up."""
    if journal.waiting().fold_lag_seconds > PATIENCE_SECONDS:
        services.fold_journal(gather=services.GATHER_SECONDS)
