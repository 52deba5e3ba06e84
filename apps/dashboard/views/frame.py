"""What pages with a choice of window share."""

from datetime import datetime
from typing import Any

from apps.dashboard import board
from apps.dashboard.scope import Scope


def frame(now: datetime, scope: Scope, chosen: board.Selection) -> dict[str, Any]:
    """What every page with a choice of window needs."""
    return {
        "now": now,
        "scope": scope,
        "chosen": chosen,
        "windows": board.WINDOWS,
        "window_name": board.WINDOWS[chosen.window][1],
    }
