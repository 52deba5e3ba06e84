"""How a figure is computed, and the transactions behind it."""

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from apps.dashboard import wording
from apps.scorecards.metrics import METRICS
from tests.dashboard.cast import SOUTH, ago, done, stuck
from tests.dashboard.conftest import signed_in
from tests.dashboard.walking import page_of

pytestmark = pytest.mark.slow

ATTAINMENT = "/explain/attainment/"


def explanation(client, path, **query):
    return client.get(path, query).context["explanation"]


def listed(client, path, **query) -> list[str]:
    page = client.get(path, query).context["page"]
    return [item.row.correlation_id for item in page.items]


def test_the_formula_has_its_numbers_filled_in(as_bea, happened):
    happened(*done("a"), *done("b"), *stuck("late"))
    found = explanation(as_bea, ATTAINMENT)
    assert found.shown == "66.6"
    assert "2 / 3 = 66.6 %" in found.formula


def test_counting_again_says_the_same(as_bea, happened):
    happened(*done("a"), *stuck("late"))
    for code in METRICS:
        assert explanation(as_bea, f"/explain/{code}/").check.css == "ok", code


def test_a_figure_that_does_not_agree_with_its_transactions_says_so(as_bea, happened, network):
    from apps.telemetry.models import Transaction

    happened(*done("a"), *done("b"))
    Transaction.objects.filter(correlation_id="a").delete()
    assert "not the same" in explanation(as_bea, "/explain/started/").check.text


def links_of(client, path, metric: str) -> list[str]:
    """Where a page leads for its figures of a metric."""
    return [address for code, address, _ in page_of(client, path).found if code == metric]


@pytest.fixture
def mid_minute(time_machine):
    time_machine.move_to("2026-06-01T12:00:30Z", tick=False)
    return time_machine


@pytest.mark.parametrize("page", ["/flow/", "/scorecards/", "/flow/flow_1/NORTH/"])
def test_a_figure_is_explained_over_the_window_of_its_page(mid_minute, as_bea, happened, page):
    happened(*done("a"), *done("b"))
    address = links_of(as_bea, page, "attainment")[0]
    mid_minute.shift(timedelta(minutes=10))
    happened(*stuck("later"), *done("now", hours_ago=0.1))
    told = explanation(as_bea, address)
    assert "2 / 3 = 66.6 %" in told.formula
    assert "The page showed 100." in told.counted
    assert "08:01 EDT" in next(fact.text for fact in told.facts if fact.label == "Window")


def test_what_arrived_since_the_page_is_said(mid_minute, as_bea, happened):
    happened(*stuck("a"), *done("b"))
    started, waiting = (
        links_of(as_bea, "/scorecards/flow_1/", code)[0] for code in ("started", "open")
    )
    assert (
        "showed" not in explanation(as_bea, started).counted + explanation(as_bea, waiting).counted
    )
    mid_minute.shift(timedelta(minutes=2))
    happened(*stuck("late"), *stuck("later"), *done("c"))
    assert "The page showed 2: 3 more since." in explanation(as_bea, started).counted
    told = explanation(as_bea, waiting).counted
    assert "has no past" in told and "The page showed 1: 2 more since." in told


def test_a_number_that_no_page_shows_is_refused(as_bea, network):
    for bad in ("<b>", "1,2", "a lot", "9" * 30):
        assertContains(as_bea.get(ATTAINMENT, {"seen": bad}), "not clear", status_code=400)


def test_no_data_is_said_and_not_a_hundred_percent(as_bea, network):
    found = explanation(as_bea, ATTAINMENT)
    assert found.shown == wording.NOTHING and "no data: nothing due" in found.formula


def test_the_parts_of_a_figure_open_exactly_their_transactions(as_bea, happened):
    happened(*done("a"), *done("b"), *stuck("late"), *stuck("gone", workflow=1))
    opens = explanation(as_bea, ATTAINMENT, workflow="flow_1").opens
    assert [sorted(listed(as_bea, one.address)) for one in opens] == [["a", "b"], ["late"], []]


def test_a_list_is_about_the_time_of_its_explanation_whenever_it_is_opened(as_bea, happened):
    happened(*done("a"))
    address = explanation(as_bea, "/explain/started/").opens[0].address
    happened({"subject": "later", "at": ago(hours=1)})
    assert "from=" in address and "to=" in address
    assert set(listed(as_bea, address)) == {"a", "later"}


@pytest.mark.parametrize(("metric", "part"), [("started", "started"), ("open", "open")])
def test_pages_of_a_list_follow_each_other_across_cells(as_ivo, happened, metric, part):
    same = ago(hours=2)
    happened(*({"subject": f"{place}-{n}", "at": same, "facility": place, "workflow": flow}
               for place in (0, 1) for flow in (0, 1) for n in range(29)))  # fmt: skip
    seen, path = [], f"/explain/{metric}/{part}/"
    while path:
        page = as_ivo.get(path).context["page"]
        seen += [item.row.correlation_id for item in page.items]
        path = page.next
    assert len(seen) == 116 and len(set(seen)) == 58


@pytest.mark.parametrize("most", [0, 5_000])
def test_a_list_begins_with_the_most_dollars_while_it_is_short(as_ivo, happened, monkeypatch, most):
    monkeypatch.setattr("apps.scorecards.tallies.AFFORDABLE", most)
    happened(*(event for n in range(60) for event in stuck(
        f"s-{n}", facility=n % 2, amount=None if n == 7 else 100 * (n * 7 % 60))))  # fmt: skip
    amounts, path = [], "/explain/open/open/"
    while path:
        page = as_ivo.get(path).context["page"]
        amounts += [item.row.amount for item in page.items]
        order, path = page.order, page.next
    assert len(amounts) == 60
    if most:
        expected = sorted((n * 7 % 60 for n in range(60) if n != 7), reverse=True)
        assert amounts == [*(f"${dollars}.00" for dollars in expected), ""]
        assert order == "most dollars first"
    else:
        assert order == "by workflow and facility, oldest first"


