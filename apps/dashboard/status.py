"""The page of the product itself: does every part work, and what to do where one does not."""

import platform
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from apps.core.health import BrokerReport, broker_report
from apps.dashboard import wording
from apps.dashboard.looks import Look, Status
from apps.dashboard.tiles import Tile
from apps.pipeline import status
from apps.telemetry import partitions
from apps.telemetry.journal import Waiting, waiting

LAG_IS_LATE = 3.0  # seconds: what the sweeper alone keeps
COMPACTION_IS_LATE = timedelta(seconds=30)
LOOK_AGAIN_SECONDS = 1.5
PHOTOGRAPH_IS_LATE = timedelta(minutes=15)
TRANSACTION_IS_LONG = 60.0
DISK_IS_SHORT = 0.1
DAYS_AHEAD = timedelta(days=2)
PACKAGES = {
    "Django": "django",
    "Celery": "celery",
    "psycopg": "psycopg",
    "Granian": "granian",
    "django-htmx": "django-htmx",
}
STANDINGS = {"ok": Status.OK, "warn": Status.BEHIND, "bad": Status.BROKEN}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the product: how it stands, and what that means or asks for."""

    name: str
    css: str
    word: str
    fact: str

    @property
    def look(self) -> Look:
        return STANDINGS[self.css].saying(self.word)


UNTOLD = Part(
    "Processes", "ok", "Cannot be told", "DATABASE_URL gives their sessions a name of its own"
)


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the page shows."""

    tiles: list[Tile]
    parts: list[Part]
    failed: list[status.FailedBatch]
    stored: list[status.Stored]
    versions: Mapping[str, str]

    @property
    def worst(self) -> str:
        found = {part.css for part in self.parts}
        return next(css for css in ("bad", "warn", "ok") if css in found)


def picture(*, now: datetime) -> Picture:
    """The state of every part, as of now."""
    lag, work, server, broker = waiting(), _work(now), status.server(), broker_report()
    disk = _disk_usage()
    parts = [
        _folding(lag, work.failed),
        *(_processes(status.sessions()) if server.tells_processes else [UNTOLD]),
        _compaction(work, now),
        _maintenance(work, now),
        _partitions(partitions.existing_days(partitions.EVENTS), now),
        _database(server),
        _broker(broker),
        _disk(*disk) if disk else Part("Disk", "ok", "Not told", "its data is kept elsewhere"),
    ]
    return Picture(
        _tiles(lag, work, broker, server, disk),
        parts,
        status.failed_batches() if work.failed else [],
        status.stored(),
        _versions(server, broker),
    )


def _work(now: datetime) -> status.Work:
    """What waits. The first change after a quiet hour waits a second like any other, and is no
    fault, so whatever looks late is asked for again."""
    work = status.work()
    if work.late(now) > COMPACTION_IS_LATE:
        time.sleep(LOOK_AGAIN_SECONDS)
        work = status.work()
    return work


def _disk_usage() -> tuple[int, int] | None:
    """Bytes free and in all where this instance keeps its data, if it keeps any here."""
    try:
        usage = shutil.disk_usage(settings.VAR)
    except OSError:
        return None
    return usage.free, usage.total


def _tiles(
    lag: Waiting,
    work: status.Work,
    broker: BrokerReport | None,
    server: status.Server,
    disk: tuple[int, int] | None,
) -> list[Tile]:
    bells = broker.bells if broker else None
    return [
        Tile("Fold lag", f"{lag.fold_lag_seconds:.1f}", "s", "age of the oldest that waits"),
        Tile("Batches waiting", wording.count(lag.waiting_batches), foot="accepted, not counted"),
        Tile("Batches given up", wording.count(work.failed), foot="after three attempts",
             icon="alert-triangle" if work.failed else ""),
        Tile("Changes on their way", wording.count(work.deltas + work.quarters),
             foot="counted, not compacted"),
        Tile("Bells queued", wording.NOTHING if bells is None else wording.count(bells),
             foot="in the broker"),
        Tile("Stored", _size(server.bytes), foot=f"{_size(disk[0])} free" if disk else ""),
    ]  # fmt: skip


