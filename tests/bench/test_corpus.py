"""The measurements send what they say they send."""

import json
from collections import defaultdict

import pytest

from bench.corpus import STAGES, TEMPLATES, Bodies, Leg, Network

NETWORK = Network(
    [Leg(f"flow_{number}", [f"step_{rank}" for rank in range(6)], None) for number in range(13)],
    [f"SITE-{number}" for number in range(45)],
)


def sent(bodies: Bodies, posts: int) -> list[dict]:
    read = [json.loads(body) for body in bodies.take(posts)]
    return [one for body in read for one in (body if isinstance(body, list) else [body])]


@pytest.mark.parametrize("batch", [1, 100, 1_000])
def test_no_event_is_sent_twice_and_no_place_is_left_to_fill(batch):
    events = sent(Bodies(NETWORK, batch, series=5), posts=40)

    assert len({event["id"] for event in events}) == len(events) == 40 * batch
    assert "@" not in json.dumps(events)


@pytest.mark.parametrize(("batch", "lag"), [(1, 3), (100, 3), (100, 0), (1_000, 1)])
def test_a_transaction_keeps_its_place_and_passes_every_stage(batch, lag):
    transactions = defaultdict(list)
    for event in sent(Bodies(NETWORK, batch, series=5, lag=lag), posts=40):
        transactions[event["subject"]].append(event["data"])

    places = [{(one["workflow"], one["facility"]) for one in t} for t in transactions.values()]
    assert {len(place) for place in places} == {1}
    complete = [found for found in transactions.values() if len(found) == STAGES]
    assert len(complete) >= len(transactions) / 2
    assert all(len({one["stage"] for one in found}) == STAGES for found in complete)


def test_few_groups_return_to_the_same_transactions():
    groups = 2 * TEMPLATES

    events = sent(Bodies(NETWORK, 100, series=5, lag=1, groups=groups), posts=80)

    assert len({event["subject"] for event in events}) == groups * 100 // STAGES
