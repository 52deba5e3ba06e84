"""Local time: hour slots, office hours and holidays, all in milliseconds since 1970 (UTC)."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR = 3_600_000
DAY = 24 * HOUR
OPENS, CLOSES, MORNING = 8, 17, 6
_MONTH_END_DAYS = 2
SATURDAY, SUNDAY = 5, 6


class Local(NamedTuple):
    """What people at a place call an hour slot."""

    day: date
    hour: int
    weekday: int


def floor_hour(moment: int) -> int:
    """The number of the hour slot that holds a moment."""
    return moment // HOUR


@cache
def local(slot: int, zone: str) -> Local:
    """The local date and hour at the beginning of an hour slot. A holiday counts as a Sunday."""
    there = datetime.fromtimestamp(slot * 3600, UTC).astimezone(ZoneInfo(zone))
    day = there.date()
    return Local(day, there.hour, SUNDAY if is_holiday(day) else day.weekday())


def local_date(moment: int, zone: str) -> date:
    """The local date of a moment; every zone we know keeps whole hours at midnight."""
    return local(floor_hour(moment), zone).day


@cache
def is_holiday(day: date) -> bool:
    """The six holidays on which offices and clinics of the network stay closed."""
    nth = (day.day - 1) // 7 + 1
    fixed = (day.month, day.day) in {(1, 1), (7, 4), (12, 25)}
    memorial = day.month == 5 and day.weekday() == 0 and day.day > 24
    labor = (day.month, day.weekday(), nth) == (9, 0, 1)
    thanksgiving = (day.month, day.weekday(), nth) == (11, 3, 4)
    return fixed or memorial or labor or thanksgiving


def is_workday(day: date) -> bool:
    return day.weekday() < SATURDAY and not is_holiday(day)


@cache
def is_first_workday(day: date) -> bool:
    """Whether no earlier day of the month was a workday."""
    return is_workday(day) and not any(is_workday(day.replace(day=n)) for n in range(1, day.day))


@cache
def is_month_end(day: date) -> bool:
    """Whether the books of a month close: its last two days and the first two of the next."""
    return (
        day.day <= _MONTH_END_DAYS or (day + timedelta(days=_MONTH_END_DAYS)).day <= _MONTH_END_DAYS
    )


class Office:
    """The office hours of one time zone: adds working time to a moment."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.opens: list[int] = []
        self.closes: list[int] = []

    def add(self, moment: int, working: float) -> int:
        """When `working` milliseconds of office time have passed since a moment."""
        self._cover(moment)
        index = max(bisect_right(self.opens, moment) - 1, 0)
        left = working
        while True:
            if index == len(self.opens):
                self._extend()
            start = max(moment, self.opens[index])
            if start + left <= self.closes[index]:
                return int(start + left)
            left -= max(0, self.closes[index] - start)
            index += 1

    def _cover(self, moment: int) -> None:
        if not self.opens or moment < self.opens[0]:
            self._restart(moment - 7 * DAY)
        while self.closes[-1] < moment:
            self._extend()

    def _restart(self, moment: int) -> None:
        self.opens, self.closes = [], []
        self._day = datetime.fromtimestamp(moment / 1000, self.zone).date()
        self._extend()

    def _extend(self) -> None:
        """Add the next workday."""
        self._day += timedelta(days=1)
        while not is_workday(self._day):
            self._day += timedelta(days=1)
        self.opens.append(self._at(OPENS))
        self.closes.append(self._at(CLOSES))

    def _at(self, hour: int) -> int:
        day = self._day
        return int(
            datetime(day.year, day.month, day.day, hour, tzinfo=self.zone).timestamp() * 1000
        )


@cache
def office(zone: str) -> Office:
    """The one table of a zone's office hours."""
    return Office(zone)


def next_morning(moment: int, zone: str) -> int:
    """The next 06:00 local time after a moment."""
    there = datetime.fromtimestamp(moment / 1000, ZoneInfo(zone))
    day = there.date() + timedelta(days=there.hour >= MORNING)
    return int(
        datetime(day.year, day.month, day.day, MORNING, tzinfo=ZoneInfo(zone)).timestamp() * 1000
    )
