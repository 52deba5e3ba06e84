"""The tiles of the flow page: each figure with what is usual beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

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
    address: Callable[[str], str]


def flow_tiles(now: Now, past: Past) -> list[Tile]:
    """The six figures of the page."""
    return [
        Tile("Messages", wording.count(now.total.events), foot=_against_usual(now, past),
             address=now.address("events"), metric="events"),
        _within(now, past),
        _p95(now, past),
        Tile("Backlog", wording.count(now.total.open),
             foot=drain_in_words(now.total.open, past.drain(now.total.open)),
             address=now.address("open"), metric="open"),
        _burning(now),
        Tile("Silent feeds", wording.count(now.silent), f"of {wording.count(now.feeds)}",
             "no event for an hour that is usually busy",
             "volume-off" if now.silent else "",
             address=now.address("silent"), metric="silent"),
    ]  # fmt: skip


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
        return Tile("Within SLA", wording.NOTHING, foot="nothing was due",
                    address=now.address("attainment"), metric="attainment")  # fmt: skip
    before = past.before.attainment
    compared = f", {wording.percent(before)} a week before" if before is not None else ""
    figure = wording.percent(total.attainment)
    return Tile(
        "Within SLA",
        figure,
        "%",
        f"of {wording.count(total.due)} due{compared}",
        address=now.address("attainment"),
        metric="attainment",
    )


def _p95(now: Now, past: Past) -> Tile:
    figure, _, unit = p95(now.total).partition(wording.NARROW)
    [before] = past.before.quantiles(P95)
    foot = NO_WEEK if before is None else f"was {wording.latency(before)} a week before"
    return Tile("p95 latency", figure, unit, foot, address=now.address("p95"), metric="p95")


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
    return Tile(
        "Burning budget", figure, f"of {wording.count(len(burns))}", foot, icon,
        address=now.address("burning"), metric="burning",
    )  # fmt: skip
