"""The choices of window and places that pages share, and the tiles of a scorecard."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from apps.dashboard import wording
from apps.dashboard.heat import p95
from apps.dashboard.scope import Choice, Scope
from apps.dashboard.tiles import Tile
from apps.scorecards.queries import Glance, State
from apps.scorecards.windows import Window

WINDOWS = {
    "1h": ("1 h", "last hour"),
    "24h": ("24 h", "last 24 hours"),
    "7d": ("7 d", "last 7 days"),
    "28d": ("28 d", "last 28 days"),
    "90d": ("90 d", "last 90 days"),
}
DEFAULT_WINDOW = "24h"
STALE_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a reader chose to look at, as it stands in the address."""

    window: str
    places: Choice

    @property
    def query(self) -> str:
        """The query string that leads back here; nothing for what goes without saying."""
        chosen = {}
        if self.window != DEFAULT_WINDOW:
            chosen["window"] = self.window
        if self.places.value != "all":
            chosen["places"] = self.places.value
        return f"?{urlencode(chosen)}" if chosen else ""


def selection(scope: Scope, *, window: str, places: str) -> Selection:
    """The choice in an address; what cannot be chosen falls back to the default."""
    return Selection(window if window in WINDOWS else DEFAULT_WINDOW, scope.choice(places))


def is_stale(state: State, now: datetime) -> bool:
    """Whether the figures reach so far back only that a reader has to be told."""
    return now - state.reach(now) > STALE_AFTER


def tiles(total: Glance, window: Window, now: datetime) -> list[Tile]:
    """The figures of some cells together."""
    due = f"of {wording.count(total.due)} due" if total.due else "nothing was due"
    share = wording.NOTHING if total.attainment is None else wording.percent(total.attainment)
    return [
        Tile("Started", wording.count(total.started), foot=f"{wording.count(total.events)} events"),
        Tile("Within SLA", share, "%" if total.due else "", due),
        _p95_tile(total),
        Tile("Open", wording.count(total.open), foot=_oldest(total, now)),
        _overdue_tile(total),
        Tile("Dollars open", wording.brief_money(total.amount_open),
             foot=f"{wording.brief_money(total.amount_at_risk)} at risk"),
    ]  # fmt: skip


def _p95_tile(total: Glance) -> Tile:
    figure, _, unit = p95(total).partition(wording.NARROW)
    [median] = total.quantiles(0.5)
    return Tile("p95 latency", figure, unit, f"median {wording.latency(median)}")


def _overdue_tile(total: Glance) -> Tile:
    foot = f"{wording.count(total.troubled)} failed or dead-lettered"
    icon = "alert-triangle" if total.overdue else ""
    return Tile("Overdue", wording.count(total.overdue), foot=foot, icon=icon)


def _oldest(total: Glance, now: datetime) -> str:
    return f"oldest {wording.duration(now - total.oldest_at)}" if total.oldest_at else "none waits"
