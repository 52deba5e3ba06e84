"""Figures in words: short enough for a cell, honest when rounded."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from math import floor
from zoneinfo import ZoneInfo

MINUTE = 60
STEPS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (MINUTE, "m", 1, "s"))
SCALES = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
NOTHING = "\u2013"
MINUS = "\u2212"
NARROW = "\u202f"  # a narrow no-break space, between a figure and its unit


def duration(length: timedelta | float) -> str:
    """Two units at most: `3 h 10 m`, `37 min`, `61 s`, `0.4 s`."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f}{NARROW}s" if seconds >= 10 else f"{seconds:.1f}{NARROW}s"
    size, unit, below, smaller = next(step for step in STEPS if seconds >= step[0])
    whole, rest = divmod(int(seconds), size)
    if size == MINUTE and (whole >= 10 or not rest):
        return f"{whole}{NARROW}min"
    part = f" {rest // below}{NARROW}{smaller}" if rest >= below else ""
    return f"{whole}{NARROW}{unit}{part}"


def latency(milliseconds: float | None) -> str:
    """One unit, two significant figures or so: `41 s`, `3.2 h`."""
    if milliseconds is None:
        return NOTHING
    seconds = milliseconds / 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size * (1 if size in (1, 86_400) else 1.5):
            return f"{brief(seconds / size)}{NARROW}{unit}"
    return f"{milliseconds:.0f}{NARROW}ms"


def percent(share: float) -> str:
    """One decimal, rounded down: 99.96 % is not 100."""
    tenths = floor(share * 1000 + 1e-9)
    return "100" if tenths == 1000 else f"{tenths / 10:.1f}"


def objective(share: float) -> str:
    return f"{share * 100:.5f}".rstrip("0").rstrip(".")


def threshold(measure: str, seconds: int) -> str:
    """A limit as people say it, with the way it is counted."""
    if measure == "time_of_day":
        return f"by {seconds // 3600 % 24:02}:{seconds // 60 % 60:02} local time"
    if measure == "business":
        # A day of open hours would be anyone's guess.
        return f"within {seconds / 3600:g}{NARROW}h of open hours"
    return f"within {latency(seconds * 1000)}"


def count(number: int) -> str:
    return f"{number:,}"


def signed(number: int) -> str:
    """With a real minus sign."""
    return f"{MINUS}{-number:,}" if number < 0 else f"{number:,}"


def points(change: float | None) -> str:
    """Percentage points with their sign; nothing where there is nothing to compare."""
    if change is None:
        return NOTHING
    return f"{MINUS}{-change:.1f}" if change <= -0.05 else f"+{abs(change):.1f}"


def money(minor: int) -> str:
    """Exact: `$18,912.40`."""
    sign = MINUS if minor < 0 else ""
    return f"{sign}${Decimal(abs(minor)).scaleb(-2):,.2f}"


def brief_money(minor: int) -> str:
    """For tiles: `$1.24M`."""
    amount = Decimal(abs(minor)).scaleb(-2)
    sign = MINUS if minor < 0 else ""
    for size, unit in SCALES:
        if amount >= size:
            shown = (amount / size).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
            return f"{sign}${shown:,.2f}{unit}" if shown < 100 else f"{sign}${shown:,.1f}{unit}"
    return f"{sign}${amount:,.0f}"


def clock_time(moment: datetime, zone: ZoneInfo, *, now: datetime) -> str:
    """`10:42:07` today, otherwise with its day."""
    local = moment.astimezone(zone)
    if local.date() == now.astimezone(zone).date():
        return f"{local:%H:%M:%S}"
    return f"{local.day} {local:%b %H:%M:%S}"


def date_time(moment: datetime, zone: ZoneInfo, detail: str, *, now: datetime) -> str:
    """With its day and zone: `21 Nov 22:19 CST`; the year where it is another."""
    local = moment.astimezone(zone)
    year = "" if local.year == now.astimezone(zone).year else f" {local.year}"
    date = f"{local.day} {local:%b}{year}"
    if detail == "day":
        return date
    return f"{date} {local:%H:%M:%S %Z}" if detail == "exact" else f"{date} {local:%H:%M %Z}"


def zone_in_words(zone: ZoneInfo) -> str:
    """Whatever the season: `Chicago time`."""
    place = str(zone).rpartition("/")[2].replace("_", " ")
    return place if place == "UTC" else f"{place} time"


def day(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B}"


def brief(value: float) -> str:
    """Two significant figures or so: `1.7`, `12`."""
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"
