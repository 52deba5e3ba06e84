"""The rows of the whole network: who may see all of it is told what its facilities add up to."""

from collections import Counter

import pytest
from django.utils import timezone

from apps.catalog.models import Facility
from apps.scorecards import cards, queries
from apps.scorecards.cards import BY_FACILITY, BY_WORKFLOW
from apps.scorecards.metrics import METRICS
from apps.scorecards.tallies import Cells, histogram_of
from apps.scorecards.trends import STEPS, trend
from apps.scorecards.windows import named_window
from tests.dashboard.cast import done, fold, stuck

pytestmark = pytest.mark.slow


@pytest.fixture
def everywhere(network):
    """Forty days of some of everything at both facilities."""
    told = []
    for n in range(60):
        make = stuck if n % 5 == 0 else done
        told += make(f"h-{n}", hours_ago=(n * n * 37 % 9_600) / 10 + 1.5, facility=n % 2)
    fold(network, *told)
    zones = dict(Facility.objects.values_list("pk", "time_zone"))
    return Cells(
        zones,
        [line.pk for line in network.workflows],
        named_window("28d", end=None, now=timezone.now()),
    )


def parts(cells):
    """The same cells, a facility at a time."""
    return [Cells({key: zone}, cells.workflow_ids, cells.window)
            for key, zone in cells.zones.items()]  # fmt: skip


@pytest.mark.parametrize("clock", cards.COLUMNS)
def test_lines_of_workflows_are_the_sums_of_facilities(everywhere, clock):
    whole = cards.cards(everywhere, clock, BY_WORKFLOW)
    for name in ("started", "good", "bad", "excluded", "latencies", "open", "amount_open"):
        each = Counter()
        for part in parts(everywhere):
            for key, card in cards.cards(part, clock, BY_WORKFLOW).items():
                each[key] += getattr(card, name)
        assert {key: getattr(card, name) for key, card in whole.items()} == dict(each), name
    packed = sum(int(cards.cards(part, clock, BY_WORKFLOW)[None].histogram)
                 for part in parts(everywhere))  # fmt: skip
    assert int(whole[None].histogram) == packed


@pytest.mark.parametrize("clock", cards.COLUMNS)
def test_days_of_a_workflow_are_the_days_of_its_facilities(everywhere, clock):
    now = timezone.now()
    found = cards.days(everywhere, clock, BY_WORKFLOW, number=30, now=now)
    each = Counter()
    for one in cards.days(everywhere, clock, BY_FACILITY, number=30, now=now):
        each[one.day] += one.good + one.bad
    together = Counter()
    for one in found:
        together[one.day] += one.good + one.bad
    assert found
    assert together == each


def test_steps_and_histograms_of_everything_are_the_sums_of_facilities(everywhere):
    metric = METRICS["p95"]
    assert int(histogram_of(metric, everywhere)) == sum(
        int(histogram_of(metric, part)) for part in parts(everywhere)
    )
    window = {"window": everywhere.window, "step": STEPS["28d"]}
    lines = everywhere.workflow_ids
    whole = trend(zones=everywhere.zones, workflow_ids=lines, **window)
    each = [trend(zones=part.zones, workflow_ids=lines, **window) for part in parts(everywhere)]
    assert [one.events for one in whole] == [
        sum(p.events for p in at) for at in zip(*each, strict=True)
    ]


def test_the_network_is_read_by_who_sees_all_of_it_and_by_nobody_else(everywhere):
    [first, *_] = parts(everywhere)
    assert queries.together(everywhere.zones) == {"rolled_up_ids": [0]}
    assert queries.together(first.zones) == {"rolled_up_ids": list(first.zones)}


def test_what_waits_for_the_compaction_is_counted_in_the_network(network, everywhere):
    before = queries.flow(
        zones=everywhere.zones, workflow_ids=everywhere.workflow_ids, window=everywhere.window
    )
    fold(network, *done("waits", hours_ago=3))
    after = queries.flow(
        zones=everywhere.zones, workflow_ids=everywhere.workflow_ids, window=everywhere.window
    )
    assert after.events == before.events + 3
