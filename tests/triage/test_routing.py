"""Whose a case is: rules in order, who gets it, and what other rules would do."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils.timezone import now

from apps.accounts.models import FacilityUserGrant, Session, User
from apps.catalog.models import Facility, RoutingRule, Team
from apps.pipeline import services
from apps.triage import policy
from apps.triage.models import Case, CaseEvent
from apps.triage.routing import reason_of
from apps.triage.what_if import ask, dry_run
from tests.pipeline.network import LONG_AGO
from tests.triage.test_clocks import HOUR, ago, look, only, playbook, story  # noqa: F401
from tests.triage.test_fold import failed, fine, fold


@pytest.fixture
def rule(network):
    """A rule in force; its place in the order is that of its making."""

    def write(team="eligibility", **said):
        number = RoutingRule.objects.count() + 1
        owner = Team.objects.get_or_create(code=team, defaults={"name": team.title()})[0]
        told = {"code": f"rule_{number}", "name": f"Rule {number}", "position": number * 10,
                "effective_from": LONG_AGO, "why": "test", "team": owner, **said}  # fmt: skip
        return RoutingRule.objects.create(**told)

    return write


@pytest.fixture
def worker(network):
    """A member of a team who is signed in and sees everything."""

    def hire(name, team="eligibility", place=None, away=timedelta()):
        user = User.objects.create_user(name, first_name=name)
        Team.objects.get(code=team).members.add(user)
        FacilityUserGrant.objects.create(
            user=user,
            permission=Permission.objects.get(codename="view_facility"),
            content_object=place or Facility.objects.get(code="ORG"),
        )
        Session.objects.create(
            session_key=f"key-{name}", user=user, started_at=now() - away,
            last_active_at=now() - away, expire_date=now() + HOUR,
        )  # fmt: skip
        return user

    return hire


def team():
    found = only().team
    return found and found.code


# -- which rule --------------------------------------------------------------------------------


def test_without_a_rule_a_case_is_its_playbooks_and_without_that_nobodys(network, playbook):  # noqa: F811
    fold(network, failed(0), subject="other")
    assert team() is None
    playbook(HOUR)
    policy.apply([only().pk])
    fold(network, failed(0), subject="explained")
    assert Case.objects.get(team__code="billing").kind.code == "TST-01"


def test_of_the_rules_that_fit_the_last_wins_and_is_on_the_case(network, rule):
    rule("first")
    wins = rule("second", severity=1, due_seconds=7_200, due_measure="elapsed")
    rule("third", payer="OTHER*")
    fold(network, failed(0))
    case = only()
    assert (team(), case.routed_by) == ("second", wins)
    assert (case.severity, case.resolve_by) == (1, case.opened_at + 2 * HOUR)
    assert reason_of(case) == "The rule “Rule 2” won."


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({"payer": "med*"}, True),
        ({"payer": "MED"}, False),
        ({"payer": "M_D*"}, False),
        ({"amount_from": 10_000}, True),
        ({"amount_from": 10_001}, False),
        ({"amount_to": 10_001}, True),
        ({"amount_to": 10_000}, False),
        ({"error_class": "internal"}, True),
        ({"error_class": "transport"}, False),
    ],
)
def test_a_rule_fits_what_it_names(network, rule, said, fits):
    rule(**said)
    fold(network, fine(0, rank=1, amount=10_000, payer="MEDICARE"), failed(1))
    assert (team() == "eligibility") is fits


def test_a_rule_for_a_place_is_for_all_below_it_and_one_for_a_workflow_for_that(network, rule):
    rule("north", facility=network.facilities[0])
    rule("second", workflow=network.workflows[1])
    fold(network, failed(0), subject="a")
    fold(network, failed(0, facility=1), subject="b")
    fold(network, failed(0, workflow=1), subject="c")
    assert list(Case.objects.order_by("id").values_list("team__code", flat=True)) == [
        "north",
        None,
        "second",
    ]


def test_what_is_not_known_fits_no_limit(network, rule):
    rule(amount_to=10)
    rule(payer="*")
    fold(network, failed(0))
    assert team() is None


def test_a_rule_of_the_past_or_the_future_decides_nothing(network, rule):
    rule(effective_to=now() - HOUR)
    rule(effective_from=now() + HOUR)
    fold(network, failed(0))
    assert team() is None


def test_dollars_learned_later_may_move_it_and_the_history_says_so(network, rule):
    rule("small", amount_to=10_000)
    rule("large", amount_from=10_000)
    fold(network, fine(0, rank=1, amount=5_000), failed(1))
    fold(network, fine(2, rank=1, amount=50_000))
    assert team() == "large"
    assert (
        CaseEvent.objects.get(kind="routed").reason == "From Small to Large by the rule “Rule 2”."
    )


@pytest.mark.parametrize("acted", [{"is_assigned_by_hand": True}, {"responded_at": now()}])
def test_no_rule_takes_a_case_from_whoever_was_given_it_or_acted(network, rule, acted):
    rule("first")
    fold(network, failed(0))
    Case.objects.update(**acted)
    rule("second")
    services.follow_rules()
    assert team() == "first"


def test_a_rule_that_comes_into_force_moves_open_cases_by_the_next_sweep(network, rule):
    rule("first")
    fold(network, failed(0))
    services.follow_rules()
    rule("second")
    services.follow_rules()
    assert team() == "second"
    assert story(only()) == ["opened", "routed"]


# -- who ---------------------------------------------------------------------------------------


def given():
    return sorted(
        Case.objects.filter(assignee__isnull=False).values_list("assignee__username", flat=True)
    )


def spread(network, count, **said):
    for n in range(count):
        fold(network, failed(ago(1) + n, **said), subject=f"s-{n}-{said}")
    look()


def test_round_robin_goes_around_those_who_are_there(network, rule, worker):
    rule(strategy="round")
    worker("ana"), worker("ben"), worker("cas", away=HOUR)
    spread(network, 4)
    assert given() == ["ana", "ana", "ben", "ben"]
    assert CaseEvent.objects.filter(kind="assigned").count() == 4


def test_who_was_given_one_last_waits_for_the_others(network, rule, worker):
    rule(strategy="round")
    worker("ana"), worker("ben")
    for n in range(4):
        fold(network, failed(ago(1)), subject=f"s-{n}")
        look()
    assert given() == ["ana", "ana", "ben", "ben"]


def test_least_open_fills_the_lowest_first(network, rule, worker):
    rule(strategy="least")
    ana, _ = worker("ana"), worker("ben")
    spread(network, 3, rank=3)
    Case.objects.update(assignee=ana, is_assigned_by_hand=True)
    spread(network, 4)
    assert given() == ["ana"] * 4 + ["ben"] * 3


def test_nobody_gets_what_they_may_not_see_and_with_nobody_there_it_stays_in_the_pool(
    network, rule, worker
):
    rule(strategy="round")
    worker("ana", place=network.facilities[1])
    spread(network, 2)
    assert given() == []
    assert story(Case.objects.first())[0] == "opened"


def test_whoever_has_the_account_gets_the_next_case_of_it(network, rule, worker):
    rule(strategy="account")
    worker("ana")
    ben = worker("ben")
    token = "00000000-0000-0000-0000-00000000000a"
    fold(network, failed(ago(2)), subject="first")
    Case.objects.update(account=token, assignee=ben)
    fold(network, failed(ago(1)), subject="second")
    fold(network, failed(ago(1)), subject="elsewhere")
    Case.objects.filter(pk=Case.objects.order_by("id")[1].pk).update(account=token)
    look()
    assert given() == ["ben", "ben"]


# -- what if -----------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_move_and_how_many_would_be_late(network, rule):
    rule("first")
    other = rule("second", payer="NOBODY")
    for n in range(3):
        fold(network, fine(ago(5), rank=1, amount=100), failed(ago(5)), subject=f"s-{n}")
    fold(network, failed(ago(5), facility=1), subject="elsewhere")

    proposed = RoutingRule(
        code="new", name="New", position=99, team=other.team, facility=network.facilities[0],
        due_seconds=3_600, due_measure="elapsed", effective_from=now(), why="test",
    )  # fmt: skip
    before = list(Case.objects.values_list("team__code", flat=True))
    run = dry_run([*RoutingRule.objects.all(), proposed])
    [(left, to, move)] = run.moved
    assert (left, to, move.cases, move.amount) == ("First", "Second", 3, 300)
    assert (run.cases, run.moved_cases) == (4, 3)
    assert run.late[1] - run.late[0] == run.more_late
    assert run.late[1] >= 3
    assert [(load.team, load.before, load.after) for load in run.loads] == [
        ("First", 4, 1),
        ("Second", 0, 3),
    ]
    assert list(Case.objects.values_list("team__code", flat=True)) == before


def test_the_rules_in_force_move_nothing(network, rule):
    rule("first")
    rule("second", amount_from=1)
    fold(network, fine(ago(5), rank=1, amount=100), failed(ago(5)))
    assert dry_run(list(RoutingRule.objects.all())).changes_nothing


def test_a_dry_run_does_not_look_further_back_than_thirty_days(network, rule):
    rule("first")
    fold(network, failed(ago(31 * 24)))
    assert dry_run([]).cases == 0


def test_the_question_whose_a_case_would_be_is_answered_by_the_same_rules(network, rule):
    rule("first")
    wins = rule("second", payer="MED*", amount_from=10_000)
    asked = {"facility": network.facilities[0], "workflow": network.workflows[0].pk, "kind": None,
             "error_class": "internal", "system": None}  # fmt: skip
    assert ask(**asked, payer="MEDICARE", amount=20_000).rule_id == wins.pk
    assert ask(**asked, payer="", amount=None).rule_id != wins.pk
