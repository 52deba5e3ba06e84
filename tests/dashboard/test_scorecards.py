"""Scorecards: of all, of one workflow, of one facility, of one cell."""

from datetime import timedelta
from math import inf
from types import SimpleNamespace

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains, assertTemplateUsed

from apps.catalog.models import SlaTarget
from apps.catalog.snapshot import forget_snapshot
from apps.core.db import execute
from apps.dashboard import wording
from apps.dashboard.scorecard import _fills
from apps.dashboard.scorecard_lines import _sorted
from tests.dashboard.cast import SOUTH, ago, done, stuck
from tests.dashboard.conftest import signed_in

pytestmark = pytest.mark.slow

ALL, FLOW, NORTH_CARD = "/scorecards/", "/scorecards/flow_1/", "/scorecards/at/NORTH/"
CHART = "/charts/scorecard/?chart={}&workflow=flow_1&as=figure"
PAGES = [ALL, "/scorecards/?by=facility", FLOW, NORTH_CARD]


def card(client, path, **query):
    return client.get(path, query).context["card"]


def tile(client, path, label, **query):
    return next(one for one in card(client, path, **query).tiles if one.label.startswith(label))


def test_the_promise_is_said_in_words(as_bea, network):
    assertContains(as_bea.get(FLOW), "Step 1 to step 3 within 2")
    assertContains(as_bea.get(FLOW), "for 95 % of transactions")
    assertContains(as_bea.get(FLOW), "Owner: Lead.")


def test_a_facility_with_a_target_of_its_own_is_said(as_ivo, network):
    assertContains(as_ivo.get(FLOW), "1 facility has its own target (within 30")


def test_a_target_that_changed_inside_the_window_is_said_and_each_part_judged_by_its_own(
    as_bea, network, happened
):
    target = SlaTarget.objects.get(
        facility=None, clock__kind="integration", effective_to=None,
        clock__workflow=network.workflows[0],
    )  # fmt: skip
    changed = ago(days=2)
    # What is in force is history, which nobody edits; here it is made.
    execute("SET LOCAL session_replication_role = replica")
    SlaTarget.objects.filter(pk=target.pk).update(effective_to=changed)
    SlaTarget.objects.create(
        clock=target.clock, threshold_seconds=7200, objective="0.5", effective_from=changed,
        why="less is promised",
    )  # fmt: skip
    execute("SET LOCAL session_replication_role = origin")
    execute("UPDATE catalog_catalogversion SET version = version + 1000")
    forget_snapshot()
    happened(*(event for n in range(20) for event in done(f"old-{n}", hours_ago=90)))
    happened(*(event for n in range(20) for event in done(f"new-{n}", hours_ago=20)))
    assertContains(as_bea.get(FLOW), "The target changed on")
    # A twentieth of 20, and half of 20.
    assert tile(as_bea, FLOW, "Error budget").unit == "of 11"


def test_tiles_tell_attainment_and_what_is_left_of_the_budget(as_bea, happened):
    happened(*(event for n in range(38) for event in done(f"in-time-{n}")), *stuck("late"))
    assert tile(as_bea, FLOW, "Within SLA").foot == "38 of 39; target 95"
    budget = tile(as_bea, FLOW, "Error budget")
    assert (budget.figure, budget.unit, budget.foot) == ("0", "of 1", "1 late")


def test_an_overspent_budget_says_since_when(as_bea, happened):
    happened(*done("a"), *stuck("one", hours_ago=30), *stuck("two", hours_ago=80))
    budget = tile(as_bea, FLOW, "Error budget")
    assert budget.figure == f"{wording.MINUS}2" and "gone since" in budget.foot


def test_percentiles_are_compared_with_the_window_before(as_bea, happened):
    happened(*done("now", minutes=10), *done("before", hours_ago=30, minutes=20))
    assert tile(as_bea, FLOW, "p50", window="24h").foot.startswith("was 1")


def test_no_data_is_no_hundred_percent(as_bea, network):
    shown = tile(as_bea, FLOW, "Within SLA")
    assert (shown.figure, shown.unit) == (wording.NOTHING, "")
    assert "nothing was due" in shown.foot


