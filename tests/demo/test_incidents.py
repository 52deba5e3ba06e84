"""Each incident does what its story says, where it says so, and leaves the rest alone."""

from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from apps.demo.hours import DAY, HOUR
from apps.demo.incidents import (
    MINUTE,
    SKEW,
    STORIES,
    Incident,
    Name,
    drained,
    fitting,
    scheduled,
)
from apps.demo.journeys import Fact
from apps.demo.messages import event
from apps.demo.network import Network
from apps.demo.places import Places
from tests.demo.conftest import at, told

Build = Callable[..., Network]
Strike = Callable[..., Incident]
PLACES = Places(hospitals=["NORTH", "SOUTH"], payers=["ALDER", "BIRCH"])


def during(facts: Iterable[Fact], one: Incident, workflow: str = "") -> list[Fact]:
    return [
        fact
        for fact in facts
        if one.begins <= fact.sent < one.ends and workflow in ("", fact.transaction.cell.workflow)
    ]


def errors(facts: Iterable[Fact]) -> Counter[tuple[str, str]]:
    return Counter(fact.error[:2] for fact in facts if fact.error)


def ends_of(facts: Iterable[Fact], workflow: str, stage: str) -> dict[str, int]:
    """When each transaction passed a stage."""
    return {
        fact.transaction.correlation: fact.time
        for fact in facts
        if fact.outcome == "ok"
        and (fact.transaction.cell.workflow, fact.leg.step.stage) == (workflow, stage)
    }


@pytest.mark.parametrize("name", Name)
def test_nothing_that_was_sent_before_an_incident_changes(
    network: Build, strike: Strike, name: Name
) -> None:
    struck = strike(name, "2026-11-03T16:20", minutes=30)
    before = told(network(scale=0.02), until="2026-11-03T16:20")
    after = told(network(scale=0.02, incidents=(struck,)), until="2026-11-03T16:20")

    assert [event(fact) for fact in before] == [event(fact) for fact in after]


def test_an_outage_fails_one_payer_and_replays_when_it_is_over(
    network: Build, strike: Strike
) -> None:
    outage = strike(Name.PAYER_OUTAGE, "2026-11-03T16:00", minutes=60)
    facts = told(network(incidents=(outage,)), until="2026-11-04T00:00")
    struck = [
        fact
        for fact in during(facts, outage, "eligibility")
        if fact.transaction.payer == outage.payer and fact.leg.step.stage == "payer_ack"
    ]

    assert Counter(fact.outcome for fact in struck)["failed"] > 5
    assert not any(fact.outcome == "ok" and fact.time < outage.ends for fact in struck)
    assert errors(struck)["AAA", "42"] and errors(struck)["HTTP", "503"]
    failed = {fact.transaction.correlation for fact in struck if fact.outcome == "failed"}
    answered = ends_of(facts, "eligibility", "response_received")
    assert len(failed & answered.keys()) > 0.9 * len(failed)
    assert all(answered[each] >= outage.ends for each in failed & answered.keys())
    others = [fact for fact in facts if fact.transaction.payer not in ("", outage.payer)]
    assert not errors(others)["AAA", "42"]


def test_retries_during_an_outage_count_their_attempts(network: Build, strike: Strike) -> None:
    outage = strike(Name.PAYER_OUTAGE, "2026-11-03T16:00", minutes=60)
    facts = told(network(incidents=(outage,)), until="2026-11-04T00:00")
    failed = next(
        fact for fact in facts if fact.error == ("AAA", "42", "2100A") and fact.outcome == "failed"
    )
    way = [
        (fact.outcome, fact.attempt)
        for fact in facts
        if fact.transaction.correlation == failed.transaction.correlation
        and fact.leg.step.stage == failed.leg.step.stage
    ]

    assert way[:4] == [("retry", 1), ("retry", 2), ("retry", 3), ("failed", 4)]
    assert way[-1] == ("ok", 5)


