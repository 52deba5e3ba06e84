"""The hours that "usual" is told from, the steps a window is drawn in, and the backlog by age."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from apps.catalog.snapshot import snapshot
from apps.scorecards import queries
from apps.scorecards.ages import ages
from apps.scorecards.models import BacklogSnapshot, Pulse
from apps.scorecards.pulse import beats, refresh_pulse
from apps.scorecards.services import take_snapshot
from apps.scorecards.trends import STEPS, trend
from apps.scorecards.windows import HOUR, ceil, floor, named_window
from apps.telemetry.models import Event, Transaction
from tests.dashboard.cast import NORTH, SOUTH, ago, done, fold, stuck

pytestmark = pytest.mark.slow

DAYS = timedelta(days=1)


@pytest.fixture
def history(network):
    """Sixty days of some of everything at two facilities."""
    told = []
    for n in range(90):
        make = stuck if n % 7 == 0 else done
        told += make(f"h-{n}", hours_ago=(n * n * 37 % 14_400) / 10 + 1.5, facility=n % 2)
    fold(network, *told)


def places(network, *which):
    return [network.facilities[n].pk for n in which]


def test_every_hour_that_is_over_is_what_a_recount_says(network, history):
    now = timezone.now()
    refresh_pulse(now=now)
    until = floor(now, HOUR)
    for beat in beats(facility_ids=places(network, NORTH), since=ago(days=60), until=until):
        inside = {"occurred_at__gte": beat.bucket, "occurred_at__lt": beat.bucket + HOUR}
        assert beat.events == Event.objects.filter(**inside, facility=network.facilities[0]).count()
    assert not Pulse.objects.filter(bucket__gte=until).exists()
    total = sum(one.events for one in Pulse.objects.all())
    assert total == Event.objects.filter(occurred_at__lt=until).count()


def test_refreshing_twice_writes_nothing_the_second_time(network, history):
    now = timezone.now()
    assert refresh_pulse(now=now) > 0
    assert refresh_pulse(now=now) == 0


def test_what_came_late_is_taken_up(network, history, time_machine):
    time_machine.move_to(floor(timezone.now(), HOUR) - HOUR / 2, tick=False)
    refresh_pulse(now=timezone.now())
    known = events_known()
    fold(network, *done("late", hours_ago=30))
    # The hour of its three events, and that of its due time.
    assert refresh_pulse(now=timezone.now()) == 2
    assert events_known() == known + 3


def events_known():
    return sum(one.events for one in Pulse.objects.all())


def test_what_is_older_than_any_window_needs_is_dropped(network):
    old = floor(ago(days=140), HOUR)
    Pulse.objects.create(bucket=old, facility=network.facilities[0], events=1, started=1, settled=1)
    refresh_pulse(now=timezone.now())
    assert not Pulse.objects.exists()


@pytest.mark.parametrize("name", STEPS)
def test_the_steps_of_a_window_are_what_a_recount_says(network, history, name):
    now, step = timezone.now(), STEPS[name]
    window = named_window(name, end=None, now=now)
    zones = {place.pk: place.time_zone for place in network.facilities}
    lines = [line.pk for line in network.workflows]
    points = trend(zones=zones, workflow_ids=lines, window=window, step=step)

    moments = [point.bucket for point in points]
    assert moments[0] == floor(window.start, step.length)
    assert moments[-1] + step.length == ceil(window.end, step.length)
    assert all(b - a == step.length for a, b in pairwise(moments))
    for point in points:
        until = point.bucket + step.length
        inside = Event.objects.filter(occurred_at__gte=point.bucket, occurred_at__lt=until)
        assert point.events == inside.count()
        finished = Transaction.objects.filter(
            stopped_at__gte=point.bucket, stopped_at__lt=until, started_at__isnull=False
        )
        assert point.latencies == finished.count()


def test_a_trend_of_nothing_has_every_step_and_no_quantile(network):
    window = named_window("1h", end=None, now=timezone.now())
    points = trend(zones={}, workflow_ids=[], window=window, step=STEPS["1h"])
    assert len(points) in (60, 61)
    assert {(point.events, *point.quantiles(0.95)) for point in points} == {(0, None)}


def test_the_same_window_a_week_before_is_one_statement_and_a_recount(network, history, budget):
    now = timezone.now()
    window = named_window("7d", end=floor(now - 7 * DAYS, HOUR), now=now)
    zones = {place.pk: place.time_zone for place in network.facilities}
    snapshot()
    with budget(1):
        found = queries.flow(
            zones=zones, workflow_ids=[line.pk for line in network.workflows], window=window
        )
    inside = {"occurred_at__gte": window.start, "occurred_at__lt": window.end}
    assert found.events == Event.objects.filter(**inside).count()


def test_the_backlog_by_age_has_the_dollars_behind_each(network):
    fold(
        network,
        *stuck("new", hours_ago=1, amount=100),
        *stuck("day", hours_ago=10, amount=2_000),
        *stuck("days", hours_ago=50, amount=30_000),
        *stuck("more", hours_ago=90),
        *stuck("old", hours_ago=200, amount=500_000),
        *stuck("theirs", hours_ago=200, amount=7_000_000, facility=SOUTH),
        *done("gone", hours_ago=5, amount=9),
    )
    take_snapshot()
    lines = [line.pk for line in network.workflows]
    found = ages(facility_ids=places(network, NORTH), workflow_ids=lines)
    assert list(found.counts) == [1, 1, 1, 1, 1]
    assert list(found.amounts) == [100, 2_000, 30_000, 0, 500_000]
    assert found.overdue == 4
    assert found.is_fresh(timezone.now())
    assert not found.is_fresh(timezone.now() + timedelta(minutes=30))


def test_a_photograph_from_before_amounts_were_kept_does_not_know_them(network):
    fold(network, *stuck("one", amount=100))
    take_snapshot()
    names = ("under_4_hours", "under_24_hours", "under_3_days", "under_7_days", "over_7_days")
    BacklogSnapshot.objects.update(**{f"amount_{name}": None for name in names})
    lines = [line.pk for line in network.workflows]
    found = ages(facility_ids=places(network, NORTH), workflow_ids=lines)
    assert list(found.amounts) == [None] * 5


def test_without_a_photograph_nothing_is_claimed(network):
    found = ages(facility_ids=[], workflow_ids=[])
    assert (found.taken_at, found.total, found.is_fresh(timezone.now())) == (None, 0, False)


def test_a_silent_cell_says_when_it_was_last_heard_of(network):
    lately = [
        {"subject": f"w-{n}", "at": ago(days=7, minutes=30) + timedelta(seconds=n)}
        for n in range(25)
    ]
    fold(network, *lately, {"subject": "c-1", "at": ago(hours=2)})
    now = timezone.now()
    north = places(network, NORTH)
    [found] = queries.silent_cells(facility_ids=north, since=now - HOUR, now=now)
    assert abs(now - found.heard_at - 2 * HOUR) <= timedelta(minutes=1)


def test_a_cell_silent_for_longer_is_told_to_the_quarter_hour_and_after_a_day_not_at_all(network):
    told = [
        {"subject": f"w-{n}-{place}", "at": ago(days=7, minutes=30), "facility": place}
        for n in range(25)
        for place in (NORTH, SOUTH)
    ]
    fold(network, *told, {"subject": "n", "at": ago(hours=9)},
         {"subject": "s", "at": ago(hours=40), "facility": SOUTH})  # fmt: skip
    now = timezone.now()
    both = places(network, NORTH, SOUTH)
    silent = queries.silent_cells(facility_ids=both, since=now - HOUR, now=now)
    found = {one.facility_id: one.heard_at for one in silent}
    assert found[both[1]] is None
    assert (
        timedelta()
        <= now - found[both[0]] - timedelta(hours=8, minutes=45)
        <= timedelta(minutes=16)
    )
