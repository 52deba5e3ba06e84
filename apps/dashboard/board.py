"""The choices of window and places that pages share."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from apps.dashboard import figures
from apps.dashboard.scope import Choice, Scope
from apps.scorecards.queries import State
from apps.scorecards.windows import named_window

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
    def where(self) -> dict[str, str]:
        """The part of a figure's address that says of what places."""
        return {"places": "" if self.places.value == "all" else self.places.value}

    def counted(self, code: str, now: datetime) -> dict[str, str]:
        """The same with the time in which the board of now counts a figure."""
        return figures.counted_in(named_window(self.window, end=None, now=now), self.where, code)

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
