"""Figures that explain themselves: how each kind is written, and where its explanation is."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.safestring import SafeString

from apps.core.markup import markup
from apps.dashboard import wording
from apps.scorecards.metrics import METRICS, Kind
from apps.scorecards.windows import Window

# Counts and shares: what an explanation can tell a difference from.
A_NUMBER = re.compile(r"[\d,]{1,15}(\.\d)?")


def shown(code: str, value: float | None) -> str:
    """A figure in words; a dash where there is no data."""
    if value is None:
        return wording.NOTHING
    match METRICS[code].kind:
        case Kind.SHARE:
            return wording.percent(value)
        case Kind.QUANTILE:
            return wording.latency(value)
        case Kind.MONEY:
            return wording.brief_money(int(value))
        case Kind.AGE:
            return wording.duration(timedelta(seconds=value))
        case Kind.BUDGET:
            return wording.signed(int(value))
        case Kind.CHANGE:
            return wording.points(value)
        case Kind.RATE:
            return f"{value:.1f}\u00d7"
        case Kind.COUNT | Kind.CELLS:
            return wording.count(int(value))


def address(code: str, **where: str) -> str:
    """Where a figure is explained. What goes without saying is left out."""
    query = "&".join(_said(name, value) for name, value in where.items() if value)
    return f"{_path(code)}?{query}" if query else _path(code)


def figure(text: str, code: str, **where: str) -> SafeString:
    """A figure as a link to its explanation, which a drawer shows where there is script.

    It says what the page showed: by the time it is opened, more may have arrived.
    """
    return markup(
        '<a class="figure" data-dialog="drawer" data-metric="{}" href="{}">{}</a>',
        code,
        address(code, **where, seen=seen(text)),
        text,
    )


def seen(text: str) -> str:
    """A figure as an address says it: `1234`, `98.2`; nothing of what is no plain number."""
    return text.replace(",", "") if A_NUMBER.fullmatch(text) else ""


def between(start: datetime, end: datetime) -> dict[str, str]:
    """The part of an address that says when."""
    return {"from": moment(start), "to": moment(end)}


def counted_in(window: Window, where: Mapping[str, str], code: str) -> dict[str, str]:
    """Where and when a page has counted a figure; what is counted as of now has no when.

    The window is named by its ends and not by its length, so that an explanation that is opened
    later is about the time that the page is about.
    """
    of = METRICS[code]
    if of.is_standing and of.kind is not Kind.CELLS:
        return {**where}
    return {**where, **between(window.start, window.end)}


@lru_cache(maxsize=64)
def moment(of: datetime) -> str:
    """A time as an address says it. A page says the same two in hundreds."""
    return of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4096)
def _said(name: str, value: str) -> str:
    """One part of a query. Hundreds of addresses of a page say the same place and time."""
    return urlencode({name: value}, safe=":")


@cache
def _path(code: str) -> str:
    """A page writes hundreds: reversing each would take longer than the database does."""
    return reverse("dashboard:explain", args=[METRICS[code].code])
