"""What a request for scorecards may ask, read from its query string."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.http import QueryDict

from apps.catalog.snapshot import Snapshot, Workflow
from apps.scorecards.models import Rollup
from apps.scorecards.windows import FURTHEST_BACK, NAMED, Window, named_window, window_between

KNOWN = {"window", "from", "to", "as_of", "workflow", "facility", "grain"}
DEFAULT_WINDOW = "24h"
# fromisoformat alone also takes week dates and NUL; other centuries leave no room for arithmetic.
RFC_3339 = re.compile(r"2[01]\d\d-\d\d-\d\d[T+]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
# Blocks are how windows are read, and nobody's calendar.
GRAINS = {
    "minute": Rollup.Grain.MINUTE,
    "hour": Rollup.Grain.HOUR,
    "day": Rollup.Grain.DAY,
}
# So that an answer stays within some ten thousand buckets for each cell.
LONGEST = {
    Rollup.Grain.MINUTE: timedelta(hours=24),
    Rollup.Grain.HOUR: timedelta(days=31),
    Rollup.Grain.DAY: FURTHEST_BACK,
}


class BadParameter(Exception):
    """A parameter that means nothing here: its name and what would."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name


class OutOfScope(Exception):
    """A facility that is none, or none of the reader's."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request for scorecards, understood."""

    window: Window
    zones: Mapping[int, str]
    workflows: Sequence[Workflow]
    grain: Rollup.Grain | None


def read_question(
    query: QueryDict, *, catalogue: Snapshot, facilities: Sequence[int], now: datetime
) -> Question:
    """The question in a query string, within these facilities."""
    if unknown := sorted(set(query) - KNOWN):
        raise BadParameter(unknown[0], f"Known parameters: {', '.join(sorted(KNOWN))}.")
    window, grain = read_window(query, now), _grain(query)
    if grain and window.end - window.start > LONGEST[grain]:
        longest = LONGEST[grain].days
        raise BadParameter("grain", f"At most {longest} days of {query['grain']} buckets.")
    return Question(
        window, _zones(query, catalogue, facilities), _workflows(query, catalogue), grain
    )


def read_window(query: QueryDict, now: datetime) -> Window:
    """The window a query string names: by its length, or from and to."""
    if "window" in query and ("from" in query or "to" in query):
        raise BadParameter("window", "Either a window, or from and to.")
    if "to" in query and "as_of" in query:
        raise BadParameter("as_of", "Either to or as_of: both name the end.")
    end = _as_of(query, now) or _moment(query, "to")
    if "from" not in query:
        if "to" in query:
            raise BadParameter("from", "from is missing; to alone says no length.")
        return _named(query, end, now)
    start = _moment(query, "from")
    assert start is not None  # noqa: S101  it is in the query
    return _between(start, end, now)


def _named(query: QueryDict, end: datetime | None, now: datetime) -> Window:
    name = query.get("window", DEFAULT_WINDOW)
    if name not in NAMED:
        raise BadParameter("window", f"One of {', '.join(NAMED)}.")
    _check_reach((end or now) - NAMED[name], "as_of", now)
    return named_window(name, end=end, now=now)


def _between(start: datetime, end: datetime | None, now: datetime) -> Window:
    if start >= (end or now) or start >= now:
        raise BadParameter("from", "from must lie before the end of the window and in the past.")
    _check_reach(start, "from", now)
    return window_between(start, end, now=now)


def _check_reach(start: datetime, name: str, now: datetime) -> None:
    if start < now - FURTHEST_BACK:
        raise BadParameter(name, f"Windows reach back {FURTHEST_BACK.days} days at most.")


def _as_of(query: QueryDict, now: datetime) -> datetime | None:
    moment = _moment(query, "as_of")
    if moment and moment > now:
        raise BadParameter("as_of", "as_of must not lie in the future.")
    return moment


def _moment(query: QueryDict, name: str) -> datetime | None:
    """An RFC 3339 time. A plus sign that was not escaped arrives as a space."""
    text = query.get(name)
    if text is None:
        return None
    try:
        text = text.strip().replace(" ", "+").upper()
        moment = datetime.fromisoformat(text if RFC_3339.fullmatch(text) else "")
    except ValueError:
        detail = "An RFC 3339 time, for example 2026-03-02T09:00:00Z."
        raise BadParameter(name, detail) from None
    if moment.tzinfo is None:
        raise BadParameter(name, "A time needs its offset, for example Z or -06:00.")
    return moment.astimezone(UTC)


def _grain(query: QueryDict) -> Rollup.Grain | None:
    if "grain" not in query:
        return None
    if query["grain"] not in GRAINS:
        raise BadParameter("grain", f"One of {', '.join(GRAINS)}.")
    return GRAINS[query["grain"]]


def _workflows(query: QueryDict, catalogue: Snapshot) -> list[Workflow]:
    codes = query.getlist("workflow") or list(catalogue.workflows)
    if unknown := [code for code in codes if code not in catalogue.workflows]:
        raise BadParameter("workflow", f"{unknown[0][:40]!r} is no workflow.")
    return [one for code, one in catalogue.workflows.items() if code in codes]


def _zones(query: QueryDict, catalogue: Snapshot, facilities: Sequence[int]) -> dict[int, str]:
    """The reader's facilities, or those of them that lie at or below the ones named."""
    allowed, known = set(facilities), catalogue.facilities_by_id
    chosen = allowed if "facility" not in query else set()
    for code in query.getlist("facility"):
        place = catalogue.facilities.get(code)
        if place is None or place.id not in allowed:
            raise OutOfScope
        chosen |= catalogue.subtrees[place.id] & allowed
    return {one: place.time_zone for one, place in known.items() if one in chosen}