def test_a_throttled_erp_lets_payments_pile_up_and_then_drain(
    network: Build, strike: Strike
) -> None:
    throttle = strike(Name.ERP_THROTTLE, "2026-11-04T02:00", minutes=120)
    quiet = told(network(since="2026-11-03"), until="2026-11-04T16:00")
    facts = told(network(since="2026-11-03", incidents=(throttle,)), until="2026-11-04T16:00")

    def waiting(told_facts: list[Fact], moment: int) -> int:
        sent = ends_of(told_facts, "payment", "erp_sent")
        done = ends_of(told_facts, "payment", "erp_accepted")
        return sum(sent[each] <= moment and done.get(each, moment + 1) > moment for each in sent)

    assert waiting(facts, throttle.ends) > 1.3 * waiting(quiet, throttle.ends)
    assert waiting(facts, throttle.over + 4 * HOUR) <= 1.2 * waiting(
        quiet, throttle.over + 4 * HOUR
    )
    seen = errors(facts)
    assert seen["HTTP", "429"] > 50
    assert seen["NETSUITE", "SSS_REQUEST_LIMIT_EXCEEDED"] > 50
    assert not errors(quiet)["NETSUITE", "SSS_REQUEST_LIMIT_EXCEEDED"]


def test_a_throttled_queue_serves_in_order_and_is_empty_at_the_end() -> None:
    throttle = Incident(Name.ERP_THROTTLE, begins=0, ends=60 * MINUTE)
    arrivals = range(0, throttle.over + 10 * MINUTE, MINUTE)
    served = [drained(throttle, arrival) for arrival in arrivals]

    assert served == sorted(served)
    assert all(done >= arrival for arrival, done in zip(arrivals, served, strict=True))
    assert drained(throttle, 15 * MINUTE) == 60 * MINUTE
    assert drained(throttle, throttle.over) == throttle.over


def test_a_broken_mapping_sends_an_unknown_department_and_fails_what_is_under_way(
    network: Build, strike: Strike
) -> None:
    broken = strike(Name.MAPPING_BREAK, "2026-11-03T16:00", minutes=60, facility="WRENFIELD")
    built = network(incidents=(broken,))
    facts = told(built, until="2026-11-04T00:00")
    known = {each.code for each in built.catalogue.facilities}
    unknown = [fact for fact in facts if fact.transaction.facility not in known]
    unmapped = [fact for fact in facts if fact.error == ("HL7", "103", "PV1-3")]

    assert {fact.transaction.facility for fact in unknown} == {"WRENFIELD-INF"}
    assert all(broken.begins <= fact.transaction.start < broken.ends for fact in unknown)
    struck = [fact for fact in during(unmapped, broken) if fact.outcome == "failed"]
    assert sum(fact.transaction.cell.facility == "WRENFIELD" for fact in struck) > 5
    mended = {fact.transaction.correlation for fact in facts if fact.outcome == "manual"}
    assert len({fact.transaction.correlation for fact in struck} & mended) > 0.9 * len(struck)


def test_a_storm_repeats_ids_and_sends_charges_twice(network: Build, strike: Strike) -> None:
    storm = strike(Name.DUPLICATE_STORM, "2026-11-03T16:00", minutes=60)
    quiet = told(network(), until="2026-11-04T00:00")
    facts = told(network(incidents=(storm,)), until="2026-11-04T00:00")
    copies = Counter(event(fact)["id"] for fact in facts)
    repeated = [each for each, times in copies.items() if times > 1]

    assert len(repeated) == pytest.approx(0.35 * len(during(quiet, storm)), rel=0.15)
    bodies: dict[str, object] = {}
    for fact in facts:
        sent = event(fact)
        assert bodies.setdefault(sent["id"], sent) == sent
    twins = [fact for fact in facts if fact.error == ("HL7", "205", "FT1-2")]
    twins = [fact for fact in twins if during([fact], storm) and fact.outcome == "failed"]
    cancelled = {fact.transaction.correlation for fact in facts if fact.outcome == "cancelled"}
    assert len({fact.transaction.correlation for fact in twins} & cancelled) > 10