def test_below_twenty_a_line_is_not_judged(as_bea, happened):
    happened(*stuck("a"))
    [row] = card(as_bea, ALL).rows
    assert row.tone.word == "too few to judge"


def test_the_business_clock_has_its_own_figures(as_bea, happened):
    happened({"subject": "a", "rank": 2, "at": ago(days=20)})
    assert tile(as_bea, FLOW, "Within SLA").foot.startswith("nothing was due")
    assert tile(as_bea, FLOW, "Within SLA", clock="business").foot.startswith("0 of 1")


def test_the_backlog_is_a_pyramid_of_items_and_dollars(as_bea, happened):
    happened(*stuck("new", hours_ago=1, amount=10_000), *stuck("old", hours_ago=100, amount=90_000))
    steps = {one.label: (one.items, one.amount) for one in card(as_bea, FLOW).pyramid.steps}
    assert steps["0 to 4 h"] == (1, 10_000) and steps["3 to 7 d"] == (1, 90_000)
    assertContains(as_bea.get(FLOW), ">$900</a>")


def test_only_ages_beyond_the_limit_are_coloured(as_bea, happened):
    happened(*stuck("new", hours_ago=1), *stuck("old", hours_ago=100))
    fills = {one.label: one.fill for one in card(as_bea, FLOW).pyramid.steps}
    assert (fills["0 to 4 h"], fills["3 to 7 d"]) == ("f-mute", "f-bad")
    assert {one.fill for one in card(as_bea, ALL).pyramid.steps} == {"f-mute"}


@pytest.mark.parametrize(
    ("hours", "grey"), [(None, 5), (0.5, 1), (4, 1), (5, 2), (24, 2), (72, 3), (200, 5)]
)
def test_a_step_is_late_where_all_of_it_is(hours, grey):
    limit = None if hours is None else timedelta(hours=hours)
    assert _fills([1, 1, 1, 1, 1], limit, overdue=5).count("f-mute") == grey


def test_work_whose_clock_stopped_in_time_is_not_coloured_for_its_age():
    assert set(_fills([0, 9, 0, 0, 0], timedelta(hours=1), overdue=4)) == {"f-mute"}


def test_what_used_up_most_of_its_budget_comes_first_and_too_little_data_last(as_ivo, happened):
    happened(
        *(one for n in range(10) for one in done(f"a-{n}", facility=SOUTH)),
        *(one for n in range(5) for one in stuck(f"b-{n}", facility=SOUTH)),
        *(one for n in range(20) for one in done(f"c-{n}")),
        *(one for n in range(2) for one in stuck(f"d-{n}")),
    )
    assert [row.name for row in card(as_ivo, FLOW).rows] == ["North", "South"]
    happened(*(one for n in range(5) for one in done(f"e-{n}", facility=SOUTH)))
    assertContains(as_ivo.get(FLOW), "most of the error budget used up first")
    assert [row.name for row in card(as_ivo, FLOW).rows] == ["South", "North"]


@pytest.mark.parametrize(
    ("used", "order"),
    [
        ({"a": 0.5, "b": 3.0, "c": None, "d": 3.0}, "bdac"),
        ({"a": None, "b": None, "c": inf, "d": 0.0}, "cdab"),
    ],
)
def test_equals_are_ordered_by_dollars_and_then_by_name(used, order):
    rows = [
        SimpleNamespace(name=name, values={"status": value, "amount": 0, "due": 50})
        for name, value in used.items()
    ]
    assert "".join(row.name for row in _sorted(rows, "-status")) == order


@pytest.mark.parametrize(
    ("sort", "first"),
    [("name", "North"), ("-name", "South"), ("started", "North"), ("-started", "South")],
)
def test_the_table_sorts_by_any_column_either_way(as_ivo, happened, sort, first):
    happened(*done("a"), *done("b", facility=SOUTH), *done("c", facility=SOUTH))
    assert card(as_ivo, FLOW, sort=sort).rows[0].name == first


def test_a_line_leads_to_the_scorecard_of_its_cell(as_bea, happened):
    happened(*done("a"))
    leads_to = '<th scope="row"><a href="{}">'.format
    assert leads_to("/flow/flow_1/NORTH/?window=28d") in card(as_bea, FLOW).rows[0].markup
    assert leads_to("/scorecards/flow_1/?window=28d") in card(as_bea, ALL).rows[0].markup


