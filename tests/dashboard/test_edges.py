"""Figures where time is awkward: edges of windows, nights and weekends, days on which clocks
change, promises that changed, work that was taken up again, and what is no longer kept."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.core.kept import forget_everything
from apps.pipeline import services
from apps.scorecards import cards, compaction
from apps.scorecards.metrics import Clock
from apps.scorecards.tallies import Cells
from apps.scorecards.windows import NAMED, named_window
from apps.telemetry.models import Transaction
from apps.telemetry.partitions import EVENTS, existing_days
from tests.dashboard.cast import ago, done
from tests.dashboard.walking import Reader, World
from tests.pipeline import oracle
from tests.pipeline.network import TARGET_CHANGE, event, post
from tests.pipeline.world import rules

pytestmark = pytest.mark.slow

EASTERN, INSTANT = ZoneInfo("America/New_York"), timedelta(microseconds=1)
# Tuesdays after the Sunday on which clocks went forward and back; Phoenix never changes them.
SPRING = datetime(2026, 3, 10, 16, 30, 20, tzinfo=UTC)
AUTUMN = datetime(2025, 11, 4, 16, 30, 20, tzinfo=UTC)
# Not the ages of what is open, which the database tells by its own clock.
CODES = [
    *("started", "settled", "completed", "failed", "dead-lettered", "attainment", "budget"),
    *("business-attainment", "business-budget", "p50", "p95", "business-p99", "change", "burn"),
    *("events", "retried", "manual-touches", "open", "troubled", "overdue", "amount-completed"),
    *("amount-at-risk", "oldest", "silent", "burning"),
]
numbers = count(1)


def local(year: int, month: int, day: int, hour: int, minute: int = 0, fold: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=EASTERN, fold=fold).astimezone(UTC)


AWKWARD = {
    SPRING: [
        local(2026, 3, 6, 17), local(2026, 3, 6, 16, 59), local(2026, 3, 7, 0),
        local(2026, 3, 7, 12), local(2026, 3, 8, 1, 59), local(2026, 3, 8, 3),
        local(2026, 3, 9, 0), local(2026, 3, 9, 8), TARGET_CHANGE,
    ],
    AUTUMN: [
        local(2025, 10, 31, 17), local(2025, 11, 1, 0), local(2025, 11, 2, 1, 30),
        local(2025, 11, 2, 1, 30, fold=1), local(2025, 11, 3, 0), local(2025, 11, 3, 8),
    ],
}  # fmt: skip


def moments(now: datetime) -> list[datetime]:
    """Those, the edges of every window, and the minute that runs."""
    windows = [named_window(name, end=None, now=now) for name in NAMED]
    edges = [edge for window in windows for edge in (window.start, window.end)]
    return [*AWKWARD[now], *edges, now, now.replace(second=0)]


def histories(now: datetime) -> st.SearchStrategy:
    at = st.builds(
        lambda moment, ahead: moment + ahead,
        st.sampled_from(moments(now)),
        st.sampled_from(
            [timedelta(), -INSTANT, INSTANT, timedelta(minutes=31), timedelta(hours=2)]
        ),
    )
    said = st.fixed_dictionaries({
        "workflow": st.integers(0, 1), "facility": st.integers(0, 1),
        "subject": st.integers(0, 5), "rank": st.sampled_from([1, 1, 2, 3, 3, 4, 5, 6]), "at": at,
        "outcome": st.sampled_from(["ok"] * 5 + ["retry", "failed", "dead_letter", "manual",
                                                 "cancelled"]),
        "amount": st.sampled_from([None, 0, 12_345]),
    })  # fmt: skip
    return st.lists(said, min_size=6, max_size=30)


def happen(network, now: datetime, told: list[dict]) -> None:
    """Fold these, and see that each transaction is judged as the oracle does."""
    run = next(numbers)
    events = [
        event(network, **{**one, "id": f"x-{run}-{n}", "subject": f"x-{run}-{one['subject']}"})
        for n, one in enumerate(told)
    ]
    post(network, *events)
    forget_everything()
    services.fold_journal()
    services.sweep_due()
    compaction.compact()
    by_transaction = defaultdict(list)
    for one in events:
        by_transaction[UUID(one.transaction_id)].append(one)
    known, by_id = rules(network), Transaction.objects.in_bulk(list(by_transaction))
    # Both moments lie in the past of the database, whose sweep knows what became of everything.
    late = datetime(2100, 1, 1, tzinfo=UTC)
    for key, found in by_transaction.items():
        judged, stored = oracle.judge(found, known, late), by_id[key]
        assert clocks_of(stored) == judged.clocks and stored.settled_at == judged.settled_at


def clocks_of(of: Transaction) -> dict:
    return {
        1: (of.started_at, of.due_at, of.stopped_at, of.sla),
        2: (of.business_started_at, of.business_due_at, of.business_stopped_at, of.business_sla),
    }


@pytest.mark.parametrize("now", [SPRING, AUTUMN], ids=["spring", "autumn"])
# Histories add up from one example to the next, so there is nothing to shrink.
@settings(max_examples=10, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_figures_hold_where_time_is_awkward(as_ivo, ivo, network, time_machine, now, data):
    time_machine.move_to(now, tick=False)
    happen(network, now, data.draw(histories(now)))
    world = World(as_ivo, ivo, [place.pk for place in network.facilities])
    window = data.draw(st.sampled_from(sorted(NAMED)))
    for code in data.draw(st.lists(st.sampled_from(CODES), min_size=6, max_size=6, unique=True)):
        world.check(code, f"/explain/{code}/?window={window}")
    assert days_shown(network, now) == days_by_hand(world, now)


def days_shown(network, now: datetime) -> dict:
    """Late and in time by each facility's own days, as charts have them."""
    zones = {place.pk: place.time_zone for place in network.facilities}
    window = named_window("28d", end=None, now=now)
    cells = Cells(zones, [line.pk for line in network.workflows], window)
    found = cards.days(cells, Clock.INTEGRATION, cards.BY_FACILITY, number=28, now=now)
    return {(one.key, one.day): (one.good, one.bad) for one in found}


