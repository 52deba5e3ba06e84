"""Routing on its pages: read in order, asked, tried on thirty days, and changed by two people."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from apps.accounts.models import AuditEvent
from apps.catalog.models import ChangeProposal, DeadlineRule, RoutingRule, Team
from apps.core.db import fetch_value
from tests.dashboard.cast import make_person
from tests.dashboard.conftest import signed_in
from tests.triage.desk import Desk, kinds

PAGE = "/catalogue/routing/"


@pytest.fixture
def desk(network):
    return Desk(network, {}, kinds(network))


@pytest.fixture
def rule(desk):
    team = Team.objects.get(code="wires")
    return RoutingRule.objects.create(
        code="large", name="Large amounts", position=10, amount_from=5_000_000, team=team,
        severity=1, due_seconds=7_200, due_measure="elapsed", payer="MED*", why="They hurt.",
        effective_from=timezone.now() - timedelta(days=9),
    )  # fmt: skip


@pytest.fixture
def as_lea(network):
    """A second lead, who approves."""
    return signed_in(make_person("lea", "integration_lead", network.facilities[0].parent))


def said(**other):
    wires = Team.objects.get(code="wires").pk
    told = {"name": "All to wires", "position": 20, "team": wires, "unit": "business 3600",
            "strategy": "least", "why": "They asked for it."}  # fmt: skip
    return {**told, **other}


def test_rules_are_read_in_their_order_with_what_they_fit_and_decide(as_ivo, rule):
    RoutingRule.objects.create(
        code="first", name="First of all", position=5, severity=4, why="x",
        effective_from=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    page = as_ivo.get(PAGE).content.decode()
    assert page.index("First of all") < page.index("Large amounts")
    for text in ("From $50,000.00", "Payer MED*", "Wires", "Critical, within", "They hurt."):
        assert text in page


def test_whose_a_case_would_be_is_asked_and_answered(as_ivo, rule, network):
    asked = f"{PAGE}?workflow=flow_1&facility=NORTH&payer=MEDICARE&dollars="
    assertContains(as_ivo.get(f"{asked}60000"), "Large amounts</a> wins")
    assertContains(as_ivo.get(f"{asked}100"), "No rule fits")
    assertContains(as_ivo.get(f"{PAGE}?workflow=&facility=NOPE"), 'role="alert"')


def test_nobody_asks_about_a_place_they_do_not_see(as_bea, rule):
    page = as_bea.get(f"{PAGE}?workflow=flow_1&facility=SOUTH")
    assert page.context["answer"] is None
    assertNotContains(as_bea.get(PAGE), "South")


def test_a_rule_is_tried_on_thirty_days_before_it_is_proposed(as_ivo, desk):
    desk.case()
    desk.case(facility=desk.network.facilities[1])
    north = desk.network.facilities[0].pk
    first = as_ivo.get(f"{PAGE}new/")
    assertContains(first, "Look before you propose")
    assertNotContains(first, 'name="propose"')

    tried = as_ivo.post(f"{PAGE}new/", said(facility=north, **{"try": "1"}))
    assertContains(tried, 'name="propose"')
    [(left, to, move)] = tried.context["tried"].moved
    assert (left, to, move.cases) == ("Desk", "Wires", 1)
    assert not ChangeProposal.objects.exists()


def test_a_rule_holds_once_a_second_person_agrees(as_ivo, as_lea, desk):
    as_ivo.post(f"{PAGE}new/", said(propose="1", at_least="100", due="4"))
    made = ChangeProposal.objects.get()
    assert AuditEvent.objects.filter(act="change.proposed").count() == 1
    assert not RoutingRule.objects.exists()
    as_lea.post(f"/catalogue/changes/{made.pk}/decide/", {"decision": "approve"})
    rule = RoutingRule.objects.get()
    assert (rule.code, rule.amount_from, rule.due_seconds) == ("all_to_wires", 10_000, 4 * 3600)
    assert timezone.now() < rule.effective_from < timezone.now() + timedelta(minutes=4)
    assertContains(as_ivo.get(PAGE), "All to wires comes into force")


def test_another_version_ends_the_one_before(as_ivo, as_lea, rule):
    form = as_ivo.get(f"{PAGE}large/change/").content.decode()
    assert 'value="50000' in form
    as_ivo.post(f"{PAGE}large/change/", said(name="Larger amounts", propose="1"))
    as_lea.post(f"/catalogue/changes/{ChangeProposal.objects.get().pk}/decide/",
                {"decision": "approve"})  # fmt: skip
    old, new = RoutingRule.objects.filter(code="large").order_by("effective_from")
    assert old.effective_to == new.effective_from
    assert new.name == "Larger amounts"


def test_a_rule_ends_by_two_people_and_what_would_move_is_shown_first(as_ivo, as_lea, rule, desk):
    assertContains(as_ivo.get(f"{PAGE}large/remove/"), "Of the last 30 days")
    as_ivo.post(f"{PAGE}large/remove/", {"why": "Nobody needs it."})
    as_lea.post(f"/catalogue/changes/{ChangeProposal.objects.get().pk}/decide/",
                {"decision": "approve"})  # fmt: skip
    assert RoutingRule.objects.get().effective_to is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"team": ""},
        {"name": "Large"},
        {"name": "!!!"},
        {"at_least": "5", "less_than": "5"},
        {"due": "0.001", "unit": "elapsed 60"},
        {"position": "-1"},
        {"why": ""},
    ],
)
def test_what_decides_nothing_or_fits_nothing_is_not_proposed(as_ivo, rule, wrong):
    page = as_ivo.post(f"{PAGE}new/", said(propose="1", **wrong))
    assertContains(page, 'role="alert"')
    assert not ChangeProposal.objects.exists()


def test_a_rule_that_was_in_force_is_history(rule):
    from django.db import IntegrityError

    with pytest.raises(IntegrityError, match="history"), transaction.atomic():
        RoutingRule.objects.update(team=None)
    assert fetch_value("SELECT count(*) FROM catalog_routingrule") == 1


def test_a_deadline_is_added_and_removed_by_two_people(as_ivo, as_lea, network, desk):
    line = network.workflows[0]
    told = {"workflow": line.pk, "kind": "filing", "payer": "MED*", "days": 365,
            "since": "service", "why": "Medicare pays for a year."}  # fmt: skip
    as_ivo.post("/catalogue/deadlines/new/", told)
    as_lea.post(f"/catalogue/changes/{ChangeProposal.objects.get().pk}/decide/",
                {"decision": "approve"})  # fmt: skip
    held = DeadlineRule.objects.get()
    assertContains(as_ivo.get(PAGE), "365 days after the date of service")
    again = as_ivo.post("/catalogue/deadlines/new/", told)
    assertContains(again, "There is a deadline of this kind")
    answer = as_ivo.post(f"/catalogue/deadlines/{held.pk}/remove/")
    assertRedirects(answer, f"/catalogue/changes/{ChangeProposal.objects.latest('pk').pk}/")


def test_who_sees_a_part_of_the_network_proposes_nothing_for_all_of_it(as_bea, rule):
    assertNotContains(as_bea.get(PAGE), "Add a rule")
    for path in ("new/", "large/change/", "large/remove/"):
        assert as_bea.get(PAGE + path).status_code == 403
