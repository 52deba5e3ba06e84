"""What a chart's own address answers: its figure as JSON, or its table."""

import json
from collections.abc import Sequence
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from apps.core.htmx import etag_of, render_page, unless_unchanged, wants_partial
from apps.core.kept import Kept
from apps.dashboard.charts.chart import Chart
from apps.dashboard.charts.figures import plain

# Figures as they were last asked for, about ten kilobytes each, by what is drawn: readers of the
# same facilities share them, and so do both colour schemes.
_figures: Kept[bytes] = Kept(64)


def answer(request: HttpRequest, chart: Chart, *, page: str, back: str) -> HttpResponse:
    """The table of a chart, as a page or as its part, or with `as=figure` what is drawn.

    `page` and `back` are the name and the address of the page the chart belongs to.
    """
    if request.GET.get("as") == "figure":
        return answer_figures(request, [chart])
    context = {"chart": chart, "page": page, "back": back}
    table = render_page(request, "dashboard/chart.html", "dashboard/_chart_table.html", context)
    return unless_unchanged(request, table) if wants_partial(request) else table


def answer_figures(request: HttpRequest, charts: Sequence[Chart]) -> HttpResponse:
    """The figures of some charts by name, each with its version; 304 draws nothing."""
    versions = [chart.version for chart in charts]
    empty = HttpResponse(content_type="application/json")
    answer = unless_unchanged(request, empty, etag_of(repr(versions).encode()))
    if answer.status_code == HTTPStatus.OK:
        answer.content = b"{" + b",".join(map(_figure, charts, versions)) + b"}"
    return answer


def _figure(chart: Chart, version: str) -> bytes:
    """One of them, drawn when nobody asked for the same one before."""
    drawn = _figures.answer(version, lambda: _encoded(chart))
    head = f'{json.dumps(chart.name)}:{{"version":{json.dumps(version)},"figure":'
    return head.encode() + drawn + b"}"


def _encoded(chart: Chart) -> bytes:
    return json.dumps(plain(chart.drawing()), separators=(",", ":")).encode()
