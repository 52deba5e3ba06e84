"""Charts: what is drawn is what is said, for both schemes, for those who may see it."""

import csv
import json
import subprocess
import sys
from functools import partial

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertTemplateUsed

from apps.dashboard.charts import Chart, Column
from apps.dashboard.charts import figures as looks
from tests.dashboard.cast import SOUTH, done, fold, stuck

pytestmark = pytest.mark.slow

FLOW, CHARTS, LATENCY = "/flow/", "/charts/flow/", "/charts/flow/latency/"
FIGURE = {"as": "figure"}
SCRIPT = (settings.BASE_DIR / "static/js/charts.js").read_text()


def chart(**said) -> Chart:
    rows = [("<Oak & Pine>", 1), ("b", None)]
    drawing = partial(looks.latency_lines, ["a"], {"<p50>": [1.0]}, limit_ms=None)
    told = {
        "name": "one", "heading": "One", "aside": "", "summary": "One of two.", "rows": rows,
        "columns": [Column("Name", is_number=False), Column("Count")], "drawing": drawing,
        "address": "/one/",
    }  # fmt: skip
    return Chart(**told | said)


def test_a_label_that_looks_like_markup_is_text_in_figure_and_table():
    drawn = looks.plain(chart().drawing())
    assert drawn["data"][0]["name"] == "&lt;p50&gt;"
    assert drawn["data"][0]["hovertemplate"] == "%{customdata}"
    assert "<td>&lt;Oak &amp; Pine&gt;</td>" in chart().table_rows


def test_a_figure_names_colours_by_their_variables_and_brings_no_looks_of_plotly():
    drawn = json.dumps(chart().drawing())
    assert "var(--tl-" in drawn
    assert "template" not in json.loads(drawn)["layout"]
    assert "#" not in drawn


def test_every_colour_of_a_figure_is_a_token_of_both_schemes():
    css = (settings.BASE_DIR / "static/css/throughline.css").read_text()
    source = (settings.BASE_DIR / "apps/dashboard/charts/figures.py").read_text()
    for name in ("ink", "ink-2", "ink-3", "line", "line-2", "panel"):
        assert css.count(f"--tl-{name}:") == 2, name
        assert name in source


def test_the_version_of_a_figure_is_that_of_what_is_drawn():
    other = partial(looks.latency_lines, ["a"], {"<p50>": [2.0]}, limit_ms=None)
    assert chart().version == chart(summary="Said otherwise.").version
    assert chart().version != chart(drawing=other).version


def test_what_is_not_known_is_a_dash():
    assert '<td class="num">\u2013</td>' in chart().table_rows


def test_no_chart_offers_to_send_itself_anywhere():
    for setting in ("displayModeBar: false", "showSendToCloud: false", "displaylogo: false"):
        assert setting in SCRIPT
    assert SCRIPT.count("settings)") == SCRIPT.count(".react(") == 1
    assert "newPlot" not in SCRIPT


def test_plotly_is_not_loaded_before_a_figure_is_drawn():
    told = "import sys, django; django.setup(); import config.urls; print('plotly' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_the_page_says_each_chart_in_words_and_leads_to_its_figure_and_its_table(as_bea, happened):
    happened(*done("c-1", minutes=10))
    page = as_bea.get(FLOW)
    assertContains(page, "Half took")
    assertContains(page, 'data-figures="/charts/flow/?as=figure"')
    assertContains(page, '<a href="/charts/flow/latency/">Open the table</a>')
    assertContains(page, "vendor/plotly/plotly-basic.min.js")


def test_other_pages_do_not_load_the_script_of_charts(as_bea):
    assertNotContains(as_bea.get("/quarantine/"), "js/charts.js")