def _folding(lag: Waiting, failed: int) -> Part:
    if failed:
        count = f"{wording.count(failed)} batch{'' if failed == 1 else 'es'}"
        return Part("Folding", "warn", "Gave up", f"{count} below need a cause mended and a retry")
    if lag.fold_lag_seconds <= LAG_IS_LATE:
        return Part("Folding", "ok", "Keeps up", "accepted events reach the figures at once")
    behind = wording.duration(lag.fold_lag_seconds)
    fact = f"figures are {behind} behind; more workers: THROUGHLINE_WORKER_PROCESSES"
    return Part("Folding", "warn", "Behind", fact)


def _processes(found: Mapping[str, status.Sessions]) -> list[Part]:
    """By their database sessions; who shows the page is the web."""
    roles = {
        "web": ("Web", "bad", "answers pages and takes in events"),
        "worker": ("Workers", "warn", "the sweeper folds meanwhile, more slowly"),
        "sweep": ("Sweeper", "warn", "without it, nothing folds while the broker is away"),
    }
    return [_process(*roles[name], found.get(name)) for name in roles]


def _process(name: str, css: str, meaning: str, found: status.Sessions | None) -> Part:
    if found is None:
        return Part(name, css, "Not connected", f"{meaning}; its log says why")
    count = f"{found.sessions} database session{'' if found.sessions == 1 else 's'}"
    if found.longest_seconds > TRANSACTION_IS_LONG:
        open_for = wording.duration(found.longest_seconds)
        return Part(name, "warn", "Slow", f"{count}, one transaction open for {open_for}")
    return Part(name, "ok", "Connected", count)


def _compaction(work: status.Work, now: datetime) -> Part:
    if (late := work.late(now)) > COMPACTION_IS_LATE:
        fact = f"nothing written for {wording.duration(late)}; figures stay right, pages get slower"
        return Part("Rollups", "warn", "Late", fact)
    return Part("Rollups", "ok", "Up to date", "what waits is added by whoever reads")


def _maintenance(work: status.Work, now: datetime) -> Part:
    name, taken = "Maintenance", work.photographed_at
    if taken is None or not work.is_anything_open:
        return Part(name, "ok", "Nothing to do", "nothing is open, so there is no backlog to note")
    fact = f"backlog photographed {wording.duration(max(now - taken, timedelta()))} ago"
    if now - taken <= PHOTOGRAPH_IS_LATE:
        return Part(name, "ok", "Runs", fact)
    return Part(name, "warn", "Late", f"{fact}; neither beat nor sweeper does it")


def _partitions(days: Collection[date], now: datetime) -> Part:
    name, last = "Partitions", max(days, default=None)
    if last and last >= (now + DAYS_AHEAD).date():
        ahead = (last - now.date()).days
        fact = f"{ahead} days ahead, to {last:%d %b %Y}; events are kept from {min(days):%d %b %Y}"
        return Part(name, "ok", "Made ahead", fact)
    return Part(name, "warn", "Short", "days are made when events come, which holds up a fold")


def _database(server: status.Server) -> Part:
    name, used = f"PostgreSQL {server.version}", f"{server.sessions} of {server.most_sessions}"
    if server.sessions > server.most_sessions * 0.9:
        return Part(name, "warn", "Nearly full", f"{used} connections in use")
    return Part(name, "ok", "Answers", f"{used} connections in use")


def _broker(broker: BrokerReport | None) -> Part:
    if broker is None:
        return Part("Broker", "warn", "Does not answer", "nothing is lost: the sweeper folds")
    return Part(f"Broker {broker.version}".rstrip(), "ok", "Answers", "rings for the workers")


def _disk(free: int, total: int) -> Part:
    share = free / total
    fact = f"{_size(free)} free, {share:.0%}, where this instance keeps its data"
    if share < DISK_IS_SHORT:
        return Part("Disk", "bad", "Nearly full", f"{fact}; shorten retention or add space")
    return Part("Disk", "ok", "Has room", fact)


def _versions(server: status.Server, broker: BrokerReport | None) -> dict[str, str]:
    return {
        "Python": platform.python_version(),
        **{name: version(package) for name, package in PACKAGES.items()},
        "PostgreSQL": server.version,
        "Broker": (broker.version if broker else "") or wording.NOTHING,
    }


def _size(size: int) -> str:
    return filesizeformat(size)