def days_by_hand(world: World, now: datetime) -> dict:
    zones = {one.facility_id: ZoneInfo(one.facility.time_zone) for one in world.rows}
    last = max(now.astimezone(zone).date() for zone in (EASTERN, ZoneInfo("America/Phoenix")))
    days = {last - timedelta(days=back) for back in range(28)}
    found: dict = defaultdict(lambda: (0, 0))
    for one in world.rows:
        day = one.due_at and one.due_at.astimezone(zones[one.facility_id]).date()
        if one.sla in (1, 2) and day in days:
            good, bad = found[one.facility_id, day]
            found[one.facility_id, day] = good + (one.sla == 1), bad + (one.sla == 2)
    return dict(found)


@pytest.mark.parametrize("moment", [*range(len(AWKWARD[SPRING]))])
def test_an_event_is_in_the_window_that_begins_with_it_and_not_in_the_one_that_ends(
    as_ivo, ivo, network, time_machine, moment
):
    at = AWKWARD[SPRING][moment]
    time_machine.move_to(SPRING, tick=False)
    happen(network, SPRING, [
        {"workflow": 0, "subject": n, "rank": 1, "at": at + ahead}
        for n, ahead in enumerate((-INSTANT, timedelta(), INSTANT))
    ])  # fmt: skip
    world = World(as_ivo, ivo, [place.pk for place in network.facilities])
    start, end = (at + hours * timedelta(hours=1) for hours in (-2, 2))
    for since, until in ((start, at), (at, end), (start, end)):
        for code in ("started", "events"):
            world.check(code, f"/explain/{code}/?from={since:%FT%TZ}&to={until:%FT%TZ}")


def test_pages_of_messages_follow_each_other_at_the_last_moment_of_an_hour(
    as_ivo, ivo, network, time_machine
):
    time_machine.move_to(SPRING, tick=False)
    last, before = SPRING.replace(minute=0, second=0) - INSTANT, SPRING - timedelta(hours=30)
    happen(network, SPRING, [
        {"workflow": 0, "subject": n, "rank": 1, "at": at}
        for at in (last, before) for n in range(70)
    ])  # fmt: skip
    world = World(as_ivo, ivo, [place.pk for place in network.facilities])
    world.check("events", "/explain/events/?window=28d")


def test_a_week_begins_in_the_same_minute_when_its_lists_are_opened_later(as_ivo, ivo, network,
                                                                         time_machine):  # fmt: skip
    """Just outside of it, and inside of the hour it begins in."""
    week_ago = SPRING.replace(second=0) - timedelta(days=7)
    time_machine.move_to(SPRING, tick=False)
    happen(network, SPRING, [{"workflow": 0, "subject": 1, "rank": 1, "at": week_ago - INSTANT}])
    told = as_ivo.get("/explain/started/?window=7d").context["explanation"]
    time_machine.move_to(SPRING + timedelta(hours=20), tick=False)
    page, _ = Reader(ivo).get(told.opens[0].address, "page")
    assert (told.shown, page.number) == ("0", "0") and not page.items


def test_messages_that_are_no_longer_kept_are_said_to_be_gone(as_ivo, network, happened):
    happened(*done("old", hours_ago=24 * 20), *done("new", hours_ago=24 * 2))
    horizon = ago(days=5).date()
    with connection.cursor() as cursor:
        for day in existing_days(EVENTS):
            if day < horizon:
                cursor.execute(f"DROP TABLE {EVENTS}_p{day:%Y%m%d}")
    told = as_ivo.get("/explain/events/?window=28d").context["explanation"]
    assert told.shown == "6" and told.check.css == "mute"
    assert "Single messages are kept since" in told.note
    page = as_ivo.get(told.opens[0].address).context["page"]
    assert {item.correlation_id for item in page.items} == {"new"} and not page.next
