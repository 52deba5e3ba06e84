"""The page of the product itself: does every part work, and what to do where one does not."""

import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from apps.core.health import BrokerReport, broker_report
from apps.dashboard import wording
from apps.dashboard.board import Tile
from apps.pipeline import status
from apps.telemetry.journal import Waiting, waiting

LAG_IS_LATE = 3.0  # seconds: what the sweeper alone keeps
COMPACTION_IS_LATE = timedelta(seconds=30)
PHOTOGRAPH_IS_LATE = timedelta(minutes=15)
TRANSACTION_IS_LONG = 60.0
DISK_IS_SHORT = 0.1
DAYS_AHEAD = timedelta(days=2)
PARTITIONED = "telemetry_event"
PACKAGES = {
    "Django": "django",
    "Celery": "celery",
    "psycopg": "psycopg",
    "Granian": "granian",
    "django-htmx": "django-htmx",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the product: how it stands, and what that means or asks for."""

    name: str
    css: str
    word: str
    fact: str

    @property
    def icon(self) -> str:
        return {"ok": "circle-check", "warn": "alert-triangle", "bad": "circle-x"}[self.css]


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
    lag, work, server = waiting(), status.work(), status.server()
    broker, tables, disk = broker_report(), status.stored(), shutil.disk_usage(settings.VAR)
    parts = [
        _folding(lag, work.failed),
        *_processes(status.sessions()),
        _compaction(work, now),
        _maintenance(work, now),
        _partitions(tables, now),
        _database(server),
        _broker(broker),
        _disk(disk.free / disk.total, disk.free),
    ]
    return Picture(
        _tiles(lag, work, broker, server, disk.free),
        parts,
        status.failed_batches() if work.failed else [],
        tables,
        _versions(server, broker),
    )


def _tiles(
    lag: Waiting, work: status.Work, broker: BrokerReport | None, server: status.Server, free: int
) -> list[Tile]:
    bells = wording.count(broker.bells) if broker else wording.NOTHING
    return [
        Tile("Fold lag", f"{lag.fold_lag_seconds:.1f}", "s", "age of the oldest that waits"),
        Tile("Batches waiting", wording.count(lag.waiting_batches), foot="accepted, not counted"),
        Tile("Batches given up", wording.count(work.failed), foot="after three attempts",
             icon="alert-triangle" if work.failed else ""),
        Tile("Changes on their way", wording.count(work.deltas), foot="counted, not compacted"),
        Tile("Bells queued", bells, foot="in the broker"),
        Tile("Stored", _size(server.bytes), foot=f"{_size(free)} free"),
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
    """By their database sessions; the page itself is the proof of the web process."""
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
    name = "Rollups"
    if not work.deltas or not work.compacted_at:
        return Part(name, "ok", "Up to date", "nothing waits")
    age = now - work.compacted_at
    fact = f"last written {wording.duration(max(age, timedelta()))} ago"
    if age <= COMPACTION_IS_LATE:
        return Part(name, "ok", "Up to date", fact)
    return Part(name, "warn", "Late", f"{fact}; figures stay right, pages get slower")


def _maintenance(work: status.Work, now: datetime) -> Part:
    name, taken = "Maintenance", work.photographed_at
    if taken is None:
        return Part(name, "ok", "Nothing yet", "the backlog is empty or was never photographed")
    fact = f"backlog photographed {wording.duration(max(now - taken, timedelta()))} ago"
    if now - taken <= PHOTOGRAPH_IS_LATE:
        return Part(name, "ok", "Runs", fact)
    return Part(name, "warn", "Late", f"{fact}; neither beat nor sweeper does it")


def _partitions(tables: list[status.Stored], now: datetime) -> Part:
    name = "Partitions"
    events = next((one for one in tables if one.name == PARTITIONED), None)
    last = events.last_day if events else None
    if last and last >= (now + DAYS_AHEAD).date():
        return Part(name, "ok", "Made ahead", f"events up to {last:%d %b %Y} have their day")
    return Part(name, "warn", "Short", "days are made when events come, which holds up a fold")


def _database(server: status.Server) -> Part:
    name, used = f"PostgreSQL {server.version}", f"{server.sessions} of {server.most_sessions}"
    if server.sessions > server.most_sessions * 0.9:
        return Part(name, "warn", "Nearly full", f"{used} connections in use")
    return Part(name, "ok", "Answers", f"{used} connections in use")


def _broker(broker: BrokerReport | None) -> Part:
    if broker is None:
        return Part("Broker", "warn", "Does not answer", "nothing is lost: the sweeper folds")
    return Part(f"Broker {broker.version}", "ok", "Answers", "rings for the workers")


def _disk(share: float, free: int) -> Part:
    fact = f"{_size(free)} free, {share:.0%}, where this instance keeps its data"
    if share < DISK_IS_SHORT:
        return Part("Disk", "bad", "Nearly full", f"{fact}; shorten retention or add space")
    return Part("Disk", "ok", "Has room", fact)


def _versions(server: status.Server, broker: BrokerReport | None) -> dict[str, str]:
    return {
        "Python": platform.python_version(),
        **{name: version(package) for name, package in PACKAGES.items()},
        "PostgreSQL": server.version,
        "Broker": broker.version if broker else wording.NOTHING,
    }


def _size(size: int) -> str:
    return filesizeformat(size)