@pytest.mark.parametrize(("most", "goes_on"), [(3, True), (2, False)])
def test_a_list_by_dollars_begins_anew_by_place_once_it_is_long(
    as_ivo, happened, monkeypatch, most, goes_on
):
    monkeypatch.setattr("apps.scorecards.tallies.AFFORDABLE", most)
    happened(*(event for n in range(6) for event in stuck(f"s-{n}", amount=100 * n)))
    mark = f"worth.300.{'0' * 32}"
    page = as_ivo.get("/explain/open/open/", {"after": mark}).context["page"]
    assert page.is_first is not goes_on
    assert len(page.items) == (3 if goes_on else 6)
    assert page.order.startswith("most dollars" if goes_on else "by workflow and facility")


@pytest.mark.parametrize(
    "mark",
    [
        "x",
        "1-2",
        "worth.x.y",
        f"worth.{9**40}.{'0' * 32}",
        "1-1-99999999999999999999999-" + "0" * 32,
    ],
)
def test_a_mark_that_is_none_shows_the_first_page(as_bea, happened, mark):
    happened(*stuck("a"))
    assert listed(as_bea, "/explain/open/open/", after=mark) == ["a"]


@pytest.mark.parametrize("path", [
    "/explain/nothing/", "/explain/attainment/nothing/", "/explain/attainment/?workflow=none",
    "/explain/attainment/?facility=SOUTH", "/explain/attainment/?facility=NOWHERE",
    "/explain/attainment/bad/?facility=SOUTH",
])  # fmt: skip
def test_elsewhere_and_nowhere_are_the_same_404(as_bea, happened, path):
    happened(*stuck("theirs", facility=SOUTH))
    assertNotContains(as_bea.get(path), "South", status_code=404)


@pytest.mark.parametrize("query", [{"window": "3h"}, {"from": "yesterday"}, {"to": "x"}])
def test_a_window_that_is_none_is_told_what_would_be(as_bea, network, query):
    assertContains(as_bea.get(ATTAINMENT, query), "not clear", status_code=400)


def test_an_executive_gets_the_definition_and_counts_and_never_a_list(person, network, happened):
    happened(*done("a"), *stuck("late"))
    as_eve = signed_in(person("eve", "executive", network.facilities[0]))
    response = as_eve.get(ATTAINMENT)
    assertContains(response, "1 / 2 = 50.0 %")
    assertNotContains(response, "/explain/attainment/bad/")
    assert as_eve.get("/explain/attainment/bad/").status_code == 403


def test_duplicates_are_told_to_who_sees_the_whole_network_only(as_bea, as_ivo, happened):
    happened({"subject": "a", "id": "same", "at": ago(hours=1)})
    happened({"subject": "a", "id": "same", "at": ago(hours=1)})
    assertContains(as_ivo.get("/explain/started/"), "from all sources since")
    assertContains(as_bea.get("/explain/started/"), "known for the whole network only")


def test_what_happens_elsewhere_changes_no_byte(as_bea, happened, monkeypatch):
    happened(*done("a"), *stuck("late"))
    before = [explanation(as_bea, f"/explain/{code}/") for code in METRICS if code != "oldest"]
    happened(*stuck("theirs", facility=SOUTH), *done("more", facility=SOUTH, amount=100))
    after = [explanation(as_bea, f"/explain/{code}/") for code in METRICS if code != "oldest"]
    for one, two in zip(before, after, strict=True):
        assert (one.shown, one.formula, one.check) == (two.shown, two.formula, two.check)
        assert [open.label for open in one.opens] == [open.label for open in two.opens]


@pytest.mark.parametrize(("path", "queries"), [("/explain/attainment/", 20)])
def test_the_number_of_queries_does_not_grow_with_the_work(as_ivo, happened, budget, path, queries):
    as_ivo.get(path)
    with budget(queries, exact=False) as one:
        as_ivo.get(path)
    happened(*(event for n in range(30) for event in stuck(f"s-{n}", facility=n % 2)))
    with budget(len(one)):
        as_ivo.get(path)


@pytest.mark.parametrize("moment", ["253402300799999999", "-62135596800000000", "0"])
def test_a_page_that_begins_at_the_end_of_time_is_a_page(as_ivo, happened, moment):
    happened(*done("a"))
    path = f"/explain/events/messages/?after=1-1-{moment}-{'f' * 32}"
    assert as_ivo.get(path).status_code == 200


def test_anonymous_is_sent_to_sign_in(network):
    assert Client().get(ATTAINMENT).url == f"/sign-in/?next={ATTAINMENT}"
    assert Client().get("/explain/attainment/bad/").status_code == 302


def test_only_reading(as_bea):
    assert as_bea.post(ATTAINMENT).status_code == 405


def test_the_whole_list_leaves_as_a_file(as_ivo, happened):
    happened(*(event for n in range(60) for event in done(f"a-{n}", facility=n % 2, amount=150)))
    response = as_ivo.get("/explain/attainment/good/transactions.csv", {"window": "24h"})
    lines = response.getvalue().decode().splitlines()
    assert sum(line.startswith('"a-') for line in lines) == 60


def test_the_lines_of_a_scorecard_leave_as_a_file(as_bea, happened):
    happened(*done("a"))
    response = as_bea.get("/scorecards/lines.csv", {"workflow": "flow_1"})
    assert b"North" in response.getvalue()
