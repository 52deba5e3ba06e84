"""manage.py verify [--heal]: recount the rollups by brute force."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, now

from apps.catalog.models import Facility, Workflow
from apps.pipeline.services import FAR_AHEAD
from apps.scorecards.measures import NETWORK
from apps.scorecards.models import Rollup
from apps.scorecards.verification import MOST_TOLD, SPAN, Difference, verify
from apps.scorecards.windows import floor
from apps.telemetry.partitions import event_horizon

SHOWN = 100
# Without a window: the blocks of eight days that the last two days lie in.
LATELY = timedelta(hours=48)


class Command(BaseCommand):
    """Compare every cell of a window with a recount; exit 1 when one differs."""

    help = "Recount rollups from transactions and events and print every difference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="start", help="first moment, ISO 8601 with offset")
        parser.add_argument(
            "--to", dest="end", help="end of the window; default: all that is known"
        )
        parser.add_argument("--all", action="store_true", help="from the oldest event kept")
        parser.add_argument("--heal", action="store_true", help="mend what differs")

    def handle(self, *args: Any, **options: Any) -> None:
        default = event_horizon() if options["all"] else floor(now() - LATELY, SPAN)
        start = moment(options["start"]) or default
        end = moment(options["end"]) or now() + FAR_AHEAD
        if start >= end:
            raise CommandError("The window ends before it begins.")
        found = verify(start=start, end=end, heal=options["heal"])
        self.report(found)
        count = f"{len(found)}{' or more' if len(found) == MOST_TOLD else ''} measures"
        if found and not options["heal"]:
            raise CommandError(f"{count} differ; --heal mends them", returncode=1)
        self.stdout.write(f"{count} mended" if found else "every cell agrees")

    def report(self, found: list[Difference]) -> None:
        workflows = dict(Workflow.objects.values_list("id", "code"))
        facilities = dict(Facility.objects.values_list("id", "code"))
        facilities[int(NETWORK)] = "the network"
        for one in found[:SHOWN]:
            grain = Rollup.Grain(one.grain).label.lower() if one.grain else "backlog"
            when = f" {one.bucket:%Y-%m-%d %H:%M}" if one.grain else ""
            where = f"{workflows.get(one.workflow_id)} {facilities.get(one.facility_id)}"
            self.stdout.write(
                f"{grain}{when} {where} {one.measure}: is {one.actual}, should be {one.expected}"
            )
        if len(found) > SHOWN:
            self.stdout.write(f"... and {len(found) - SHOWN} more")


def moment(text: str | None) -> Any:
    """An ISO 8601 moment with an offset, or None."""
    if text is None:
        return None
    parsed = parse_datetime(text)
    if parsed is None or is_naive(parsed):
        raise CommandError(
            f"{text!r} is no moment with an offset, such as 2026-03-01T00:00:00-06:00"
        )
    return parsed
