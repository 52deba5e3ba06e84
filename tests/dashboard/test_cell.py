"""The transactions of one workflow at one facility."""

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains, assertTemplateUsed

from tests.dashboard.cast import SOUTH, ago, done, stuck

CELL, FOREIGN = "/flow/flow_1/NORTH/", "/flow/flow_1/SOUTH/"


def listed(response) -> list[str]:
    return [row.correlation_id for row in response.context["rows"]]


def test_what_is_open_comes_oldest_first(as_bea, happened):
    happened(*stuck("young", hours_ago=1), *stuck("old", hours_ago=9), *done("done"))
    assert listed(as_bea.get(CELL)) == ["old", "young"]


def test_recent_ones_come_newest_first_whether_open_or_not(as_bea, happened):
    happened(*stuck("young", hours_ago=1), *stuck("old", hours_ago=9), *done("done", hours_ago=3))
    assert listed(as_bea.get(CELL, {"show": "recent"})) == ["young", "done", "old"]


def test_a_row_says_state_stage_clock_amount_and_native_error(as_bea, happened):
    happened(*stuck("s-1", hours_ago=5, amount=1_234_50))
    response = as_bea.get(CELL)
    for words in ("Failed", "Step 2", "Overdue", "$1,234.50", "NO_COSTCENTER"):
        assertContains(response, words)


def test_only_this_workflow_and_this_facility(as_ivo, happened):
    happened(*stuck("a"), *stuck("b", facility=SOUTH), *stuck("c", workflow=1))
    assert listed(as_ivo.get(CELL)) == ["a"]


@pytest.mark.parametrize("show", [{}, {"show": "recent"}])
def test_pages_follow_each_other_without_gap_or_repeat(as_bea, happened, show):
    same = ago(hours=2)
    happened(*({"subject": f"c-{n}", "at": same} for n in range(103)), {"subject": "last"})
    seen, query = [], dict(show)
    while True:
        response = as_bea.get(CELL, query)
        seen += listed(response)
        if not response.context["next"]:
            break
        query["after"] = response.context["next"]
    expected = 103 if show else 104
    assert len(seen) == len(set(seen)) >= expected


@pytest.mark.parametrize("mark", ["x", "1-2", "99999999999999999999999-" + "0" * 32])
def test_a_mark_that_is_none_shows_the_first_page(as_bea, happened, mark):
    happened(*stuck("a"))
    assert listed(as_bea.get(CELL, {"after": mark})) == ["a"]


def test_an_empty_list_says_so(as_bea, happened):
    happened(*done("a"))
    assertContains(as_bea.get(CELL), "Nothing is open")


@pytest.mark.parametrize("path", [FOREIGN, "/flow/flow_1/NOWHERE/", "/flow/nothing/NORTH/"])
def test_elsewhere_and_nowhere_are_the_same_404(as_bea, happened, path):
    happened(*stuck("theirs", facility=SOUTH))
    response = as_bea.get(path)
    assert response.status_code == 404
    assertTemplateUsed(response, "404.html")
    assertNotContains(response, "South", status_code=404)


def test_a_stranger_gets_404(as_sam, happened):
    happened(*stuck("a"))
    assert as_sam.get(CELL).status_code == 404


def test_anonymous_is_sent_to_sign_in(network):
    assert Client().get(CELL).url == f"/sign-in/?next={CELL}"


def test_it_is_only_read(as_bea):
    assert as_bea.delete(CELL).status_code == 405


def test_a_swap_gets_the_part(as_bea, happened):
    response = as_bea.get(CELL, headers={"HX-Request": "true"})
    assert response.content.decode().lstrip().startswith('<div id="cell"')


def test_a_list_of_fifty_costs_what_a_list_of_one_costs(as_bea, happened, budget):
    happened(*(one for n in range(60) for one in stuck(f"s-{n}")))
    as_bea.get(CELL)
    # Session, person, permissions (own, of roles), facilities, list, and what a scorecard reads.
    with budget(12):
        as_bea.get(CELL, headers={"HX-Request": "true"})
