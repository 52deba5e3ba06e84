"""Error budgets: each rule at its edge by hand, and the counts against a recount."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.catalog import sla
from apps.core.kept import forget_everything
from apps.pipeline import services
from apps.scorecards import burn
from apps.scorecards.burn import Burn, Counts, Level
from apps.scorecards.objectives import Target, targets_at
from apps.telemetry.models import Transaction
from tests.dashboard.cast import SOUTH, ago, done, fold, stuck
from tests.pipeline.network import event, post

HOUR = timedelta(hours=1)
NOW = datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)
# Of 28 days, 1 h and 6 h; then long and short of each rule.
CALM = [(1000, 1), (50, 0), (300, 0), (50, 0), (5, 0), (300, 0), (30, 0), (900, 0), (300, 0)]


def counts(**changed: tuple[int, int]) -> Counts:
    """A calm cell, but for the windows named by their place: due and breached."""
    found = dict(enumerate(CALM)) | {int(name[1:]): pair for name, pair in changed.items()}
    return Counts(1, 1, [sla.Attainment(due - bad, bad) for due, bad in map(found.get, range(9))])


def target(objective: float = 0.99, hours: float = 0.25) -> Target:
    return Target(1, 1, objective, int(hours * 3600))


def judged(target: Target, **changed: tuple[int, int]) -> Burn:
    return burn._burn(counts(**changed), target, NOW)


def level(target: Target, **changed: tuple[int, int]) -> Level:
    return judged(target, **changed).level


def test_a_calm_cell_asks_for_nothing():
    assert level(target()) == Level.OK


def test_fourteen_times_in_an_hour_and_in_five_minutes_is_a_page():
    # 1 % is allowed: 29 of 200 is 14.5 times that.
    assert level(target(), w3=(200, 29), w4=(100, 15)) == Level.PAGE
    assert level(target(), w3=(200, 28), w4=(100, 15)) == Level.OK
    assert level(target(), w3=(200, 29), w4=(100, 14)) == Level.OK


def test_six_times_in_six_hours_and_half_an_hour_is_a_page():
    assert level(target(), w5=(300, 19), w6=(100, 7)) == Level.PAGE
    assert level(target(), w5=(300, 17), w6=(100, 7)) == Level.OK


def test_the_budgets_own_pace_for_three_days_and_six_hours_is_a_ticket():
    assert level(target(), w7=(900, 10), w8=(300, 4)) == Level.TICKET
    assert level(target(), w7=(900, 8), w8=(300, 4)) == Level.OK


def test_above_the_pace_and_below_every_rule_is_watched():
    assert level(target(), w2=(300, 3)) == Level.WATCH
    assert level(target(), w2=(300, 2)) == Level.OK


def test_a_few_cases_are_counted_instead_of_rated():
    # Of ten, three breaches are more than chance gives at 99 %, two are too few to say.
    assert level(target(), w3=(10, 3), w4=(0, 0)) == Level.PAGE
    assert level(target(), w3=(10, 2), w4=(2, 2)) == Level.OK


def test_a_loose_objective_pages_at_a_quarter_breached():
    # At 90 % a burn of 14.4 cannot be reached; a quarter of a hundred is far from 8 times.
    assert level(target(0.9), w3=(100, 25), w4=(10, 0)) == Level.PAGE
    assert level(target(0.9), w3=(100, 24), w4=(10, 0)) == Level.OK


def decided(target: Target, **changed: tuple[int, int]) -> list[tuple[timedelta, str]]:
    found = judged(target, **changed).decided
    return [(one.length, f"{one.rate:.1f}") for one in found]


def test_the_windows_that_decided_are_named():
    assert decided(target(), w7=(900, 10), w8=(300, 4)) == [(72 * HOUR, "1.1"), (6 * HOUR, "1.3")]
    assert decided(target(), w3=(10, 3), w4=(0, 0)) == [(HOUR, "30.0")]
    assert decided(target(0.9), w3=(100, 25), w4=(10, 0)) == [(HOUR, "2.5")]
    assert decided(target(), w2=(300, 3)) == []
    found = judged(target(), w7=(900, 10), w8=(300, 4)).decided
    assert [one.since for one in found] == [burn._begins(NOW, one.length) for one in found]


def test_what_takes_longer_than_days_is_not_judged_by_its_burn():
    slow = target(hours=24 * 30)
    assert level(slow, w3=(200, 100), w4=(100, 50)) == Level.OK
    assert level(slow, w2=(300, 30)) == Level.WATCH


def test_an_objective_of_all_has_no_budget_to_burn():
    assert level(target(1.0), w2=(300, 30)) == Level.OK


def test_the_budget_is_gone_when_the_pace_of_six_hours_has_used_it_up():
    now = timezone.now()
    half = judged(target(), w0=(1000, 5), w2=(300, 6))  # half gone, twice the pace
    assert half.gone_at(now) == now + timedelta(days=7)
    assert judged(target(), w0=(1000, 10)).gone_at(now) == now
    assert judged(target()).gone_at(now) is None


def test_what_burns_fastest_comes_first():
    pages = judged(target(), w3=(200, 40), w4=(100, 20))
    ticket = judged(target(), w1=(50, 50), w7=(900, 10), w8=(300, 4))
    watch = judged(target(), w1=(50, 25), w2=(300, 30))
    found = sorted([watch, ticket, pages], key=lambda one: one.fastest)
    assert [one.level for one in found] == [Level.PAGE, Level.TICKET, Level.WATCH]


@pytest.mark.slow
@pytest.mark.parametrize("is_compacted", [True, False])
def test_every_window_is_what_a_recount_says(network, is_compacted):
    told = []
    for n in range(160):
        make = stuck if n % 3 == 0 else done
        told += make(f"h-{n}", hours_ago=2.1 + (n * n * 13 % 6_000) / 10, facility=n % 2)
    fold(network, *told, compacted=is_compacted)
    now = timezone.now()
    targets = targets_at(now)
    found = burn.counted(targets, now)
    assert len(found) == 2
    for key, one in found.items():
        begins = burn.windows_of(targets[key], now)
        assert list(one.windows) == [recount(key, since, now) for since in begins]


def recount(key: tuple[int, int], since: datetime, now: datetime) -> sla.Attainment:
    due = Transaction.objects.filter(
        workflow_id=key[0], facility_id=key[1], due_at__gte=since, due_at__lt=now
    )
    return sla.Attainment(due.filter(sla=1).count(), due.filter(sla=2).count())


def test_a_reader_gets_the_budgets_of_their_facilities_alone(network):
    fold(network, *done("n", hours_ago=5), *done("s", hours_ago=5, facility=SOUTH))
    forget_everything()
    north = network.facilities[0].pk
    found = burn.burns(facility_ids=frozenset([north]), now=timezone.now(), version=1)
    assert {one.facility_id for one in found} == {north}


def test_what_fell_due_earlier_than_was_thought_is_no_budget_of_now(network):
    fold(network, {"subject": "a", "at": ago(hours=6)})
    post(network, event(network, id="earlier", subject="a", at=ago(days=60)))
    services.fold_journal()  # what it takes back waits for the compaction
    assert burn.counted(targets_at(timezone.now()), timezone.now()) == {}


def test_all_cells_are_judged_once_a_minute(network, budget, time_machine):
    time_machine.move_to(timezone.now().replace(second=0), tick=False)
    fold(network, *done("n", hours_ago=5))
    forget_everything()
    everybody = frozenset(place.pk for place in network.facilities)
    targets_at(ago())
    with budget(1):
        for _ in range(3):
            burn.burns(facility_ids=everybody, now=timezone.now(), version=1)
