"""Figures that explain themselves: how each kind is written, and where its explanation is."""

from datetime import timedelta
from functools import cache
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.dashboard import wording
from apps.scorecards.metrics import METRICS, Kind


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
    query = urlencode({name: value for name, value in where.items() if value})
    return f"{_path(code)}?{query}" if query else _path(code)


def figure(text: str, code: str, **where: str) -> SafeString:
    """A figure as a link to its explanation, which a drawer shows where there is script."""
    return format_html(
        '<a class="figure" data-dialog="drawer" data-metric="{}" href="{}">{}</a>',
        code,
        address(code, **where),
        text,
    )


@cache
def _path(code: str) -> str:
    """A page writes hundreds: reversing each would take longer than the database does."""
    return reverse("dashboard:explain", args=[METRICS[code].code])
