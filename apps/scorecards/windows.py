"""Windows of time, and the rollup rows that add up to exactly one of them.

A window is cut to whole minutes, the finest grain. It is covered by the largest blocks of UTC that
fit, with finer ones at its edges, so 90 days cost about thirty rows a cell and are still exact to
the minute, in any time zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.scorecards.models import Rollup
from apps.scorecards.services import HOUR_DAYS, MINUTE_DAYS

MINUTE = timedelta(minutes=1)
QUARTER_HOUR = timedelta(minutes=15)
HOUR = timedelta(hours=1)
RESOLUTION = timedelta(microseconds=1)
NAMED = {
    "1h": HOUR,
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "28d": timedelta(days=28),
    "90d": timedelta(days=90),
}
# What a window is made of, largest first. Each is a whole number of the next; facility-local days
# are not among them, because no two time zones share them.
BLOCKS = (
    (Rollup.Grain.EIGHT_DAYS, timedelta(days=8)),
    (Rollup.Grain.UTC_DAY, timedelta(days=1)),
    (Rollup.Grain.FOUR_HOURS, timedelta(hours=4)),
    (Rollup.Grain.HOUR, HOUR),
    (Rollup.Grain.QUARTER_HOUR, QUARTER_HOUR),
    (Rollup.Grain.MINUTE, MINUTE),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Older minutes are dropped. A week begins in one that is kept for most of a day to come, so that
# what is asked again by its very beginning and end is the same.
MINUTES_KEPT = timedelta(days=MINUTE_DAYS) - HOUR
FURTHEST_BACK = timedelta(days=HOUR_DAYS - 1)


@dataclass(frozen=True)
class Window:
    """The half-open time [start, end), and whether it ends now."""

    start: datetime
    end: datetime
    is_live: bool


def named_window(name: str, *, end: datetime | None, now: datetime) -> Window:
    """The window of that length ending at `end`, or now with the minute under way included."""
    length = NAMED[name]
    return window_between((end or now) - length, end, now=now)


def window_between(start: datetime, end: datetime | None, *, now: datetime) -> Window:
    """From `start` to `end`, cut to what the rollups can tell apart; no `end` means now."""
    latest = ceil(now, MINUTE)
    last = min(latest, ceil(end, MINUTE)) if end else latest
    return Window(
        floor(start, _edge(start, now)), ceil(last, _edge(last, now)), is_live=last >= latest
    )


def cut(moment: datetime, now: datetime) -> datetime:
    """The last moment up to this one at which the rollups can be told apart."""
    return floor(moment, _edge(moment, now))


def _edge(moment: datetime, now: datetime) -> timedelta:
    return MINUTE if moment >= now - MINUTES_KEPT else HOUR


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of one grain whose buckets lie in [start, end)."""

    grain: Rollup.Grain
    start: datetime
    end: datetime


Blocks = Sequence[tuple[Rollup.Grain, timedelta]]


def pieces(start: datetime, end: datetime, blocks: Blocks = BLOCKS) -> list[Piece]:
    """The fewest rows that make up [start, end): large blocks inside, smaller ones around them."""
    if start >= end:
        return []
    (grain, step), *finer = blocks
    first, last = ceil(start, step), floor(end, step)
    if first >= last:
        return pieces(start, end, finer)
    return [*pieces(start, first, finer), Piece(grain, first, last), *pieces(last, end, finer)]


def snapped(window: Window, grain: int, zone: str) -> tuple[datetime, datetime]:
    """The whole buckets of this grain that cover the window."""
    if grain == Rollup.Grain.DAY:
        return _midnight_until(window.start, zone), _midnight_from(window.end, zone)
    step = HOUR if grain == Rollup.Grain.HOUR else MINUTE
    return floor(window.start, step), ceil(window.end, step)


def floor(moment: datetime, step: timedelta) -> datetime:
    moment = moment.astimezone(UTC)
    return moment - (moment - EPOCH) % step


def ceil(moment: datetime, step: timedelta) -> datetime:
    return floor(moment + step - RESOLUTION, step)


def _midnight_until(moment: datetime, zone: str) -> datetime:
    local = moment.astimezone(ZoneInfo(zone))
    return _midnight(local)


def _midnight_from(moment: datetime, zone: str) -> datetime:
    before = _midnight_until(moment, zone)
    if before == moment:
        return before
    return _midnight(before.astimezone(ZoneInfo(zone)) + timedelta(days=1))


def _midnight(local: datetime) -> datetime:
    """Where the local day begins; a skipped or repeated midnight is read as PostgreSQL does."""
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return max(start.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
