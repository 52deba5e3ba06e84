"""A dollar is counted once: one open case of a transaction has its money, whatever happens."""

import random
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.catalog.models import ErrorSignal
from apps.core.db import execute
from apps.pipeline import services
from apps.triage import groups, queue
from apps.triage import services as triage
from apps.triage.filters import Asked
from apps.triage.models import IS_OPEN, Case, Dismissal, Status
from apps.triage.reader import reader
from apps.triage.scoring import parts_of
from apps.triage.sweep import sweep_cases
from tests.dashboard.cast import make_person
from tests.pipeline.network import event
from tests.pipeline.test_fold_properties import RELAXED, arrive, histories
from tests.triage.test_properties import Desk as Chance
from tests.triage.test_properties import failing


def expect_each_dollar_once():
    """The earliest open case of each transaction counts, no other, and no closed one."""
    expected = {}
    for case in Case.objects.filter(IS_OPEN).order_by("rank", "condition", "id"):
        expected.setdefault(case.transaction_id, case.pk)
    counting = Case.objects.filter(counts_money=True)
    assert sorted(counting.values_list("pk", flat=True)) == sorted(expected.values())
    for case in Case.objects.filter(IS_OPEN):
        assert case.resolve_by is not None
        parts = parts_of(case)
        assert case.score == sum(part.points for part in parts)
        assert case.counts_money or parts[0].points == 0


@settings(RELAXED, max_examples=30, phases=[Phase.explicit, Phase.generate])
@given(history=failing | histories, seed=st.integers(0, 2**32))
def test_in_any_order_of_events_and_acts_a_transaction_is_counted_at_its_earliest_open_case(
    network, known, empty_path, clock, history, seed
):
    empty_path()
    if not ErrorSignal.objects.exists():
        known("http 503 *", "transport")
        known("x12 T4 *", "missing_data")
    order = random.Random(seed)
    supervisor = User.objects.filter(username="sue").first() or make_person(
        "sue", "rcm_supervisor", network.facilities[0].parent
    )
    desk = Chance(supervisor, order, clock)
    waiting = [event(network, id=n, **one) for n, one in enumerate(history)]
    order.shuffle(waiting)
    while waiting:
        size = order.randint(1, 4)
        arrive(network, waiting[:size], order)
        del waiting[:size]
        expect_each_dollar_once()
        for _ in range(order.randint(0, 3)):
            order.choice([desk.act, desk.act, sweep_cases])()
            expect_each_dollar_once()
    services.sweep_due()
    expect_each_dollar_once()


@pytest.fixture
def three(desk):
    """Three open cases of one transaction, worth $900, the last of them the earliest step."""
    place = desk.network.facilities[0]
    one = desk.transaction(workflow=desk.network.stage(0, 2).workflow, facility=place)
    execute("UPDATE telemetry_transaction SET amount_minor = 90000 WHERE id = %(id)s", {"id": one})
    made = [
        desk.case(transaction_id=one, rank=rank, amount_minor=90_000, kind=desk.kinds["billing"])
        for rank in (3, 2, 1)
    ]
    counted_first(made)
    return made


def counted_first(made):
    """As the fold leaves them."""
    Case.objects.filter(pk__in=[one.pk for one in made]).update(counts_money=False)
    Case.objects.filter(pk=made[-1].pk).update(counts_money=True)


def counting():
    return Case.objects.get(counts_money=True).rank


def form(by):
    return {"by": by, "version": None, "op_id": None}


def test_the_money_goes_to_the_next_case_and_comes_back_with_an_undo(desk, three):
    _, second, first = three
    triage.dismiss(first.pk, scope=Dismissal.THIS_CASE, reason="noise", **form(desk.sue))
    assert counting() == 2
    triage.resolve(
        second.pk, resolution=triage.Resolution.BY_HAND, comment="done", **form(desk.sue)
    )
    assert counting() == 3
    triage.undo(second.pk, **form(desk.sue))
    assert counting() == 2
    triage.reopen(first.pk, reason="it was not noise", **form(desk.sue))
    assert counting() == 1


def test_what_is_merged_counts_where_it_went_and_follows_it(desk, three):
    third, _, first = three
    triage.merge(first.pk, into=third.pk, reason="the same", **form(desk.sue))
    assert counting() == 2
    triage.dismiss(third.pk, scope=Dismissal.THIS_CASE, reason="noise", **form(desk.sue))
    sweep_cases()
    assert Case.objects.get(pk=first.pk).status == Status.OPEN
    assert counting() == 1


def test_a_review_after_ninety_days_brings_the_money_back(desk, three):
    first = three[-1]
    triage.dismiss(first.pk, scope=Dismissal.THIS_CASE, reason="noise", **form(desk.sue))
    Case.objects.filter(pk=first.pk).update(review_at=now() - timedelta(minutes=1))
    sweep_cases()
    assert counting() == 1


def test_every_sum_has_the_dollars_once_and_groups_add_up(desk, three):
    who = reader(desk.sue, now())
    assert queue.totals(who, Asked({})).amount == 90_000
    for by in groups.GROUPINGS:
        found = groups.grouped(who, Asked({}), by)
        assert sum(one.sum.amount for one in found) == 90_000
        assert sum(one.sum.cases for one in found) == 3


def test_a_row_says_where_its_dollars_are_counted_and_adds_none_to_a_selection(desk, three):
    browser = Client()
    browser.force_login(desk.sue)
    page = browser.get("/exceptions/?view=all").content.decode()
    assert page.count("counted at About billing") == 2
    assert page.count('data-amount="0"') == 2
    assert page.count('data-amount="90000"') == 1
    told = browser.get("/api/v1/cases?view=all").json()["cases"]
    assert sorted(one["at_risk"] for one in told) == ["0.00", "0.00", "900.00"]
    assert {one["amount"] for one in told} == {"900.00"}
    file = browser.get("/exceptions/cases.csv?view=all").content.decode()
    assert file.count(',0.00,900.00,"About billing",') == 2


def test_of_another_persons_business_a_row_says_only_that_there_is_one(desk, three):
    Case.objects.filter(pk=three[0].pk).update(kind=desk.kinds["money"])
    browser = Client()
    browser.force_login(desk.fay)
    page = browser.get("/exceptions/?view=all").content.decode()
    assert "counted at another case" in page
    assert "About billing" not in page


def test_cases_of_another_transaction_are_left_as_they_are(desk, three):
    other = desk.case(amount_minor=5)
    triage.dismiss(three[-1].pk, scope=Dismissal.THIS_CASE, reason="noise", **form(desk.sue))
    assert Case.objects.get(pk=other.pk).counts_money
