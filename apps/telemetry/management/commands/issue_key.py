import argparse
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.telemetry.models import Source
from apps.telemetry.queries import keys_of
from apps.telemetry.services.keys import (
    UnknownFacility,
    UnusableSource,
    issue_key,
    revoke_key,
)


class Command(BaseCommand):
    help = (
        "Make a key with which a source may send events, and print it: this once, and nowhere "
        "else. With --list show the source's keys instead, with --revoke PREFIX end one of them. "
        "Issue a second one before revoking the first and the source never stops sending."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="code of the source; made if it is new")
        parser.add_argument(
            "--facility",
            action="append",
            default=[],
            metavar="CODE",
            help="speak only for this facility and those below it (repeatable; default: all)",
        )
        parser.add_argument(
            "--expires", type=_moment, metavar="DAYS|TIME", help="as in 90, or 2027-01-31"
        )
        parser.add_argument(
            "--sign",
            action="store_true",
            help="requests must be signed; the signing secret is printed on a second line",
        )
        parser.add_argument(
            "--revoke",
            metavar="PREFIX",
            help="make none: end this key now; --list shows the prefixes",
        )
        parser.add_argument("--list", action="store_true", help="make none: show the source's")

    def handle(self, *args: Any, source: str, **options: Any) -> None:
        if options["list"]:
            return self._list(source)
        if options["revoke"]:
            return self._revoke(source, options["revoke"])
        return self._issue(source, options)

    def _issue(self, source: str, options: dict[str, Any]) -> None:
        is_new = not Source.objects.filter(code=source).exists()
        try:
            issued = issue_key(
                source=source,
                facilities=options["facility"],
                expires_at=options["expires"],
                sign=options["sign"],
            )
        except UnknownFacility as error:
            raise CommandError(f"The catalogue has no facility {error}.") from None
        except UnusableSource as error:
            raise CommandError(str(error)) from None
        if is_new:
            self.stderr.write(f"New source {source}.")
        self.stdout.write(issued.bearer)
        if options["sign"]:
            self.stdout.write(issued.signing_secret)

    def _revoke(self, source: str, prefix: str) -> None:
        if not revoke_key(source=source, prefix=prefix):
            raise CommandError(f"The source {source} has no live key {prefix}.")
        self.stderr.write(f"Revoked {prefix}.")

    def _list(self, source: str) -> None:
        for key in keys_of(source=source):
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
            self.stdout.write(f"{key.prefix}  {key.status:<8}  last used {used}")


def _moment(text: str) -> datetime:
    """A number of days from now, or a date or time (in UTC where it says no zone)."""
    try:
        if text.isdigit():
            moment = timezone.now() + timedelta(days=int(text))
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"not a number of days nor a date: {text}") from None
    moment = moment if moment.tzinfo else timezone.make_aware(moment)
    if moment <= timezone.now():
        raise argparse.ArgumentTypeError(f"not in the future: {text}")
    return moment
