"""manage.py verify_audit: recompute the chain of the audit trail."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.services import audit

SHOWN = 50


class Command(BaseCommand):
    """Read the whole trail; exit 1 when a row was changed, put in or taken out."""

    help = (
        "Recompute the chain of the audit trail and print its end. Heads from the log or an "
        "earlier run, given with --head, tell whether rows were cut off the end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            action="append",
            type=read_head,
            default=[],
            metavar="SEQ:HASH",
            help="an end of the chain as it was logged: “audit head …” (repeatable)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        audit.seal()
        report = audit.verify(known=options["head"])
        audit.note_verified(report)
        for fault in report.faults[:SHOWN]:
            self.stderr.write(fault)
        if report.faults:
            raise CommandError(f"{len(report.faults)} faults in {report.rows} rows", returncode=1)
        self.stdout.write(f"{report.rows} rows, all whole. audit head {report.head or 'none'}")


def read_head(text: str) -> audit.Head:
    """An end of the chain as it is printed."""
    seq, _, digest = text.strip().partition(":")
    return audit.Head(int(seq), bytes.fromhex(digest))
