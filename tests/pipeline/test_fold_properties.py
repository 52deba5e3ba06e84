"""Any history, however it arrives, folds to what its sorted distinct events say."""

import random
from collections import defaultdict
from datetime import timedelta

import pytest
from django.db import connections
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.pipeline import services
from apps.scorecards import compaction
from apps.scorecards.verification import verify
from tests.pipeline import oracle
from tests.pipeline.network import START, event, post
from tests.pipeline.world import (
    rules,
    shown_oldest,
    stored_backlog,
    stored_cells,
    stored_transactions,
)

ERRORS = [None, None, ("http", "503", "", ""), ("x12", "T4", "AAA03", "")]

# Often at the same moment, and sometimes half a millisecond apart, where rounding would show.
moments = st.builds(
    lambda seconds, microseconds: START + timedelta(seconds=seconds, microseconds=microseconds),
    st.integers(min_value=0, max_value=60 * 60 * 9),
    st.sampled_from([0, 0, 500, 929_500, 999_999]),
)
said = st.fixed_dictionaries(
    {
        "workflow": st.integers(0, 1),
        "facility": st.integers(0, 1),
        "subject": st.sampled_from(["a", "b", "c"]),
        "rank": st.integers(1, 6),
        "outcome": st.sampled_from(
            ["ok", "ok", "ok", "retry", "failed", "dead_letter", "manual", "cancelled"]
        ),
        "at": moments,
        "amount": st.none() | st.integers(-5_000, 500_000),
        "error": st.sampled_from(ERRORS),
        "attempt": st.integers(1, 4),
    }
)
histories = st.lists(said, min_size=1, max_size=24)
RELAXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def expect_the_oracle(network, events):
    by_transaction = defaultdict(list)
    for one in events:
        by_transaction[one.transaction_id].append(one)
    known, moment = rules(network), now()
    judged = {key: oracle.judge(found, known, moment) for key, found in by_transaction.items()}
    oldest = oracle.oldest(judged.values())
    assert shown_oldest(network) == oldest, "with deltas that wait"
    assert stored_transactions() == judged
    assert stored_cells() == oracle.cells(judged.values(), events, known)
    assert stored_backlog() == oracle.backlog(judged.values())
    assert shown_oldest(network) == oldest, "of the compaction"


def arrive(network, events, order):
    """Deliver the events shuffled, some twice, in batches of random size, folded now and then."""
    queue = events + order.sample(events, k=len(events) // 3)
    order.shuffle(queue)
    while queue:
        size = order.randint(1, 5)
        post(network, *queue[:size])
        del queue[:size]
        if order.random() < 0.5:
            order.choice([services.fold_waiting, services.fold_journal])()
        if order.random() < 0.2:
            order.choice([services.sweep_due, services.sweep_silent])()
    order.choice([services.fold_waiting, services.fold_journal])()
    services.sweep_due()
    services.sweep_silent()


@RELAXED
@given(history=histories, seed=st.integers(0, 2**32))
def test_any_order_and_any_duplicates_fold_to_the_sorted_distinct_events(
    network, empty_path, history, seed
):
    empty_path()
    events = [event(network, id=n, **one) for n, one in enumerate(history)]

    arrive(network, events, random.Random(seed))

    expect_the_oracle(network, events)
    start, end = START - timedelta(days=1), START + timedelta(days=30)
    assert verify(start=start, end=end) == []


@RELAXED
@given(history=histories, seed=st.integers(0, 2**32))
def test_a_rebuild_from_the_events_changes_nothing(network, empty_path, history, seed):
    empty_path()
    events = [event(network, id=n, **one) for n, one in enumerate(history)]
    arrive(network, events, random.Random(seed))
    before = stored_transactions(), stored_cells(), stored_backlog(), shown_oldest(network)

    assert services.rebuild() == len(events)

    after = stored_transactions(), stored_cells(), stored_backlog(), shown_oldest(network)
    assert after == before


@pytest.mark.slow
def test_workers_that_fold_at_once_lose_nothing_and_count_nothing_twice(network):
    from concurrent.futures import ThreadPoolExecutor

    order = random.Random(7)
    events = [
        event(
            network, id=n, workflow=order.randint(0, 1), facility=order.randint(0, 1),
            subject=f"s-{order.randint(0, 150)}", rank=order.randint(1, 6),
            outcome=order.choice(["ok", "ok", "ok", "retry", "failed", "dead_letter"]),
            at=START + timedelta(seconds=order.randint(0, 30_000)), amount=order.randint(0, 9_999),
        )
        for n in range(3_000)
    ]  # fmt: skip
    queue = events + events[:600]
    order.shuffle(queue)
    for first in range(0, len(queue), 20):
        post(network, *queue[first : first + 20])

    def work(_: int) -> None:
        try:
            while services._fold(only=None, events=200):
                compaction.compact(blocks=order.random() < 0.3)
                services.sweep_due()
                services.sweep_silent()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    services.sweep_due()
    services.sweep_silent()

    expect_the_oracle(network, events)
