"""manage.py seed: load the catalogue's data files; safe to repeat."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.catalog.services import seed


class Command(BaseCommand):
    help = "Load the workflows, systems, calendars and the sample network. Keeps operators' edits."

    def handle(self, *args: Any, **options: Any) -> None:
        report = seed()
        self.stdout.write(f"{report.created} rows created, {report.updated} updated.")
        if report.kept:
            self.stdout.write("Kept as edited here: " + ", ".join(report.kept))
        if report.left_out:
            self.stdout.write("Deleted here, not brought back: " + ", ".join(report.left_out))
