"""Recounting and mending: any damage, in as many statements as a single wrong cell takes."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.scorecards import queries
from apps.scorecards.models import Backlog, Rollup
from apps.scorecards.verification import SPAN, verify
from apps.scorecards.windows import floor, named_window
from tests.dashboard.cast import ago, done, fold, stuck


@pytest.fixture
def network(transactional_db):
    from tests.pipeline.network import build

    return build()


@pytest.fixture
def history(network):
    """Thirty days with something of everything in most of them."""
    told = []
    for n in range(60):
        make = stuck if n % 5 == 0 else done
        told += make(f"h-{n}", hours_ago=n * 12.3, facility=n % 2, workflow=n // 2 % 2, amount=n)
    fold(network, *told)


FINE = {Rollup.Grain.MINUTE, Rollup.Grain.QUARTER_HOUR}


def check(**options):
    """A recount of all there is."""
    start = floor(ago(days=40), SPAN)
    return verify(start=start, end=timezone.now() + timedelta(days=40), **options)


def cells():
    return sorted(Rollup.objects.values_list(), key=str), sorted(Backlog.objects.values_list())


def spoil(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_history_that_was_folded_needs_no_mending(history):
    assert check() == []


@pytest.mark.parametrize("grain", list(Rollup.Grain))
def test_every_grain_is_recounted_and_mended(history, grain):
    before = cells()
    # Older minutes are about to be dropped, and no longer judged.
    since = ago(days=6 if grain in FINE else 40)
    assert Rollup.objects.filter(grain=grain, bucket__gte=since).update(started=7_000_000)

    assert {one.grain for one in check(heal=True)} == {grain}
    assert cells() == before


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM scorecards_rollup",
        "DELETE FROM scorecards_backlog",
        "UPDATE scorecards_rollup SET latency_histogram = latency_histogram * 3, latencies = 0",
        "UPDATE scorecards_backlog SET open = open + 4, amount_at_risk = -5",
        "UPDATE scorecards_backlog SET oldest_at = oldest_at - interval '1 microsecond'",
        "UPDATE scorecards_backlog SET oldest_at = NULL",
    ],
)
def test_any_damage_is_mended_completely(history, damage):
    now = timezone.now()
    was = figures(now)
    spoil(damage)
    assert check(heal=True)
    assert check() == []
    assert figures(now) == was


def figures(now):
    window = named_window("28d", end=None, now=now)
    zones = dict.fromkeys(set(Rollup.objects.values_list("facility_id", flat=True)), "UTC")
    if not zones:
        return None
    lines = set(Rollup.objects.values_list("workflow_id", flat=True))
    found = queries.cells(zones=zones, workflow_ids=sorted(lines), window=window)
    return sorted(found, key=lambda one: (one.workflow_id, one.facility_id))


def test_many_wrong_cells_take_as_many_statements_as_one(history):
    def statements(damage: str) -> int:
        spoil(damage)
        with CaptureQueriesContext(connection) as captured:
            assert check(heal=True)
        return len(captured)

    one = statements("UPDATE scorecards_backlog SET open = open + 1")
    assert statements("UPDATE scorecards_rollup SET met = met + 1, events = events + 2") == one


def test_a_cell_that_nothing_explains_is_emptied(history, network):
    spoil("""
        INSERT INTO scorecards_rollup
        SELECT grain, bucket - interval '8 days', workflow_id, facility_id, 5, 5,
               0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
          FROM scorecards_rollup WHERE grain = 6 ORDER BY bucket LIMIT 1""")
    assert {(one.measure, one.expected, one.actual) for one in check(heal=True)} == {
        ("events", 0, 5),
        ("started", 0, 5),
    }
    assert check() == []


def test_mending_is_a_new_state_of_the_figures(history):
    before = queries.state().name
    assert check() == []
    unchanged = queries.state().name
    spoil("UPDATE scorecards_backlog SET open = open + 1")
    check(heal=True)
    assert (unchanged, queries.state().name != before) == (before, True)


def test_a_span_that_begins_inside_a_block_says_nothing_of_that_block(history):
    """Facts before the start are not read, so a block that holds some cannot be judged."""
    start = floor(ago(days=10), SPAN) + timedelta(days=1)
    assert verify(start=start, end=timezone.now() + timedelta(days=40)) == []
