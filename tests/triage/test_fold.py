"""Cases are born, repeated and closed with the facts."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connections
from django.utils.timezone import now

from apps.pipeline import services
from apps.scorecards import compaction
from apps.triage import services as triage
from apps.triage.models import Case, CaseEvent, Group, Pace, Pend
from apps.triage.services import acting
from tests.dashboard.cast import make_person
from tests.pipeline.network import START, event, post
from tests.triage import oracle
from tests.triage.test_properties import expect_the_oracle

OUTAGE = ("http", "503", "/payer", "")
MINUTE = timedelta(minutes=1)


def fold(network, *said, **shared):
    """One journal row, folded by itself."""
    ids = fold.__dict__.setdefault("ids", iter(range(10_000)))
    post(network, *(event(network, **{"id": f"t-{next(ids)}", **shared, **one}) for one in said))
    services.fold_journal()


def failed(minutes, rank=2, error=OUTAGE, **said):
    return {
        "rank": rank,
        "outcome": "failed",
        "at": START + minutes * MINUTE,
        "error": error,
        **said,
    }


def fine(minutes, rank=2, **said):
    return {"rank": rank, "at": START + minutes * MINUTE, **said}


def story(case):
    return list(CaseEvent.objects.filter(case=case).order_by("id").values_list("kind", flat=True))


def test_a_failed_step_is_a_case_with_its_meaning_its_cause_and_its_dollars(network, known):
    known("http 503 *", "transport", kind="TRN-01")
    fold(network, fine(0, rank=1, amount=125_000, payer="ACME"), failed(1))

    case = Case.objects.get()
    assert (case.kind.code, case.error_class, case.rank) == ("TRN-01", "transport", 2)
    assert (case.amount_minor, case.payer, case.facility.code) == (125_000, "ACME", "NORTH")
    assert (case.status, case.substatus, case.occurrences) == ("open", "new", 1)
    assert str(case.group) == "http 503"
    assert story(case) == ["opened"]


def test_a_code_nobody_has_explained_is_a_case_all_the_same(network):
    fold(network, failed(1))
    case = Case.objects.get()
    assert (case.kind, case.error_class) == (None, "internal")


def test_the_same_trouble_again_is_counted_and_opens_nothing(network):
    fold(network, failed(1))
    fold(network, failed(5), failed(3))
    case = Case.objects.get()
    assert (case.occurrences, case.opened_at, case.last_seen) == (
        3,
        START + MINUTE,
        START + 5 * MINUTE,
    )
    assert story(case) == ["opened"]


def test_other_trouble_at_the_same_step_is_another_case(network, known):
    known("http 503 *", "transport")
    known("x12 T4 *", "missing_data")
    fold(network, failed(1), failed(2, error=("x12", "T4", "2100", "")))
    assert set(Case.objects.values_list("error_class", flat=True)) == {"transport", "missing_data"}


def test_retries_are_no_case_until_the_step_has_failed(network):
    fold(network, {**failed(1), "outcome": "retry"})
    assert not Case.objects.exists()


def test_a_later_success_closes_what_it_heals(network):
    fold(network, failed(1))
    fold(network, fine(9))
    case = Case.objects.get()
    assert (case.status, case.resolved_by, case.resolved_at) == (
        "resolved",
        "success_event",
        START + 9 * MINUTE,
    )
    assert story(case) == ["opened", "resolved"]


def test_an_older_success_that_comes_late_closes_nothing(network):
    fold(network, failed(5))
    fold(network, fine(2))
    assert Case.objects.get().is_open


def test_a_success_of_an_earlier_step_closes_nothing(network):
    fold(network, failed(1, rank=3))
    fold(network, fine(9, rank=2))
    assert Case.objects.get().is_open


def test_a_success_that_came_before_the_failure_it_heals_closes_it_at_once(network):
    fold(network, fine(9))
    fold(network, failed(1))
    case = Case.objects.get()
    assert (case.status, case.resolved_at) == ("resolved", START + 9 * MINUTE)
    assert story(case) == ["opened", "resolved"]


def test_trouble_that_comes_back_reopens_its_case(network):
    fold(network, failed(1))
    fold(network, fine(2))
    fold(network, failed(3))
    case = Case.objects.get()
    assert (case.status, case.substatus, case.regressions, case.resolved_at) == (
        "open",
        "regressed",
        1,
        None,
    )
    assert story(case) == ["opened", "resolved", "regressed"]


def test_a_cancelled_transaction_has_no_open_case(network):
    fold(network, failed(1))
    fold(network, {"rank": 1, "outcome": "cancelled", "at": START + 4 * MINUTE})
    case = Case.objects.get()
    assert (case.status, case.resolved_by) == ("resolved", "ended")


def test_a_refusal_that_says_why_is_a_case_and_one_that_does_not_is_none(network):
    fold(network, fine(1, rank=5, error=("CARC", "50", "2100", "")), subject="said")
    fold(network, fine(1, rank=5), subject="unsaid")
    case = Case.objects.get()
    assert (case.error_code, case.is_open) == ("50", True)


def test_a_dead_letter_without_a_code_is_known_by_what_it_is(network, known):
    known("condition dead_letter *", "internal", kind="TRN-08")
    fold(network, {"rank": 2, "outcome": "dead_letter", "at": START})
    case = Case.objects.get()
    assert (case.kind.code, case.dead_lettered) == ("TRN-08", True)


def test_a_sender_cannot_claim_what_only_time_shows(network, known):
    known("condition overdue *", "no_ack", kind="TRN-07")
    fold(network, failed(1, error=("condition", "overdue", "", "")))
    assert Case.objects.get().kind is None


def test_what_is_learned_later_about_the_business_is_on_the_case(network):
    fold(network, failed(1))
    fold(network, fine(2, rank=1, amount=9_900, payer="ACME"))
    case = Case.objects.get()
    assert (case.amount_minor, case.payer) == (9_900, "ACME")


def test_the_same_cause_everywhere_is_one_group(network):
    for number, place in enumerate((0, 1, 1)):
        fold(network, failed(number), subject=f"s-{number}", facility=place)
    assert Group.objects.count() == 1
    assert Group.objects.get().cases.count() == 3


def test_what_is_overdue_is_a_case_until_it_arrives(network, known):
    known("condition overdue *", "no_ack", kind="TRN-07")
    fold(network, fine(0, rank=1))
    services.sweep_due()
    case = Case.objects.get()
    assert (case.kind.code, case.condition, case.rank) == ("TRN-07", 2, 3)
    assert case.opened_at == START + timedelta(hours=1)
    services.sweep_due()
    assert story(case) == ["opened"]

    fold(network, fine(600, rank=3))
    case.refresh_from_db()
    assert (case.status, case.resolved_by) == ("resolved", "success_event")


def test_each_clock_that_runs_out_is_a_case(network):
    fold(network, fine(0, rank=1), fine(1, rank=2))
    services.sweep_due()
    assert list(Case.objects.order_by("condition").values_list("condition", flat=True)) == [2, 3]


def test_a_due_time_that_proves_wrong_takes_its_case_back(network):
    """The first event decides the due time, and it may come last."""
    fold(network, fine(0, rank=1))
    services.sweep_due()
    fold(network, fine(-10_000, rank=1), fine(-9_990, rank=3))
    assert not Case.objects.get().is_open


def test_one_batch_is_one_look_at_the_cases_however_many_it_touches(network):
    from django.test.utils import CaptureQueriesContext

    from apps.triage.fold import record_cases

    fold(network, *({**failed(n), "subject": f"s-{n}"} for n in range(50)))
    with CaptureQueriesContext(connections["default"]) as asked:
        post(network, *(event(network, id=n, subject=f"s-{n}", **fine(90)) for n in range(50)))
        services.fold_journal()
    assert not Case.objects.filter(status="open").exists()
    about_cases = [one for one in asked.captured_queries if "triage_case" in one["sql"]]
    assert len(about_cases) <= 5, record_cases.__name__


def test_a_rebuild_leaves_cases_alone_and_opens_those_that_are_missing(network):
    fold(network, failed(1), failed(3, rank=3), fine(0, rank=1), subject="known")
    fold(network, failed(2), subject="unknown")
    fold(network, fine(9), failed(12), subject="unknown")
    fold(network, fine(0, rank=1), subject="late")
    services.sweep_due()
    before = oracle.stored()
    Case.objects.exclude(
        rank=2, transaction_id=Case.objects.earliest("opened_at").transaction_id
    ).delete()
    services.rebuild()
    assert oracle.stored() == before
    services.rebuild()
    assert oracle.stored() == before


@pytest.mark.slow
def test_workers_that_fold_at_once_leave_the_cases_of_the_sorted_events(network, known):
    known("http 503 *", "transport")
    known("x12 T4 *", "missing_data")
    order = random.Random(11)
    events = [
        event(
            network, id=n, workflow=order.randint(0, 1), facility=order.randint(0, 1),
            subject=f"s-{order.randint(0, 60)}", rank=order.randint(1, 6),
            outcome=order.choice(["ok", "ok", "failed", "failed", "dead_letter", "cancelled"]),
            at=START + timedelta(seconds=order.randint(0, 30_000)),
            error=order.choice([None, OUTAGE, ("x12", "T4", "2100", "")]),
        )
        for n in range(1_500)
    ]  # fmt: skip
    queue = events + events[:300]
    order.shuffle(queue)
    for first in range(0, len(queue), 10):
        post(network, *queue[first : first + 10])

    def work(_: int) -> None:
        try:
            while services._fold(only=None, events=100):
                services.sweep_due()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    services.sweep_due()
    services.sweep_silent()
    expect_the_oracle(network, events)


# -- what people did, and what telemetry says then -------------------------------------------------

FIXED = START + timedelta(hours=1)


@pytest.fixture
def ana(network):
    return make_person("ana", "revenue_cycle_analyst", network.facilities[0])


@pytest.fixture
def at_the_fix(monkeypatch):
    """The moment at which people act."""
    monkeypatch.setattr(acting, "now", lambda: FIXED)


def form(ana):
    return {"by": ana, "version": None, "op_id": None}


def resolved(ana, resolution=triage.Resolution.BY_HAND):
    case = Case.objects.get()
    return triage.resolve(case.pk, resolution=resolution, comment="done", **form(ana))


def stands():
    case = Case.objects.get()
    return case.status, case.substatus, case.resolved_by


@pytest.mark.parametrize("act", ["take", "pend", "verify", "replaying"])
def test_neither_lease_nor_pend_nor_verification_holds_up_what_telemetry_shows(
    network, ana, at_the_fix, act
):
    fold(network, fine(0, rank=1), failed(1))
    case = Case.objects.get()
    if act == "take":
        triage.take(case.pk, **form(ana))
    elif act == "pend":
        wait = triage.Wait(triage.Waits.LATER, until=FIXED + timedelta(days=1))
        triage.pend(case.pk, wait=wait, reason="tomorrow", **form(ana))
    elif act == "verify":
        resolved(ana, triage.Resolution.MAPPED)
    else:
        Case.objects.update(status="replaying", substatus="")
    fold(network, failed(2))
    assert Case.objects.get().occurrences == 2
    fold(network, fine(90))
    case.refresh_from_db()
    assert stands() == ("resolved", "", "success_event")
    assert (case.leased_by, case.verify_until, Pend.objects.count()) == (None, None, 0)


def test_what_was_under_way_when_a_person_resolved_it_is_late_evidence(network, ana, at_the_fix):
    fold(network, failed(1))
    resolved(ana)
    fold(network, failed(64))
    assert stands() == ("resolved", "", "user")
    assert Case.objects.get().occurrences == 2


def test_what_fails_after_a_persons_word_comes_back_to_whom_it_belonged(network, ana, at_the_fix):
    fold(network, failed(1))
    triage.take(Case.objects.get().pk, **form(ana))
    resolved(ana)
    fold(network, failed(66))
    case = Case.objects.get()
    assert (case.status, case.substatus, case.regressions) == ("open", "regressed", 1)
    assert (case.assignee, case.resolved_at, case.fixed_at) == (ana, None, FIXED)
    assert story(case) == ["opened", "taken", "resolved", "regressed"]


def test_the_grace_is_as_long_as_the_slowest_of_a_hundred_takes(network, ana, at_the_fix):
    Pace.objects.create(workflow=network.workflows[0], p99_seconds=1800)
    fold(network, failed(1))
    resolved(ana)
    fold(network, failed(89))
    assert stands()[0] == "resolved"
    fold(network, failed(91))
    assert stands()[0] == "open"


def test_a_word_that_failures_refute_does_not_count_whatever_comes_first(network, ana, at_the_fix):
    """The success that heals the refuting failure arrives before it."""
    fold(network, failed(1))
    resolved(ana)
    fold(network, fine(120))
    assert stands() == ("resolved", "", "user")
    fold(network, failed(90))
    case = Case.objects.get()
    assert stands() == ("resolved", "", "success_event")
    assert case.resolved_at == START + 120 * MINUTE


def test_what_still_fails_while_it_is_verified_is_not_confirmed(network, ana, at_the_fix):
    fold(network, fine(0, rank=1), failed(1))
    resolved(ana, triage.Resolution.MAPPED)
    fold(network, failed(62))
    assert stands() == ("verifying", "", "")
    fold(network, failed(70))
    assert stands() == ("open", "unconfirmed", "")
    assert story(Case.objects.get())[-1] == "unconfirmed"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("this_case", "open"), ("until_escalating", "dismissed"), ("forever", "dismissed")],
)
def test_what_was_dismissed_stays_so_as_far_as_was_said(network, ana, at_the_fix, scope, expected):
    fold(network, failed(1))
    Case.objects.update(
        status="dismissed", dismissal=scope, resolved_at=FIXED, late_until=FIXED + 5 * MINUTE
    )
    fold(network, failed(64))
    assert stands()[0] == "dismissed"
    fold(network, failed(66))
    case = Case.objects.get()
    assert (case.status, case.occurrences) == (expected, 3)
    assert case.dismissal == ("" if expected == "open" else scope)


@pytest.mark.parametrize(
    ("waits", "said", "comes_back"),
    [
        ({"until_reply": True}, {"rank": 1, "outcome": "retry"}, "reply"),
        ({"until_amount_minor": 500}, {"rank": 1, "amount": 500}, "amount"),
        ({"until_amount_minor": 500}, {"rank": 1, "amount": 499}, None),
        ({}, {"rank": 1, "amount": 500}, None),
    ],
)
def test_a_pending_case_comes_back_when_what_it_waits_for_is_heard(
    network, ana, at_the_fix, waits, said, comes_back
):
    fold(network, fine(0, rank=1), failed(1))
    wait = triage.Wait(triage.Waits.PAYER, until=FIXED + timedelta(days=1), **waits)
    triage.pend(Case.objects.get().pk, wait=wait, reason="asked them", **form(ana))
    fold(network, {"at": START + 70 * MINUTE, **said})
    case = Case.objects.get()
    assert (case.status == "open") == bool(comes_back)
    assert Pend.objects.exists() == (not comes_back)
    if comes_back:
        assert (case.substatus, case.assignee) == ("returned", ana)
        assert CaseEvent.objects.filter(case=case).last().reason == comes_back


def test_of_two_who_resolve_at_once_one_is_told_that_the_other_was_faster(network, ana):
    bob = make_person("bob", "revenue_cycle_analyst", network.facilities[0])
    fold(network, failed(1))
    case = Case.objects.get()
    together = Barrier(2)

    def work(who):
        try:
            together.wait()
            triage.resolve(
                case.pk, resolution=triage.Resolution.BY_HAND, comment="done", by=who,
                version=case.version, op_id=uuid4(),
            )  # fmt: skip
        except triage.Conflict as conflict:
            return conflict.event.actor
        finally:
            connections.close_all()
        return None

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(work, [ana, bob]))
    assert sorted(one is None for one in told) == [False, True]
    [winner] = filter(None, told)
    assert told[[ana, bob].index(winner)] is None
    assert story(case) == ["opened", "resolved"]


def test_people_who_press_next_at_once_get_different_cases(network):
    people = [
        make_person(f"p{n}", "revenue_cycle_analyst", network.facilities[0]) for n in range(4)
    ]
    fold(network, *({**failed(1), "subject": f"s-{n}"} for n in range(4)))
    together = Barrier(4)

    def work(who):
        try:
            together.wait()
            return triage.next_best(by=who, op_id=uuid4()).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, people))) == 4


def test_how_slow_a_workflow_is_is_measured_once_a_day_from_its_own_work(network):
    moment = now()
    for number in range(100):
        start = moment - timedelta(hours=5)
        late = timedelta(minutes=50 if number > 97 else 1)
        fold(
            network,
            {"rank": 1, "at": start},
            {"rank": 3, "at": start + late},
            subject=f"s-{number}",
        )
    compaction.compact()
    services.maintain()
    pace = Pace.objects.get()
    assert pace.workflow == network.workflows[0]
    assert abs(pace.p99_seconds - 3_000) < 300
    Pace.objects.update(p99_seconds=1)
    services.maintain()
    assert Pace.objects.get().p99_seconds == 1
