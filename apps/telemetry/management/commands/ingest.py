import sys
import time
from argparse import ArgumentTypeError
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import zstandard
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.commands import manage
from apps.telemetry.files import EventFile, Group, groups, opened
from apps.telemetry.refusals import Refused, Rejection
from apps.telemetry.services.accept import KeyRevoked, accept
from apps.telemetry.services.keys import Sender, UnusableSource, sender_for_files

SHOWN_REJECTIONS = 10
REDRAW_SECONDS = 0.1


@dataclass
class Tally:
    """What was done so far, over all files."""

    files: int = 0
    events: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0


class Command(BaseCommand):
    help = (
        "Ingest files of CloudEvents, as POST /api/v1/events would: one event or a JSON array in "
        "a file, or one event a line; gzip and zstd too. Running it again stores nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "files", nargs="+", metavar="FILE", help="a path, or - for standard input"
        )
        parser.add_argument(
            "--source", default="files", metavar="CODE", help="send as this source (default: files)"
        )
        parser.add_argument(
            "--from",
            dest="start",
            type=_ordinal,
            default=1,
            metavar="N",
            help="go on at event N of the first file, as an interrupted run says",
        )

    def handle(self, *args: Any, files: list[str], source: str, start: int, **_: Any) -> None:
        self.tally, self.drawn_at = Tally(), 0.0
        try:
            sender = sender_for_files(source)
        except UnusableSource as error:
            raise CommandError(str(error)) from None
        for name in files:
            self._ingest_file(name, sender, start)
            start = 1
        self._summarise()
        if self.tally.unreadable:
            raise CommandError(f"{self.tally.unreadable} file(s) could not be read.")

    def _ingest_file(self, name: str, sender: Sender, start: int) -> None:
        next_event = start
        try:
            with opened(name) as file:
                for group in groups(file, start=start):
                    self._ingest_group(file, group, sender)
                    next_event = group.first + len(group.readings)
                    self._draw(file)
        except KeyboardInterrupt:
            self._clear()
            rest = manage(f"ingest --from {next_event} {name} ...")
            raise CommandError(f"Stopped. Go on with: {rest}") from None
        except KeyRevoked:
            raise CommandError(f"The source {sender.source} is switched off.") from None
        except Refused as refusal:
            self._give_up(name, refusal.message)
        except EOFError:
            self._give_up(name, "The file ends early.")
        except (OSError, zstandard.ZstdError) as error:
            self._give_up(name, getattr(error, "strerror", None) or "The file is damaged.")
        else:
            self.tally.files += 1

    def _ingest_group(self, file: EventFile, group: Group, sender: Sender) -> None:
        receipt = accept(group.readings, sender=sender)
        self.tally.events += len(group.readings)
        self.tally.accepted += receipt.accepted
        for rejection in receipt.rejected:
            self._report(file, group.first + rejection.index, rejection)

    def _report(self, file: EventFile, number: int, rejection: Rejection) -> None:
        if self.tally.rejected.total() < SHOWN_REJECTIONS:
            self._clear()
            where = f"{file.name}, event {number}"
            self.stderr.write(f"{where}: {rejection.code} {rejection.pointer} {rejection.message}")
        self.tally.rejected[rejection.code] += 1

    def _give_up(self, name: str, why: str) -> None:
        self._clear()
        self.stderr.write(f"{name}: {why}")
        self.tally.unreadable += 1

    def _draw(self, file: EventFile) -> None:
        """A bar on a terminal only: a log wants the summary, not the way there."""
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self.drawn_at < REDRAW_SECONDS:
            return
        self.drawn_at = now
        full = round(30 * file.done())
        bar = f"[{'#' * full}{'.' * (30 - full)}] {file.done():4.0%}" if file.size else ""
        sys.stderr.write(f"\r{file.name} {bar} {self.tally.events:,} events\x1b[K")
        sys.stderr.flush()

    def _clear(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")

    def _summarise(self) -> None:
        self._clear()
        tally = self.tally
        self.stdout.write(
            f"{tally.events:,} events in {tally.files} file(s): {tally.accepted:,} accepted, "
            f"{tally.rejected.total():,} in quarantine."
        )
        for code, count in tally.rejected.most_common():
            self.stdout.write(f"  {count:>8,}  {code}")


def _ordinal(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("events are counted from 1")
    return int(text)
