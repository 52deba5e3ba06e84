"""manage.py rebuild: recompute transactions and rollups from the events."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.pipeline import services


class Command(BaseCommand):
    """The repair of last resort, and the proof that nothing but events is needed."""

    help = "Recompute every transaction whose events are kept, and every rollup, from the events."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("folding waits while transactions are recomputed ...")
        self.stdout.write(f"rebuilt from {services.rebuild()} events")
