"""The tiles of the flow page: each figure with what is usual beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from apps.dashboard import wording
from apps.dashboard.flow.compare import Past
from apps.dashboard.heat import P95, p95
from apps.dashboard.tiles import Tile
from apps.scorecards.burn import Burn, Level
from apps.scorecards.queries import Glance
from apps.scorecards.usual import Drain
from apps.scorecards.windows import Window

NO_USUAL = "no usual yet"
NO_WEEK = "no week before to compare"
A_DAY = 24


@dataclass(frozen=True, slots=True)
class Now:
    """What the tiles tell."""

    total: Glance
    window: Window
    burns: Sequence[Burn]
    silent: int
    feeds: int
    # Where a metric of these figures is explained.
    address: Callable[[str, str], str]


def flow_tiles(now: Now, past: Past) -> list[Tile]:
    """The six figures of the page."""
    return [
        _tile(now, "events", "Messages", wording.count(now.total.events),
              foot=_against_usual(now, past)),
        _within(now, past),
        _p95(now, past),
        _tile(now, "open", "Backlog", wording.count(now.total.open),
              foot=drain_in_words(now.total.open, past.drain(now.total.open))),
        _burning(now),
        _tile(now, "silent", "Silent feeds", wording.count(now.silent),
              unit=f"of {wording.count(now.feeds)}",
              foot="no event for an hour that is usually busy",
              icon="volume-off" if now.silent else ""),
    ]  # fmt: skip


def _tile(now: Now, code: str, label: str, figure: str, **more: Any) -> Tile:
    """A figure that opens its explanation, which is told what was shown."""
    return Tile(label, figure, **more, address=now.address(code, figure), metric=code)


def _against_usual(now: Now, past: Past) -> str:
    usual = past.usual(now.window)
    if not usual:
        return NO_USUAL
    return percent_against(now.total.events, usual)


def percent_against(found: float, usual: float) -> str:
    """`4 % under usual`."""
    percent = round((found - usual) / usual * 100)
    if not percent:
        return "as usual"
    return f"{abs(percent)}{wording.NARROW}% {'over' if percent > 0 else 'under'} usual"


def _within(now: Now, past: Past) -> Tile:
    total = now.total
    if total.attainment is None:
        return _tile(now, "attainment", "Within SLA", wording.NOTHING, foot="nothing was due")
    before = past.before.attainment
    compared = f", {wording.percent(before)} a week before" if before is not None else ""
    foot = f"of {wording.count(total.due)} due{compared}"
    share = wording.percent(total.attainment)
    return _tile(now, "attainment", "Within SLA", share, unit="%", foot=foot)


def _p95(now: Now, past: Past) -> Tile:
    figure, _, unit = p95(now.total).partition(wording.NARROW)
    [before] = past.before.quantiles(P95)
    foot = NO_WEEK if before is None else f"was {wording.latency(before)} a week before"
    return _tile(now, "p95", "p95 latency", figure, unit=unit, foot=foot)


def drain_in_words(backlog: int, drain: Drain | None) -> str:
    """`drains in 3 h to 5 h`: on quiet days, and on busy ones."""
    if not backlog:
        return "nothing waits"
    if drain is None:
        return "no forecast yet"
    if drain.soonest is None:
        return "will not drain at this pace"
    soonest = hours_in_words(drain.soonest)
    if drain.latest is None:
        return f"drains in {soonest} at best, not at all on busy days"
    latest = hours_in_words(drain.latest)
    return f"drains in {soonest}" + ("" if latest == soonest else f" to {latest}")


def hours_in_words(hours: float) -> str:
    """As rough as a forecast is: whole hours, days from two on."""
    if hours < 1:
        return f"{max(5, ceil(hours * 12) * 5)}{wording.NARROW}min"
    if hours < 2 * A_DAY:
        return f"{round(hours)}{wording.NARROW}h"
    return f"{round(hours / A_DAY)}{wording.NARROW}d"


def _burning(now: Now) -> Tile:
    burns = now.burns
    pages = sum(burn.level == Level.PAGE for burn in burns)
    tickets = sum(burn.level == Level.TICKET for burn in burns)
    foot = "every budget keeps its pace"
    if pages or tickets:
        foot = f"pages: {pages}, tickets: {tickets}"
    icon = "flame" if pages or tickets else ""
    figure = wording.count(pages + tickets)
    unit = f"of {wording.count(len(burns))}"
    return _tile(now, "burning", "Burning budget", figure, unit=unit, foot=foot, icon=icon)
