"""What each role finds: where it begins, where it may go, and figures without items."""

import re

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts.models import User
from apps.dashboard.navigation import ENTRIES
from tests.dashboard.cast import SOUTH, address, fold, stuck
from tests.dashboard.conftest import signed_in
from tests.dashboard.test_templates import SPRITE

pytestmark = pytest.mark.slow

FLOW, QUARANTINE, SOURCES, ADMIN = "/flow/", "/quarantine/", "/sources/", "/admin/"
STATUS, BATCHES, CARDS = "/status/", "/batches/", "/scorecards/"
CASES = "/exceptions/"
PEOPLE, AUDIT, INTERFACES = "/people/", "/audit/", "/interfaces/"
NAVIGATION = {
    "revenue_cycle_analyst": [CASES, CARDS, FLOW, QUARANTINE, BATCHES, INTERFACES],
    "rcm_supervisor": [CASES, FLOW, CARDS, QUARANTINE, BATCHES, INTERFACES],
    "integration_engineer": [
        FLOW, CASES, INTERFACES, CARDS, QUARANTINE, SOURCES, BATCHES, STATUS, ADMIN,
    ],
    "integration_lead": [FLOW, CASES, CARDS, INTERFACES, QUARANTINE, BATCHES, STATUS, ADMIN],
    "finance_approver": [CASES, FLOW, CARDS, QUARANTINE, BATCHES, INTERFACES],
    "executive": [CARDS, FLOW],
    "compliance_auditor": [
        AUDIT, CASES, CARDS, INTERFACES, FLOW, QUARANTINE, BATCHES, STATUS, PEOPLE, ADMIN,
    ],
    "administrator": [PEOPLE, AUDIT, ADMIN, SOURCES, INTERFACES, STATUS],
}  # fmt: skip
STAFF = {role for role, links in NAVIGATION.items() if ADMIN in links}


@pytest.fixture
def as_role(network, person):
    def sign_in(role: str, *places) -> Client:
        user = person(role[:8], role, *(places or network.facilities[:1]))
        User.objects.filter(pk=user.pk).update(is_staff=role in STAFF)
        return signed_in(User.objects.get(pk=user.pk))

    return sign_in


@pytest.fixture
def as_eve(as_role) -> Client:
    return as_role("executive")


def links(response) -> list[str]:
    nav = re.search(r'<nav class="mainnav".*?</nav>', response.content.decode(), re.DOTALL)
    return re.findall(r'<a href="([^"]+)"', nav[0]) if nav else []


@pytest.mark.parametrize("role", NAVIGATION)
def test_the_navigation_names_what_a_role_may_open_and_the_first_is_where_it_begins(as_role, role):
    client = as_role(role)
    assert links(client.get("/api/")) == NAVIGATION[role]
    assert client.get("/").url == NAVIGATION[role][0]
    for link in NAVIGATION[role]:
        assert client.get(link).status_code == 200


def test_an_administrator_begins_with_people_whether_or_not_they_may_enter_the_rest(person):
    assert signed_in(person("ada", "administrator")).get("/").url == PEOPLE


def test_the_entry_of_the_page_one_is_on_or_below_is_marked(network, as_bea):
    fold(network, *stuck("s-1"))
    for path, current in (
        (FLOW, FLOW),
        ("/flow/flow_1/NORTH/", FLOW),
        (address(network, "s-1"), FLOW),
        (QUARANTINE, QUARANTINE),
    ):
        assertContains(as_bea.get(path), f'<a href="{current}" aria-current="page"', count=2)


def test_icons_of_the_navigation_are_in_the_sprite():
    for entry in ENTRIES:
        assert f'<symbol id="{entry.icon}"' in SPRITE


def test_who_has_no_role_is_told_why_there_is_nothing_and_whom_to_ask(network):
    page = signed_in(User.objects.create_user("new")).get("/")
    assertContains(page, "There is nothing for you to open yet")
    assertContains(page, "Ask somebody with the role Administrator")
    assert links(page) == []


def test_an_executive_sees_the_figures_of_a_cell_and_one_sentence_for_its_list(as_eve, happened):
    happened(*stuck("claim-4711"))
    page = as_eve.get("/flow/flow_1/NORTH/")
    assertContains(page, "Your role shows figures only")
    assertContains(page, "Overdue")
    assertNotContains(page, "4711")


@pytest.mark.parametrize("swap", [{}, {"HX-Request": "true"}])
def test_no_page_that_an_executive_opens_leads_to_an_item(as_eve, happened, network, swap):
    happened(*stuck("s-1"))
    for path in (FLOW, "/flow/board/", "/flow/flow_1/NORTH/", "/flow/flow_1/NORTH/?show=recent",
                 "/status/strip/", "/api/"):  # fmt: skip
        html = as_eve.get(path, headers=swap).content.decode()
        assert not re.search(r'(href|hx-get)="/(transactions|quarantine)/', html), path


def test_the_list_is_not_even_read_for_who_may_not_see_it(as_eve, happened, budget):
    happened(*stuck("s-1"))
    as_eve.get("/flow/flow_1/NORTH/")
    # Session, person, permissions (own, of roles), facilities, and what a scorecard reads.
    with budget(11):
        as_eve.get("/flow/flow_1/NORTH/", headers={"HX-Request": "true"})


def test_the_strip_says_how_many_facilities_lie_outside_ones_access_and_not_which(as_bea, as_sam):
    assertContains(as_bea.get("/status/strip/"), "1 of 2 facilities is outside your access")
    assertNotContains(as_bea.get("/status/strip/"), "South")
    assertContains(as_sam.get("/status/strip/"), "2 of 2 facilities are outside your access")


def test_it_says_nothing_of_it_to_who_sees_all(as_ivo):
    assertNotContains(as_ivo.get("/status/strip/"), "outside your access")


def test_a_grant_without_a_role_shows_no_count_of_the_quarantine(network, as_bea, person):
    from tests.accounts.everybody import quarantined

    quarantined(network, 0, 1)
    quarantined(network, SOUTH, 2)
    nobody = person("nell", "executive", network.facilities[0])
    assertContains(signed_in(nobody).get("/status/strip/"), "1 event in quarantine")
    nobody.groups.clear()
    assertNotContains(signed_in(nobody).get("/status/strip/"), "in quarantine")
