"""Figures in words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.dashboard import wording


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"), (0.4, "0.4 s"), (9.96, "10.0 s"), (61, "61 s"), (119.6, "120 s"),
        (120, "2 min"), (154, "2 m 34 s"), (600, "10 min"), (2220, "37 min"), (3600, "1 h"),
        (11_400, "3 h 10 m"), (86_399, "23 h 59 m"), (86_400, "1 d"), (777_600, "9 d"),
        (180_000, "2 d 2 h"),
    ],
)  # fmt: skip
def test_durations(seconds, words):
    assert plain(wording.duration(seconds)) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (None, "\u2013"), (7, "7 ms"), (999, "999 ms"), (1000, "1 s"), (41_300, "41 s"),
        (89_000, "89 s"), (102_000, "1.7 min"), (5_000_000, "83 min"), (6_120_000, "1.7 h"),
        (172_800_000, "2 d"),
    ],
)  # fmt: skip
def test_latencies(milliseconds, words):
    assert plain(wording.latency(milliseconds)) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "100"), (0.9996, "99.9"), (0.99, "99.0"), (1 / 3, "33.3"), (0, "0.0")],
)
def test_a_share_is_never_rounded_up(share, words):
    assert wording.percent(share) == words


@pytest.mark.parametrize(
    ("minor", "words"),
    [(0, "$0.00"), (1, "$0.01"), (1_891_240, "$18,912.40"), (-5, "\u2212$0.05"),
     (9_007_199_254_740_993, "$90,071,992,547,409.93")],
)  # fmt: skip
def test_money_is_exact(minor, words):
    assert wording.money(minor) == words


@pytest.mark.parametrize(
    ("minor", "words"),
    [(75_849, "$758"), (1_891_240, "$18.91k"), (17_590_000, "$175.9k"), (123_999_000_00, "$124.0M"),
     (5_000_000_000_00, "$5.00B"), (-250_000, "\u2212$2.50k")],
)  # fmt: skip
def test_money_on_tiles_is_brief(minor, words):
    assert wording.brief_money(minor) == words


def test_today_needs_no_date_and_another_day_does():
    zone = ZoneInfo("America/New_York")
    now = datetime(2026, 3, 8, 12, tzinfo=UTC)
    assert wording.clock_time(datetime(2026, 3, 8, 7, 30, tzinfo=UTC), zone, now=now) == "03:30:00"
    assert (
        wording.clock_time(datetime(2026, 3, 8, 4, tzinfo=UTC), zone, now=now) == "7 Mar 23:00:00"
    )


@pytest.mark.parametrize(
    ("detail", "shown"),
    [("minute", "7 Mar 23:00 EST"), ("exact", "7 Mar 23:00:09 EST"), ("day", "7 Mar")],
)
def test_a_moment_says_its_day_and_zone_and_the_year_if_it_is_another(detail, shown):
    zone, moment = ZoneInfo("America/New_York"), datetime(2026, 3, 8, 4, 0, 9, tzinfo=UTC)
    assert wording.date_time(moment, zone, detail, now=moment) == shown
    later = wording.date_time(moment, zone, detail, now=moment + timedelta(days=365))
    assert later == shown.replace("Mar", "Mar 2026")