def test_a_figure_is_json_and_304_while_unchanged(as_bea, happened, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    happened(*done("c-1"))
    first = as_bea.get(LATENCY, FIGURE)
    assert first.headers["Content-Type"] == "application/json"
    drawn = first.json()["latency"]["figure"]
    assert [trace["name"] for trace in drawn["data"]] == ["p50", "p95", "p99"]
    etag = first.headers["ETag"]
    again = as_bea.get(LATENCY, FIGURE, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")

    happened(*done("c-2", minutes=90))
    assert as_bea.get(LATENCY, FIGURE, headers={"If-None-Match": etag}).status_code == 200


def test_the_page_names_the_version_of_the_figure_it_leads_to(as_bea, happened, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    happened(*done("c-1"))
    [shown] = [one for one in as_bea.get(FLOW).context["trends"].charts if one.name == "latency"]
    assert as_bea.get(LATENCY, FIGURE).json()["latency"]["version"] == shown.version
    assert as_bea.get(CHARTS, FIGURE).json()["latency"]["version"] == shown.version


def test_the_figures_of_a_page_come_in_one_answer_and_304_while_unchanged(
    as_bea, happened, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    happened(*done("c-1"))
    first = as_bea.get(CHARTS, FIGURE)
    assert list(first.json()) == ["throughput", "latency"]
    unchanged = {"If-None-Match": first.headers["ETag"]}
    assert as_bea.get(CHARTS, FIGURE, headers=unchanged).status_code == 304


def test_the_table_is_a_part_for_a_swap_and_a_page_for_everybody_else(as_bea, happened):
    happened(*done("c-1"))
    assertTemplateUsed(as_bea.get(LATENCY), "base.html")
    part = as_bea.get(LATENCY, headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith('<div id="latency-table"')
    unchanged = {"HX-Request": "true", "If-None-Match": part.headers["ETag"]}
    assert as_bea.get(LATENCY, headers=unchanged).status_code == 304


def test_the_table_leaves_as_a_file_of_plain_values(as_bea, happened):
    happened(*done("c-1", minutes=10))
    part = as_bea.get(LATENCY, {"window": "1h"}, headers={"HX-Request": "true"})
    assertContains(part, 'href="/charts/flow/latency.csv?window=1h"')
    file = as_bea.get("/charts/flow/throughput.csv", {"window": "24h"})
    rows = list(csv.reader(file.content.decode("utf-8-sig").splitlines()))
    # A transaction of three events.
    assert sum(int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()) == 3


@pytest.mark.parametrize("path", [CHARTS, LATENCY])
def test_charts_are_only_read(as_bea, path):
    assert as_bea.post(path).status_code == 405


def test_a_chart_that_does_not_exist_is_404(as_bea):
    assert as_bea.get("/charts/flow/nope/").status_code == 404


def test_the_charts_are_304_while_unchanged(as_bea, happened, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    happened(*done("c-1"))
    headers = {"HX-Request": "true"}
    etag = as_bea.get(CHARTS, headers=headers).headers["ETag"]
    again = as_bea.get(CHARTS, headers=headers | {"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("window", ["1h", "24h", "7d", "28d", "90d"])
def test_what_others_see_changes_nothing_in_my_charts(
    network, as_bea, as_ivo, time_machine, window
):
    time_machine.move_to(timezone.now(), tick=False)
    fold(network, *done("n", hours_ago=0.5), *stuck("s-1", hours_ago=0.6, amount=5_000))
    named = {"window": window}

    def told(client):
        parts = client.get(CHARTS, named, headers={"HX-Request": "true"})
        charts = [one.name for one in parts.context["trends"].charts]
        paths = [f"{CHARTS}{name}/" for name in charts]
        figures = [client.get(path, named | FIGURE).content for path in paths]
        tables = [client.get(path, named, headers={"HX-Request": "true"}) for path in paths]
        return [parts.content, *figures, *(table.content for table in tables)]

    mine, theirs = told(as_bea), told(as_ivo)
    fold(network, *stuck("s-2", hours_ago=0.5, facility=SOUTH, amount=7_000),
         *done("x", hours_ago=0.4, facility=SOUTH))  # fmt: skip

    assert told(as_bea) == mine
    assert told(as_ivo) != theirs
