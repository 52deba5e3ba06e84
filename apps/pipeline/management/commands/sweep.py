"""manage.py sweep: fold and sweep without a broker, until stopped."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.pipeline import services
from apps.pipeline.sweeper import sweep_forever
from apps.scorecards import compaction
from apps.telemetry import journal


class Command(BaseCommand):
    """The loop that keeps the fold going when Redis is gone."""

    # The checks would load every page and the broker's client into a process that needs neither.
    requires_system_checks = ()

    help = "Fold waiting events and count what became overdue, without Redis, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now and leave")
        parser.add_argument(
            "--retry", action="store_true", help="first give rows that failed three more attempts"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["retry"]:
            self.stdout.write(f"{journal.retry_failed()} failed rows wait to be folded again")
        if options["once"]:
            events, overdue = services.fold_journal(seconds=3600), services.sweep_due()
            compaction.compact()
            self.stdout.write(f"folded {events} events, counted {overdue} overdue")
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        sweep_forever(stop)
