"""Windows of time, and the rollup rows that add up to exactly one of them.

A window is cut to whole minutes, the finest grain. A long one is made of facility-local days in
the middle, hours around them and minutes at the edges, so 90 days cost about a hundred rows a cell
and are still exact to the minute.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apps.scorecards.models import Rollup
from apps.scorecards.services import HOUR_DAYS, MINUTE_DAYS

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
RESOLUTION = timedelta(microseconds=1)
NAMED = {
    "1h": HOUR,
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "28d": timedelta(days=28),
    "90d": timedelta(days=90),
}
# Below this, hours are few enough and days would only add edges.
HOURS_ONLY = timedelta(hours=48)
# Older minutes are dropped (a day of margin for the job that drops them).
MINUTES_KEPT = timedelta(days=MINUTE_DAYS - 1)
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


def _edge(moment: datetime, now: datetime) -> timedelta:
    return MINUTE if moment >= now - MINUTES_KEPT else HOUR


def ranges(window: Window, *, zones: Collection[str]) -> dict[str, Any]:
    """Where rows of each grain can count, as the reader's statement names it.

    Hours count up to the first local midnight and from the last one: a day has 25 hours at most.
    Minutes count in the two hours at the edges, and around a midnight that is on no full hour.
    """
    start, end = window.start, window.end
    by_days = end - start > HOURS_ONLY
    around = timedelta(hours=26) if by_days else end - start
    is_wide = by_days and not all(_has_full_hours(zone, start) for zone in zones)
    return {
        "start": start,
        "end": end,
        "by_days": by_days,
        "hours_until": start + around,
        "hours_from": end - around,
        "minutes_until": start + around if is_wide else min(ceil(start, HOUR), end),
        "minutes_from": end - around if is_wide else max(floor(end, HOUR), start),
    }


def _has_full_hours(zone: str, moment: datetime) -> bool:
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    return offset is not None and offset % HOUR == timedelta()


def snapped(window: Window, grain: int, zone: str) -> tuple[datetime, datetime]:
    """The whole buckets of this grain that cover the window."""
    if grain == Rollup.Grain.DAY:
        return _midnight_until(window.start, zone), _midnight_from(window.end, zone)
    step = HOUR if grain == Rollup.Grain.HOUR else MINUTE
    return floor(window.start, step), ceil(window.end, step)


def floor(moment: datetime, step: timedelta) -> datetime:
    moment = moment.astimezone(UTC)
    return moment - (moment - datetime.min.replace(tzinfo=UTC)) % step


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