def test_the_cell_is_a_scorecard_with_its_transactions(as_bea, happened):
    happened(*stuck("mine"))
    response = as_bea.get("/flow/flow_1/NORTH/")
    assertContains(response, "Error budget left")
    assertContains(response, "Backlog by age")
    assert [row.correlation_id for row in response.context["rows"]] == ["mine"]


@pytest.mark.parametrize("chart", ["attainment", "spread"])
def test_charts_are_drawn_where_they_are_asked_for(as_bea, happened, chart):
    happened(*done("a"), *stuck("late"))
    response = as_bea.get(CHART.format(chart))
    assert response.headers["Content-Type"] == "application/json"
    [drawn] = response.json().values()
    assert len(drawn["figure"]["data"]) == 1


def test_the_figures_of_a_page_come_in_one_answer(as_bea, happened):
    happened(*done("a"), *stuck("late"))
    page = as_bea.get("/scorecards/flow_1/")
    shared = {chart.figures for chart in page.context["card"].charts}
    assert len(shared) == 1
    assert list(as_bea.get(shared.pop()).json()) == ["attainment", "spread"]


@pytest.mark.parametrize("path", [
    "/scorecards/nothing/", "/scorecards/at/SOUTH/", "/scorecards/at/NOWHERE/",
    CHART.format("nothing"), "/charts/scorecard/?chart=spread&facility=SOUTH",
])  # fmt: skip
def test_elsewhere_and_nowhere_are_the_same_404(as_bea, happened, path):
    happened(*stuck("theirs", facility=SOUTH))
    response = as_bea.get(path)
    assertTemplateUsed(response, "404.html")
    assertNotContains(response, "South", status_code=404)


@pytest.mark.parametrize("path", PAGES)
def test_what_happens_elsewhere_changes_no_figure(as_bea, happened, path):
    happened(*done("a"), *stuck("late"))
    before = card(as_bea, path)
    happened(*stuck("theirs", facility=SOUTH), *done("more", facility=SOUTH, amount=100))
    after = card(as_bea, path)
    assert [one.figure for one in before.tiles] == [one.figure for one in after.tiles]
    assert [one.values for one in before.rows] == [one.values for one in after.rows]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_costs_the_same_few_queries_for_any_amount_of_work(as_ivo, happened, budget, path):
    happened(*done("first"), *done("second", facility=SOUTH))
    as_ivo.get(path)
    with budget(20, exact=False) as one:
        as_ivo.get(path)
    happened(*(event for n in range(30) for event in stuck(f"s-{n}", facility=n % 2)))
    with budget(len(one)):
        as_ivo.get(path)


def test_a_swap_gets_the_part(as_bea):
    response = as_bea.get(FLOW, headers={"HX-Request": "true"})
    assertTemplateUsed(response, "dashboard/_scorecard.html")
    assert b"<html" not in response.content


def test_an_executive_sees_figures_and_no_way_to_an_item(person, network, happened):
    happened(*done("a"), *stuck("late"))
    as_eve = signed_in(person("eve", "executive", network.facilities[0]))
    for path in [*PAGES, "/flow/flow_1/NORTH/"]:
        assertNotContains(as_eve.get(path), "/transactions/")
        assertNotContains(as_eve.get(path), "opens its transactions")
    assertContains(as_eve.get(ALL), "every number opens how it is computed")


def test_an_empty_network_says_so(as_bea):
    assertContains(as_bea.get(ALL), "Nothing has come in yet")


def test_a_stranger_sees_nothing_of_it(as_sam, happened):
    happened(*done("a"))
    assert card(as_sam, ALL).rows == []
    assertContains(as_sam.get(ALL), "No facility has been granted to you yet")
    for absent in ("Nothing has come in yet", "Within SLA", "/export"):
        assertNotContains(as_sam.get(ALL), absent)


@pytest.mark.parametrize("path", PAGES)
def test_anonymous_is_sent_to_sign_in_and_nobody_writes(as_bea, path):
    assert Client().get(path).status_code == 302
    assert as_bea.post(path).status_code == 405
