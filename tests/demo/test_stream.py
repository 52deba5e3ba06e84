"""What the network sends: the same for everybody who asks, shaped like a health system's day."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from apps.demo.cells import cells
from apps.demo.chance import NORMAL, poisson, uuid7
from apps.demo.hours import HOUR
from apps.demo.journeys import Fact
from apps.demo.messages import encode_batch, event
from apps.demo.network import Network
from apps.demo.places import Mismatch, read_catalogue
from apps.demo.world import world
from apps.telemetry.formats import reader_for
from apps.telemetry.formats.events import StageEvent
from tests.demo.conftest import at, told

Build = Callable[..., Network]


def ids(facts: Iterable[Fact]) -> list[str]:
    return [event(fact)["id"] for fact in facts]


def begun(facts: Iterable[Fact], workflow: str = "") -> list[Fact]:
    return [
        fact for fact in facts if fact.is_first and workflow in ("", fact.transaction.cell.workflow)
    ]


@pytest.fixture(scope="module")
def _whole_day() -> dict[str, list[Fact]]:
    return {}


@pytest.fixture
def weekday(network: Build, _whole_day: dict[str, list[Fact]]) -> list[Fact]:
    """Thursday, after two days in which business got under way. Drawn once for the module."""
    if "facts" not in _whole_day:
        facts = told(network(since="2026-11-03", scale=0.1), until="2026-11-06T06:00")
        _whole_day["facts"] = [fact for fact in facts if fact.sent >= at("2026-11-05T06:00")]
    return _whole_day["facts"]


def test_the_same_seed_tells_the_same_story_to_the_byte(network: Build) -> None:
    one = told(network(scale=0.02), until="2026-11-03T16:00")
    other = told(network(scale=0.02), until="2026-11-03T16:00")

    assert len(one) > 100
    assert encode_batch(one) == encode_batch(other)


def test_another_seed_tells_another_story(network: Build) -> None:
    one = told(network(scale=0.02, seed=7), until="2026-11-03T16:00")
    other = told(network(scale=0.02, seed=8), until="2026-11-03T16:00")

    assert not set(ids(one)) & set(ids(other))


@pytest.mark.parametrize("seam", ["2026-11-04T15:00", "2026-11-04T15:23:45"])
def test_history_and_what_follows_it_fit_without_gap_or_overlap(network: Build, seam: str) -> None:
    built = network(since="2026-11-04", scale=0.02)
    whole = told(built, until="2026-11-04T18:00")
    history = told(built, until=seam)
    present = told(built, until="2026-11-04T18:00", position=at(seam))

    assert ids(history) + ids(present) == ids(whole)


def test_a_shorter_history_is_part_of_a_longer_one(network: Build) -> None:
    long = told(network(since="2026-11-03"), until="2026-11-04T18:00")
    short = told(network(since="2026-11-04"), until="2026-11-04T18:00")

    assert set(ids(short)) <= set(ids(long))


def test_a_smaller_scale_is_part_of_a_larger_one(network: Build) -> None:
    small = ids(told(network(scale=0.02), until="2026-11-03T18:00"))
    large = ids(told(network(scale=0.05), until="2026-11-03T18:00"))

    assert set(small) < set(large)
    assert 1.8 < len(large) / len(small) < 3.2


def test_events_leave_in_order_and_no_id_comes_twice(network: Build) -> None:
    facts = told(network(), until="2026-11-05T00:00")
    sent = [fact.sent for fact in facts]

    assert sent == sorted(sent)
    assert len(set(ids(facts))) == len(facts)


def test_every_event_is_one_the_product_understands(
    weekday: list[Fact], document: dict[str, Any]
) -> None:
    media = "application/cloudevents-batch+json"
    reader = reader_for(media, {})
    assert reader

    readings = reader(encode_batch(weekday), {"content-type": media})

    assert all(isinstance(reading, StageEvent) for reading in readings)
    stages = {(w["code"], s["code"]) for w in document["workflows"] for s in w["stages"]}
    lines = {each["code"] for each in document["interfaces"]}
    places = {each["code"] for each in document["facilities"]}
    for data in (reading.data for reading in readings if isinstance(reading, StageEvent)):
        assert (data.workflow, data.stage) in stages
        assert data.facility in places
        assert not data.interface or data.interface in lines


def test_a_catalogue_without_what_is_sent_is_refused_by_name(document: dict[str, Any]) -> None:
    poorer = {**document, "interfaces": document["interfaces"][1:]}
    missing = document["interfaces"][0]["code"]

    with pytest.raises(Mismatch, match=f"interface {missing}"):
        read_catalogue(poorer, world())


def test_a_weekday_has_the_volume_it_was_made_for(weekday: list[Fact]) -> None:
    starts = Counter(fact.transaction.cell.workflow for fact in begun(weekday))

    assert 0.9 * 66_000 < len(weekday) < 1.12 * 66_000
    for workflow, script in world().workflows.items():
        expected = script.weekday * (1 if script.batch else 0.1)
        assert starts[workflow] == pytest.approx(expected, rel=0.1, abs=4 * expected**0.5)


@pytest.mark.slow
def test_every_workflow_walks_to_its_end(network: Build) -> None:
    facts = told(network(scale=0.005), until="2026-12-08T00:00")
    seen = {(fact.transaction.cell.workflow, fact.leg.step.stage) for fact in facts}

    rare = {
        "returned",
        "reversed",
        "rebill_required",
        "withdrawn",
        "declined",
        "credited",
        "voided",
    }
    for workflow, script in world().workflows.items():
        for step in script.steps:
            assert step.stage in rare or (workflow, step.stage) in seen, (workflow, step.stage)


def test_mornings_are_busiest_where_people_are(weekday: list[Fact]) -> None:
    by_hour: Counter[int] = Counter()
    for fact in begun(weekday, "registration"):
        zone = ZoneInfo(fact.transaction.cell.zone)
        by_hour[datetime.fromtimestamp(fact.time / 1000, zone).hour] += 1

    assert by_hour.most_common(1)[0][0] in (9, 10)
    assert sum(by_hour[hour] for hour in (0, 1, 2, 3, 4)) < 0.06 * by_hour.total()


def test_batches_leave_in_the_evening_and_at_night(weekday: list[Fact]) -> None:
    hours = Counter(
        datetime.fromtimestamp(fact.time / 1000, ZoneInfo(fact.transaction.cell.zone)).hour
        for fact in begun(weekday, "claim")
    )
    night = sum(hours[hour] for hour in (19, 20, 21, 22, 23, 0, 1))

    assert night > 0.85 * hours.total()


def test_mondays_are_fuller_and_sundays_nearly_empty(network: Build) -> None:
    built = network(since="2026-11-08", scale=0.05)
    days: Counter[str] = Counter()
    for fact in begun(told(built, until="2026-11-12T08:00"), "registration"):
        zone = ZoneInfo(fact.transaction.cell.zone)
        days[f"{datetime.fromtimestamp(fact.time / 1000, zone):%a}"] += 1

    assert days["Mon"] == pytest.approx(1.3 * days["Tue"], rel=0.1)
    assert days["Sun"] < 0.4 * days["Tue"]


def test_a_holiday_is_as_quiet_as_a_sunday(network: Build) -> None:
    built = network(since="2026-11-25T06:00", scale=0.05)
    facts = begun(told(built, until="2026-11-27T06:00"), "eligibility")
    thanksgiving = [fact for fact in facts if fact.time >= at("2026-11-26T06:00")]

    assert len(thanksgiving) < 0.35 * (len(facts) - len(thanksgiving))


def test_january_brings_half_as_many_eligibility_checks_again(network: Build) -> None:
    january = begun(
        told(network(since="2027-01-12T06:00"), until="2027-01-13T06:00"), "eligibility"
    )
    november = begun(
        told(network(since="2026-11-10T06:00"), until="2026-11-11T06:00"), "eligibility"
    )

    assert len(january) / len(november) == pytest.approx(1.5, rel=0.12)


def test_the_books_close_with_three_times_the_journals(network: Build) -> None:
    end = begun(told(network(since="2026-12-01T12:00"), until="2026-12-02T12:00"), "gl_posting")
    middle = begun(told(network(since="2026-12-09T12:00"), until="2026-12-10T12:00"), "gl_posting")

    assert len(end) / len(middle) == pytest.approx(3.0, rel=0.4)


def test_most_places_do_well_and_a_few_do_not(network: Build) -> None:
    late: dict[str, list[float]] = defaultdict(list)
    for cell in cells(network()):
        script = cell.script
        late[cell.workflow].append(1 - NORMAL.cdf(cell.slack))
        assert script.steps[0].share == 0  # the first step starts the clock
    shares = [share / world().workflows[code].late for code, some in late.items() for share in some]

    assert 0.6 < sum(share < 1.2 for share in shares) / len(shares) < 0.95
    assert 1 <= sum(share > 3 for share in shares) <= 0.08 * len(shares)


def test_amounts_are_decimal_texts_of_a_known_kind(weekday: list[Fact]) -> None:
    amounts = [data for fact in weekday if "amount" in (data := event(fact)["data"])]

    assert len(amounts) > 5_000
    assert all(data["currency"] == "USD" for data in amounts)
    assert {data["amount_kind"] for data in amounts} == {"gross", "expected_net", "paid"}
    assert all(0 < float(data["amount"]) < 1e8 for data in amounts)
    assert all(len(data["amount"].partition(".")[2]) == 2 for data in amounts)


def test_correlation_ids_carry_the_time_of_their_start(weekday: list[Fact]) -> None:
    for fact in weekday[:2000]:
        correlation = event(fact)["subject"]
        assert correlation[14] == "7" and correlation[19] in "89ab"
        assert int(correlation.replace("-", "")[:12], 16) == fact.transaction.start


def test_attempts_count_up_and_trouble_names_its_code(weekday: list[Fact]) -> None:
    troubled = [fact for fact in weekday if fact.outcome in ("retry", "failed", "dead_letter")]

    assert all(fact.error for fact in troubled)
    assert {fact.outcome for fact in weekday} >= {"ok", "retry", "failed", "manual"}
    after_retry = {
        (fact.transaction.correlation, fact.leg.step.stage)
        for fact in weekday
        if fact.outcome == "ok" and fact.attempt > 1
    }
    assert after_retry


def test_a_larger_mean_never_draws_fewer() -> None:
    draws = [n / 997 for n in range(997)]

    for draw in draws:
        assert poisson(2.0, draw) <= poisson(2.5, draw) <= poisson(39.9, draw)
    average = sum(poisson(3.7, draw) for draw in draws) / len(draws)
    assert average == pytest.approx(3.7, rel=0.02)


def test_uuid7_is_in_the_form_of_the_standard() -> None:
    value = UUID(uuid7(1_700_000_000_123, (1 << 90) - 1))

    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert value.int >> 80 == 1_700_000_000_123


@pytest.mark.slow
def test_a_million_events_a_minute_can_be_drawn(network: Build) -> None:
    """A floor far below what an idle machine does (30,000 a second): it holds on a slow one too."""
    built = network(scale=0.2)
    begin = time.process_time()
    facts = told(built, until="2026-11-03T18:00")
    encode_batch(facts)

    assert len(facts) / (time.process_time() - begin) > 3_000
    assert facts[0].sent >= datetime(2026, 11, 3, tzinfo=UTC).timestamp() * 1000
    assert facts[-1].sent // HOUR == at("2026-11-03T17:00") // HOUR
