"""A seed decides what goes wrong and when, and every kind of fault has its turn."""

from collections import Counter
from itertools import islice, pairwise

from tests.chaos.faults import KINDS, RARE, plan
from tests.chaos.history import Names, histories

KNOWN = Names(
    workflows={1: "claim", 2: "payment"},
    facilities={7: "NORTH", 8: "SOUTH"},
    stages={11: "sent", 12: "done", 21: "sent"},
    ranks={1: [(1, 11), (2, 12)], 2: [(1, 21)]},
)


def test_the_same_seed_breaks_the_same_things_at_the_same_moments():
    assert plan(4, seconds=60, count=30) == plan(4, seconds=60, count=30)
    assert plan(4, seconds=60, count=30) != plan(5, seconds=60, count=30)


def test_every_kind_comes_in_the_first_round():
    for seed in range(20):
        first = plan(seed, seconds=60, count=len(KINDS))
        assert {fault.kind for fault in first} == KINDS.keys()


def test_ten_minutes_hold_over_a_hundred_faults_of_every_kind():
    counted = Counter(fault.kind for fault in plan(1, seconds=600, count=120))
    assert counted.total() == 120
    assert all(counted[kind] >= 5 for kind in KINDS.keys() - RARE.keys())
    assert counted["kill supervisor"] >= 1


def test_a_plan_can_be_narrowed_to_some_kinds():
    counted = Counter(f.kind for f in plan(1, seconds=60, count=30, only=["kill valkey"]))
    assert counted == {"kill valkey": 30}


def test_a_plan_ends_with_a_fault_of_one_part():
    assert all(plan(seed, seconds=60, count=16)[-1].kind not in RARE for seed in range(50))


def test_faults_come_in_order_and_within_the_time():
    moments = [fault.at for fault in plan(2, seconds=60, count=30)]
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert moments[-1] < 60


def test_histories_name_each_event_once_and_never_speak_of_the_future():
    events = [event for history in islice(histories(3, KNOWN), 500) for event in history]
    assert len({event.id for event in events}) == len(events)
    assert all(
        earlier.occurred_at <= later.occurred_at
        for earlier, later in pairwise(events)
        if earlier.subject == later.subject
    )
