"""What waiting costs: the score, its parts, and when it is looked at again."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalog.models import DeadlineRule, ErrorClass
from apps.pipeline import services
from apps.triage import policy
from apps.triage.models import Case
from apps.triage.scoring import parts_of
from tests.pipeline.network import START
from tests.pipeline.test_fold_properties import RELAXED
from tests.triage.test_clocks import HOUR, ago, newyork, only, playbook  # noqa: F401
from tests.triage.test_fold import failed, fine, fold


@pytest.fixture
def deadline(network):
    def write(**said):
        told = {"kind": "filing", "since": "service", "days": 90, "payer": "", **said}
        return DeadlineRule.objects.create(workflow=network.workflows[0], **told)

    return write


def points(case):
    return sum(part.points for part in parts_of(case))


def test_a_case_is_born_with_its_score_and_the_parts_add_up_to_it(network):
    fold(network, fine(0, rank=1, amount=1_000_000), failed(1))
    case = only()
    assert {part.name: part.points for part in parts_of(case)} == {
        "money": 9_000,
        "time": 2_000,
        "severity": 500,
        "came back": 0,
    }
    assert case.score == points(case) == 11_500


def test_dollars_learned_later_move_it_at_once(network):
    fold(network, failed(1))
    before = only().score
    fold(network, fine(2, rank=1, amount=500_000))
    assert only().score == before + 4_500


def test_the_deadline_of_the_payer_wins_over_that_of_any_and_the_earliest_kind_matters(
    network, deadline
):
    deadline(days=90)
    deadline(days=365, payer="medicare*")
    deadline(days=400, kind="close")
    fold(network, failed(1, service_date="2026-01-01", payer="MEDICARE PART B"))
    case = only()
    assert (case.money_due_kind, case.money_due_at) == ("filing", newyork("2027-01-02T00:00"))
    fold(network, failed(1, service_date="2026-01-01", payer="ALDER"), subject="other")
    other = Case.objects.get(payer="ALDER")
    assert other.money_due_at == newyork("2026-04-02T00:00")


def test_a_refund_counts_from_the_day_it_was_known_and_a_close_from_the_end_of_the_month(
    network, deadline
):
    deadline(kind="refund", since="opened", days=60)
    fold(network, failed(0))
    assert (only().money_due_kind, only().money_due_at) == ("refund", newyork("2026-05-06T00:00"))
    deadline(kind="close", since="month", days=3)
    policy.apply([only().pk])
    assert (only().money_due_kind, only().money_due_at) == ("close", newyork("2026-04-04T00:00"))


def test_without_a_date_of_service_no_deadline_is_made_up(network, deadline):
    deadline()
    fold(network, failed(0))
    assert (only().money_due_kind, only().money_due_at) == ("", None)


def test_it_is_scored_anew_as_its_deadlines_near_and_not_before(network, playbook):  # noqa: F811
    playbook(100 * HOUR, "elapsed", severity=3)
    fold(network, failed(ago(1)))
    case = only()
    assert case.scored_at + timedelta(minutes=5) < case.wake_at < case.scored_at + HOUR
    Case.objects.update(clock_from=now() - 99 * HOUR, resolve_by=now() + HOUR, wake_at=now())
    services.sweep_clocks()
    after = only()
    assert after.score > case.score
    assert after.score == points(after)
    assert after.wake_at <= after.scored_at + timedelta(minutes=8)


def test_rules_that_change_are_followed_by_open_cases(network, deadline):
    fold(network, failed(0, service_date="2026-01-01"), subject="open")
    fold(network, failed(0, service_date="2026-01-01"), fine(5), subject="over")
    services.follow_rules()
    deadline()
    assert services.follow_rules() == 1
    assert services.follow_rules() == 0
    assert Case.objects.filter(money_due_kind="filing").count() == 1


moments = st.one_of(st.none(), st.integers(-3_000_000, 40_000_000))


@pytest.mark.slow
@settings(RELAXED, max_examples=150)
@given(
    amount=st.one_of(st.none(), st.integers(-(10**11), 10**11)),
    error_class=st.sampled_from(ErrorClass.values),
    service_days=st.one_of(st.none(), st.integers(-800, 800)),
    target=st.integers(60, 10**7),
    severity=st.integers(1, 4),
    regressions=st.integers(0, 9),
    is_paused=st.booleans(),
)
def test_the_parts_of_any_case_add_up_to_its_score(
    network, empty_path, amount, error_class, service_days, target, severity, regressions,
    is_paused,
):  # fmt: skip
    empty_path()
    if not DeadlineRule.objects.exists():
        DeadlineRule.objects.create(
            workflow=network.workflows[0], kind="filing", since="service", days=90
        )
    fold(network, failed(0))
    day = now().date() + timedelta(days=service_days) if service_days is not None else None
    Case.objects.update(
        amount_minor=amount, error_class=error_class, service_date=day, severity=severity,
        target_seconds=target, due_measure="elapsed", is_priority_by_hand=True,
        regressions=regressions, clock_from=now(), paused_at=START if is_paused else None,
    )  # fmt: skip
    policy.apply([only().pk])
    assert only().score == points(only())
