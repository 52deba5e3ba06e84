"""The honesty strip: how far the figures reach, and what is known to be missing from them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.dashboard import wording
from apps.dashboard.board import STALE_AFTER
from apps.dashboard.scope import Scope
from apps.scorecards.queries import state
from apps.telemetry.queries import count_quarantined

# A fold takes a moment; below this, what waits is simply on its way.
LATE_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Strip:
    """What the strip says."""

    reach: datetime
    reach_text: str
    zone: str
    behind: str
    is_stale: bool
    quarantined: int
    hidden: int
    sites: int


def strip_of(scope: Scope, *, now: datetime) -> Strip:
    """The state of the data this reader sees."""
    reach = state().reach(now)
    behind = now - reach
    return Strip(
        reach,
        wording.clock_time(reach, scope.zone, now=now),
        reach.astimezone(scope.zone).tzname() or "UTC",
        wording.duration(behind) if behind > LATE_AFTER else "",
        behind > STALE_AFTER,
        _quarantined(scope),
        scope.all_sites - len(scope.sites),
        scope.all_sites,
    )


def _quarantined(scope: Scope) -> int:
    return count_quarantined(facilities=scope.ids, everywhere=scope.is_everything)