def test_a_charge_sent_twice_carries_the_same_numbers_under_another_correlation(
    network: Build, strike: Strike
) -> None:
    storm = strike(Name.DUPLICATE_STORM, "2026-11-03T16:00", minutes=60)
    facts = told(network(incidents=(storm,)), until="2026-11-04T00:00")
    twin = next(
        fact
        for fact in facts
        if fact.transaction.start >= storm.begins
        and fact.is_first
        and fact.leg.step.stage == "charge_created"
    )
    [first] = [
        fact
        for fact in facts
        if fact.is_first
        and fact.transaction.number == twin.transaction.number
        and fact.transaction is not twin.transaction
        and fact.leg.step.stage != "charge_created"
    ][:1]

    one, other = event(first), event(twin)
    assert one["subject"] != other["subject"]
    assert one["data"]["business_keys"] == other["data"]["business_keys"]
    assert one["data"]["amount"] == other["data"]["amount"]


def test_a_silent_feed_says_nothing_and_catches_up_with_the_true_times(
    network: Build, strike: Strike
) -> None:
    silence = strike(Name.SILENT_FEED, "2026-11-03T16:00", minutes=60)
    quiet = told(network(), until="2026-11-04T00:00")
    facts = told(network(incidents=(silence,)), until="2026-11-04T00:00")

    def here(some: list[Fact]) -> list[Fact]:
        return [
            fact
            for fact in some
            if (fact.transaction.cell.facility, fact.transaction.cell.workflow)
            == (silence.facility, silence.workflow)
        ]

    assert len(during(here(quiet), silence)) > 20
    assert during(here(facts), silence) == []
    assert {event(fact)["id"] for fact in facts} == {event(fact)["id"] for fact in quiet}
    late = [fact for fact in here(facts) if fact.sent > fact.time]
    assert all(silence.begins <= fact.time < silence.ends <= fact.sent for fact in late)


def test_late_acknowledgements_make_claims_overdue_without_an_error(
    network: Build, strike: Strike
) -> None:
    late = strike(Name.LATE_ACKS, "2026-11-04T01:00", minutes=180)
    quiet = told(network(since="2026-11-03"), until="2026-11-04T12:00")
    facts = told(network(since="2026-11-03", incidents=(late,)), until="2026-11-04T12:00")

    def overdue(some: list[Fact]) -> int:
        released = ends_of(some, "claim", "released")
        acknowledged = ends_of(some, "claim", "ack_999")
        return sum(
            acknowledged[each] - released[each] > HOUR for each in released & acknowledged.keys()
        )

    assert overdue(facts) > 5 * max(overdue(quiet), 1)
    waiting = ends_of(facts, "claim", "ack_999").values()
    assert not any(late.begins + 30 * MINUTE <= moment < late.ends for moment in waiting)
    assert len(errors(facts)) <= len(errors(quiet)) + 3


def test_a_skewed_clock_moves_the_times_of_one_system_only(network: Build, strike: Strike) -> None:
    skew = strike(Name.CLOCK_SKEW, "2026-11-03T16:00", minutes=60)
    facts = told(network(incidents=(skew,)), until="2026-11-03T20:00")
    wrong = [fact for fact in facts if fact.time != fact.sent]

    assert len(wrong) > 100
    assert {fact.leg.system for fact in wrong} == {"clearinghouse"}
    assert {fact.time - fact.sent for fact in wrong} == {SKEW}
    # Below the skew that the product tolerates, so that it can be seen at all.
    assert SKEW < 300_000
    assert all(skew.begins <= fact.sent < skew.ends for fact in wrong)


def test_any_four_weeks_hold_every_story_about_twice_a_week() -> None:
    for week in range(6):
        since = at("2026-09-01") + 7 * week * DAY
        found = scheduled(7, since=since, until=since + 30 * DAY, places=PLACES)
        assert {each.name for each in found} == set(Name)
        assert 7 <= len(found) <= 10


def test_the_schedule_does_not_depend_on_where_one_looks() -> None:
    whole = scheduled(7, since=at("2026-09-01"), until=at("2026-12-01"), places=PLACES)
    part = scheduled(7, since=at("2026-10-01"), until=at("2026-10-20"), places=PLACES)

    assert [each for each in whole if each in part] == part


def test_every_hour_has_a_story_that_shows() -> None:
    for hour in range(24):
        assert fitting(hour * HOUR)
    assert Name.LATE_ACKS in fitting(2 * HOUR)
    assert Name.PAYER_OUTAGE in fitting(16 * HOUR)


def test_every_story_is_told() -> None:
    assert STORIES.keys() == set(Name)
    assert all(story.text.endswith(".") for story in STORIES.values())
