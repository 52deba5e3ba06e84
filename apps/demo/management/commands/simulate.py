"""manage.py simulate: a health network of five hospitals and forty clinics, over the HTTP API."""

import os
import signal
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.demo.client import Declined
from apps.demo.incidents import STORIES, Name
from apps.demo.outlet import NoKey
from apps.demo.places import Mismatch
from apps.demo.progress import Progress
from apps.demo.records import now
from apps.demo.services import Simulation, live, write_history
from apps.demo.setup import (
    MOST_DAYS,
    Interrupted,
    Request,
    Unready,
    ask_for,
    moment,
    prepare,
    read_keys,
)

EXPECTED = (Declined, Mismatch, NoKey, Unready)


class Command(BaseCommand):
    help = "Simulate a health network: --days of history, --live traffic, or an --incident."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--days", type=float, default=0.0, help="Write so many days of history, up to now.")
        add("--live", action="store_true", help="Go on in real time until stopped.")
        add("--seed", type=int, help="Which network: the same seed gives the same events (7).")
        add("--scale", type=float, help="How large: 1 is some 660,000 events a weekday (0.1).")
        add("--incident", choices=list(Name), metavar="NAME", help="Make something go wrong.")
        add("--at", default="+5 s", help="When: +10 m, or a time with an offset. Default: now.")
        add("--minutes", type=int, default=0, help="How long the incident lasts.")
        add("--facility", default="", metavar="CODE", help="Where, if not everywhere.")
        add("--list-incidents", action="store_true", help="Tell what can go wrong.")
        add("--url", default=f"http://127.0.0.1:{os.environ.get('PORT', '8000')}")
        add("--key", default="", help="One key for all systems.")
        add("--key-file", type=Path, help="JSON object of source to key (VAR/demo-keys.json).")
        add("--batch-size", type=int, default=1_000, help="Events in one request.")
        add(
            "--restart", action="store_true", help="Send again what was sent; nothing counts twice."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list_incidents"]:
            return self._list_incidents()
        if not (options["days"] or options["live"] or options["incident"]):
            raise CommandError("Say --days N, --live or --incident NAME.")
        if not 0 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days goes up to {MOST_DAYS}: older events are not kept.")
        stop = _stopped_by_signals()
        try:
            self._run(options, stop)
        except EXPECTED as error:
            raise CommandError(str(error)) from None
        except Interrupted:
            self._say("stopped")

    def _run(self, options: dict[str, Any], stop: Event) -> None:
        simulation = prepare(self._request(options), stop=stop, say=self._say)
        with closing(simulation.outlet):
            if name := options["incident"]:
                self._ask(simulation, name, options)
            if options["days"] and not stop.is_set():
                self._write_history(simulation, stop)
            if options["live"] and not stop.is_set():
                self._say(f"live at {simulation.position.url}, scale {simulation.network.scale:g}")
                live(simulation, stop=stop, say=self._say)

    def _request(self, options: dict[str, Any]) -> Request:
        path = options["key_file"] or settings.VAR / "demo-keys.json"
        return Request(
            url=options["url"].rstrip("/"),
            var=Path(settings.VAR),
            keys=read_keys(key=options["key"], path=path),
            days=options["days"],
            seed=options["seed"],
            scale=options["scale"],
            restart=options["restart"],
            batch_size=options["batch_size"],
        )

    def _ask(self, simulation: Simulation, name: str, options: dict[str, Any]) -> None:
        at = moment(options["at"], present=now())
        story = ask_for(
            simulation, name, at=at, minutes=options["minutes"], facility=options["facility"]
        )
        place = f" at {story.facility}" if story.facility else ""
        self._say(f"{name}{place}: {STORIES[story.name].text}")
        if not (options["days"] or options["live"]):
            self._say("A running `simulate --live` takes it up within a second.")

    def _write_history(self, simulation: Simulation, stop: Event) -> None:
        progress = Progress(self.stdout, "events")  # type: ignore[arg-type]
        write_history(simulation, until=now(), stop=stop, report=progress.show)
        if not stop.is_set():
            progress.close()
        tally = simulation.outlet.tally
        # The same id with other content: the world, or the product's token key, was changed.
        conflicts = f", {tally.conflicts:,} in conflict" if tally.conflicts else ""
        self._say(
            f"{tally.sent:,} sent: {tally.stored:,} stored, {tally.duplicates:,} known already, "
            f"{tally.rejected:,} quarantined{conflicts}"
        )

    def _list_incidents(self) -> None:
        for name, story in STORIES.items():
            self.stdout.write(f"{name:16} {story.minutes:4} min  {story.text}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)


def _stopped_by_signals() -> Event:
    """Set by Ctrl-C and SIGTERM; everything that waits, waits for it."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
