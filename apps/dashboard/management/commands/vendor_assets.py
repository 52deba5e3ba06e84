"""`manage.py vendor_assets`: fetch the third-party files of the pages again, or check them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.dashboard import vendoring


class Command(BaseCommand):
    help = "Fetch the pinned third-party files of static/vendor again (needs npm)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only compare the checksums")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        if not check:
            self.fetch()
        if altered := vendoring.altered_files():
            raise CommandError(f"altered: {', '.join(altered)}")
        self.stdout.write("static/vendor is as the manifest says")

    def fetch(self) -> None:
        for package in vendoring.packages():
            vendoring.fetch(package)
            self.stdout.write(f"{package.name} {package.version} ({package.licence})")
        vendoring.record_files()
