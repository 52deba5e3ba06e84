"""The scorecard reader against a recount of the transactions themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.catalog.snapshot import forget_snapshot
from apps.pipeline import services as pipeline
from apps.scorecards import compaction, histogram, queries
from apps.scorecards.models import Rollup
from apps.scorecards.windows import MINUTE, named_window, snapped, window_between
from apps.telemetry.models import Event, Transaction
from tests.dashboard.cast import NORTH, SOUTH, ago, done, fold, stuck
from tests.pipeline.network import event, post

pytestmark = pytest.mark.slow


def read(network, window, *, facilities=(NORTH, SOUTH)):
    zones = {network.facilities[n].pk: network.facilities[n].time_zone for n in facilities}
    workflows = [workflow.pk for workflow in network.workflows]
    return queries.glance(zones=zones, workflow_ids=workflows, window=window)


def read_cells(network, window):
    zones = {place.pk: place.time_zone for place in network.facilities}
    workflows = [workflow.pk for workflow in network.workflows]
    return queries.cells(zones=zones, workflow_ids=workflows, window=window)


def recount(window) -> dict[tuple[int, int], dict[str, int]]:
    """The same figures by brute force: a loop over all transactions and events."""
    counted: dict[tuple[int, int], dict[str, int]] = {}

    def add(of, name, at, amount=1):
        if at is not None and window.start <= at < window.end:
            cell = counted.setdefault((of.workflow_id, of.facility_id), {})
            cell[name] = cell.get(name, 0) + amount

    for one in Transaction.objects.all():
        add(one, "started", one.first_at)
        add(one, "amount_started", one.first_at, one.amount_minor or 0)
        add(one, "settled", one.settled_at)
        add(one, "completed", one.settled_at if one.state == 5 else None)
        add(one, "failed", one.failed_at)
        add(one, "met", one.due_at if one.sla == 1 else None)
        add(one, "breached", one.due_at if one.sla == 2 else None)
        add(one, "business_met", one.business_due_at if one.business_sla == 1 else None)
        add(one, "latencies", one.stopped_at if one.started_at else None)
    for one in Event.objects.all():
        add(one, "events", one.occurred_at)
        add(one, "retried", one.occurred_at if one.outcome == 2 else None)
    return {
        key: {name: n for name, n in cell.items() if n} for key, cell in counted.items() if cell
    }


COUNTED = ("started", "amount_started", "settled", "completed", "failed", "met", "breached",
           "business_met", "latencies", "events", "retried")  # fmt: skip
SHOWN = ("started", "met", "breached", "latencies", "events")


def figures(cells, names=COUNTED) -> dict[tuple[int, int], dict[str, int]]:
    found = {
        (cell.workflow_id, cell.facility_id): {
            name: getattr(cell, name) for name in names if getattr(cell, name)
        }
        for cell in cells
    }
    return {key: cell for key, cell in found.items() if cell}


def shown(counted) -> dict[tuple[int, int], dict[str, int]]:
    """The part of a recount that a table shows."""
    cut = {key: {n: cell[n] for n in SHOWN if n in cell} for key, cell in counted.items()}
    return {key: cell for key, cell in cut.items() if cell}


@pytest.fixture
def history(network):
    """Some of everything, over 60 days, at two facilities in two zones."""
    told = []
    for n in range(120):
        hours = (n * n * 37 % 14_400) / 10 + n / 60
        make = stuck if n % 7 == 0 else done
        told += make(f"h-{n}", hours_ago=hours, facility=n % 2, workflow=n // 2 % 2, amount=n * 101)
    fold(network, *told)


@pytest.mark.parametrize(
    ("days", "until"), [(0.03, 0), (1, 0), (1.9, 0.3), (6, 0), (6.5, 1.25), (28, 0), (58, 9)]
)
def test_a_window_is_exactly_what_a_recount_says(network, history, days, until):
    now = timezone.now()
    start, end = now - timedelta(days=days), now - timedelta(days=until)
    window = window_between(start, end if until else None, now=now)
    assert figures(read_cells(network, window)) == recount(window)
    assert figures(read(network, window).cells.values(), SHOWN) == shown(recount(window))


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "America/Havana"])
@pytest.mark.parametrize("hours", [2.2, 49, 73.4, 150])
def test_it_is_exact_where_midnight_is_on_no_full_hour(network, zone, hours):
    network.facilities[SOUTH].time_zone = zone
    network.facilities[SOUTH].save()
    forget_snapshot()
    told = [done(f"h-{n}", hours_ago=n * 1.3, facility=n % 2, amount=n) for n in range(1, 120)]
    fold(network, *(one for events in told for one in events))
    now = timezone.now()
    window = window_between(now - timedelta(hours=hours), None, now=now)
    zones = {place.pk: place.time_zone for place in network.facilities}
    workflows = [workflow.pk for workflow in network.workflows]
    cells = queries.cells(zones=zones, workflow_ids=workflows, window=window)
    assert figures(cells) == recount(window)


def test_deltas_that_no_compaction_has_taken_up_yet_are_counted(network, history):
    window = named_window("90d", end=None, now=timezone.now())
    before = figures(read_cells(network, window))
    with connection.cursor() as cursor:
        cursor.execute("""
            INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, events, open)
            VALUES (date_bin('1 minute', now(), 'epoch'), %s, %s, 5, 2)""",
            [network.workflows[0].pk, network.facilities[0].pk])  # fmt: skip
    cell = read(network, window).cells[network.workflows[0].pk, network.facilities[0].pk]
    key = (network.workflows[0].pk, network.facilities[0].pk)
    assert cell.events == before[key]["events"] + 5

    for blocks in (False, True):
        compaction.compact(blocks=blocks)
        again = read(network, window).cells[key]
        assert (again.events, again.open) == (cell.events, cell.open)


def test_sums_are_those_of_the_cells_histograms_included(network, history):
    cards = read(network, named_window("90d", end=None, now=timezone.now()))
    for name in ("events", "started", "met", "open", "amount_open", "latencies"):
        assert getattr(cards.total, name) == sum(getattr(c, name) for c in cards.cells.values())
    merged = sum(int(cell.latency_histogram) for cell in cards.cells.values())
    assert int(cards.total.latency_histogram) == merged


def test_due_between_eleven_and_twelve_is_one_in_three(network, time_machine):
    """The published vector: a completed-only view would say two in three."""
    noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    time_machine.move_to(noon, tick=False)
    at = lambda text: datetime.fromisoformat(f"2026-03-03T{text}:00+00:00")  # noqa: E731
    spans = {"T1": ("10:00", "10:30"), "T2": ("10:10", "11:40"), "T3": ("10:20", None),
             "T4": ("11:30", None), "T5": ("11:45", "11:50")}  # fmt: skip
    post(network, *(
        event(network, id=f"{name}-{rank}", subject=name, rank=rank, at=at(text))
        for name, (start, stop) in spans.items()
        for rank, text in ((1, start), (3, stop))
        if text
    ))  # fmt: skip
    pipeline.fold_waiting()
    pipeline.sweep_due()
    total = read(network, window_between(at("11:00"), noon, now=noon)).total
    assert (total.met, total.breached) == (1, 2)
    assert total.attainment == pytest.approx(1 / 3)


def test_nothing_due_is_no_attainment(network):
    fold(network, {"subject": "new", "at": ago(minutes=1)})
    cards = read(network, named_window("1h", end=None, now=timezone.now()))
    assert cards.total.attainment is None
    assert cards.total.quantiles(0.95) == [None]


def test_a_network_without_events_is_an_empty_table(network):
    cards = read(network, named_window("24h", end=None, now=timezone.now()))
    assert (cards.cells, cards.workflows, cards.total.started) == ({}, {}, 0)


def test_nobodys_facilities_are_nobodys_figures(network, history):
    cards = read(network, named_window("90d", end=None, now=timezone.now()), facilities=())
    assert (cards.cells, cards.total.events) == ({}, 0)


def test_the_backlog_is_what_is_open_now_with_its_oldest(network):
    fold(network, *stuck("a", hours_ago=9, amount=100), *stuck("b", hours_ago=0.5, amount=50))
    total = read(network, named_window("1h", end=None, now=timezone.now())).total
    assert (total.open, total.overdue, total.troubled) == (2, 1, 2)
    assert (total.amount_open, total.amount_at_risk) == (150, 150)
    assert abs(total.oldest_at - ago(hours=9)) < timedelta(minutes=1)


def test_what_was_open_at_a_moment_in_the_past_is_recounted(network):
    fold(
        network,
        *done("early", hours_ago=10, minutes=560, amount=7),
        *stuck("still", hours_ago=9, amount=5),
        *stuck("later", hours_ago=1),
    )
    now = timezone.now()
    window = named_window("24h", end=now - timedelta(hours=6), now=now)
    then = read(network, window).total
    assert sum(cell.open for cell in read_cells(network, window)) == then.open
    assert (then.open, then.overdue, then.amount_open) == (2, 2, 12)
    assert abs(then.oldest_at - ago(hours=10)) < MINUTE


def test_many_late_open_items_make_the_quantiles_lower_bounds(network):
    fold(network, *(one for n in range(20) for one in done(f"d-{n}")), *stuck("s", hours_ago=9))
    total = read(network, named_window("24h", end=None, now=timezone.now())).total
    assert [
        total.is_censored(fraction, overdue=total.overdue) for fraction in (0.5, 0.95, 0.99)
    ] == [False, False, True]


@pytest.mark.parametrize("grain", [Rollup.Grain.MINUTE, Rollup.Grain.HOUR, Rollup.Grain.DAY])
def test_a_series_adds_up_to_its_window(network, history, grain):
    now = timezone.now()
    zones = {place.pk: place.time_zone for place in network.facilities}
    window = window_between(now - timedelta(days=1), None, now=now)
    workflows = [workflow.pk for workflow in network.workflows]
    buckets = queries.series(zones=zones, workflow_ids=workflows, window=window, grain=grain)

    assert buckets == sorted(buckets, key=lambda one: one.bucket)
    for facility, zone in zones.items():
        start, end = snapped(window, grain, zone)
        inside = Event.objects.filter(
            facility_id=facility, occurred_at__gte=start, occurred_at__lt=end
        )
        assert sum(one.events for one in buckets if one.facility_id == facility) == inside.count()


def test_the_fast_quantiles_are_those_of_the_whole_histogram(network, history):
    cards = read(network, named_window("90d", end=None, now=timezone.now()))
    for cell in cards.cells.values():
        counts = histogram.decode(cell.latency_histogram)
        slow = [histogram.quantile(counts, fraction) for fraction in (0.99, 0.95, 0.5, 0.0)]
        assert cell.quantiles(0.99, 0.95, 0.5, 0.0) == pytest.approx(slow)
        assert cell.latencies == sum(counts)


def test_one_statement_answers_any_window(network, history, budget):
    for name in ("1h", "90d"):
        with budget(2):
            read(network, named_window(name, end=None, now=timezone.now()))
            read_cells(network, named_window(name, end=None, now=timezone.now()))


def test_the_watermark_is_the_oldest_row_that_waits(network):
    now = timezone.now()
    assert queries.state().reach(now) == now
    post(network, event(network, id=1))
    later = timezone.now() + timedelta(minutes=5)
    assert queries.state().reach(later) < later
