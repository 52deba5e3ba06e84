"""What a chart's own address answers: its figure as JSON, or its table."""

import json

from django.http import HttpRequest, HttpResponse

from apps.core.htmx import render_page, unless_unchanged, wants_partial
from apps.dashboard.charts.chart import Chart
from apps.dashboard.charts.figures import plain
from apps.scorecards.kept import Kept

# Figures as they were last asked for, about ten kilobytes each, by what is drawn: readers of the
# same facilities share them, and so do both colour schemes.
_figures: Kept[bytes] = Kept(64)


def answer(request: HttpRequest, chart: Chart, *, page: str, back: str) -> HttpResponse:
    """The table of a chart, as a page or as its part, or with `as=figure` what is drawn.

    `page` and `back` are the name and the address of the page the chart belongs to.
    """
    if request.GET.get("as") == "figure":
        return _figure(request, chart)
    context = {"chart": chart, "page": page, "back": back}
    table = render_page(request, "dashboard/chart.html", "dashboard/_chart_table.html", context)
    return unless_unchanged(request, table) if wants_partial(request) else table


def _figure(request: HttpRequest, chart: Chart) -> HttpResponse:
    """The figure, drawn when nobody asked for the same one before; 304 draws nothing."""
    version = chart.version
    unchanged = unless_unchanged(request, HttpResponse(content_type="application/json"), version)
    if unchanged.status_code == 200:
        unchanged.content = _figures.get(version) or _figures.put(version, _encoded(chart))
    return unchanged


def _encoded(chart: Chart) -> bytes:
    return json.dumps(plain(chart.drawing()), separators=(",", ":")).encode()
