"""One transaction: its timeline, its clocks, and who may see it."""

from itertools import pairwise
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.asserts import assertContains, assertNotContains

from apps.dashboard.timeline import MOST_LANES
from apps.telemetry.tokens import business_key
from tests.dashboard.cast import NORTH, SOUTH, address, ago, done, fold, stuck

pytestmark = pytest.mark.slow


def test_lanes_follow_the_order_of_events_with_attempts_and_waits(network, as_bea):
    fold(network, *reversed(stuck("s-1")))

    lanes = as_bea.get(address(network, "s-1")).context["timeline"].lanes

    assert [lane.stage for lane in lanes] == [
        "Step 1",
        "Step 2",
        "Attempt 2 after 60\u202fs",
        "Waits for a person",
    ]
    assert [lane.result for lane in lanes[:3]] == ["Start", "503", "NO_COSTCENTER"]
    assert [lane.look.word for lane in lanes[:3]] == ["OK", "Retry", "Failed"]
    assert lanes[2].wait_from and not lanes[1].wait_from


def test_every_bar_lies_on_the_axis(network, as_bea):
    fold(network, *stuck("s-1"), *done("d-1"), {"subject": "one", "at": ago(minutes=1)})
    for subject in ("s-1", "d-1", "one"):
        timeline = as_bea.get(address(network, subject)).context["timeline"]
        for lane in timeline.lanes:
            start, width = float(lane.x[:-1]), float(lane.width[:-1])
            assert 0 <= start <= start + width <= 100.01


def test_both_clocks_say_when_they_started_are_due_and_stopped(network, as_bea):
    fold(network, *done("d-1", minutes=10))
    integration, business = as_bea.get(address(network, "d-1")).context["clocks"]
    assert (integration.look.word, business.look.word) == ("Met", "Not started")
    assert integration.stopped_at and integration.due_at > integration.stopped_at


def test_a_late_one_says_by_how_much_and_an_open_one_until_when(network, as_bea):
    fold(network, *done("late", hours_ago=9, minutes=360), *stuck("open", hours_ago=0.5))
    assertContains(as_bea.get(address(network, "late")), "Late by 1\u202fh")
    assertContains(as_bea.get(address(network, "open")), "Due in 1\u202fh")


def test_a_delivery_leads_to_its_batch_for_who_may_open_it(network, as_bea, as_ivo):
    fold(network, *stuck("s-1"))
    page = as_ivo.get(address(network, "s-1"))
    [row] = page.context["receipts"]
    assertContains(page, f'href="/batches/{row.id}/"')
    assert as_ivo.get(f"/batches/{row.id}/").status_code == 200
    assertNotContains(as_bea.get(address(network, "s-1")), "/batches/0")
    assert as_bea.get(f"/batches/{row.id}/").status_code == 404


def test_it_shows_amount_error_masked_keys_and_the_batch(network, as_bea):
    keys = [("account", "ab" * 16, "ACC ••4711")]
    fold(network, *stuck("s-1", amount=99_00, business_keys=keys, payer="AETNA"))
    response = as_bea.get(address(network, "s-1"))
    for words in ("$99.00", "NO_COSTCENTER", "line[3]", "ACC ••4711", "AETNA", "Counted"):
        assertContains(response, words)


def test_times_are_those_of_the_facility(network, as_ivo):
    fold(network, *done("s", facility=SOUTH))
    assertContains(as_ivo.get(address(network, "s")), "MST")


def test_no_identifier_is_in_the_address_or_the_title(network, as_bea):
    fold(network, *done("claim-4711-0815"))
    path = address(network, "claim-4711-0815")
    assert "4711-0815" not in path
    assertContains(as_bea.get(path), "<title>Transaction · Throughline</title>")


def test_elsewhere_and_nowhere_are_the_same_404(network, as_bea, as_ivo):
    fold(network, *done("theirs", facility=SOUTH))
    path = address(network, "theirs")
    elsewhere, nowhere = as_bea.get(path), as_bea.get(f"/transactions/{uuid4()}/")

    assert (elsewhere.status_code, nowhere.status_code) == (404, 404)
    assert without_token(elsewhere) == without_token(nowhere)
    assertNotContains(elsewhere, "theirs", status_code=404)
    assert as_ivo.get(path).status_code == 200


def without_token(response) -> str:
    """A page without what differs in every answer: the form token and the time."""
    lines = response.content.decode().splitlines()
    return "\n".join(one for one in lines if "csrf" not in one.lower() and "<time" not in one)


def test_a_stranger_gets_404(network, as_sam):
    fold(network, *done("d"))
    assert as_sam.get(address(network, "d")).status_code == 404


def test_anonymous_is_sent_to_sign_in(network):
    path = address(network, "d")
    assert Client().get(path).url == f"/sign-in/?next={path}"


def test_it_is_only_read(network, as_bea):
    assert as_bea.post(address(network, "d")).status_code == 405


def test_many_events_cost_no_more_queries(network, as_bea, budget):
    retries = [
        {"subject": "d", "rank": 2, "attempt": n, "outcome": "retry", "at": ago(minutes=200 - n)}
        for n in range(1, 120)
    ]
    fold(network, *done("d", hours_ago=4), *retries)
    as_bea.get(address(network, "d"))
    # Session, person, permissions (own, of roles), facilities, transaction, events, clocks, cases,
    # keys, batches, siblings.
    with budget(12):
        as_bea.get(address(network, "d"), headers={"HX-Request": "true"})


def test_events_are_looked_for_only_on_the_days_they_can_lie_on(network, as_bea):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    fold(network, *done("d"), *done("long-ago", hours_ago=24 * 40))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        as_bea.get(address(network, "d"))
    [sql] = [query["sql"] for query in queries if 'FROM "telemetry_event"' in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (COSTS OFF) " + sql)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert plan.count("telemetry_event_p") <= 4


def reopened(subject, **said):
    """Done days ago, and taken up again an hour ago."""
    return [*done(subject, hours_ago=70, **said),
            {"subject": subject, "rank": 6, "at": ago(hours=1), **said}]  # fmt: skip


def test_a_reopened_one_is_open_and_its_end_is_history(network, as_bea):
    fold(network, *reopened("r-1"))
    response = as_bea.get(address(network, "r-1"))
    assertContains(response, "Met, then reopened")
    assertContains(response, "Settled before")
    integration, _ = response.context["clocks"]
    assert integration.look.css == "warn"

    answer = as_bea.get("/api/v1/transactions/flow_1/r-1").json()
    assert (answer["state"], answer["settled_at"], answer["stage"]) == ("in_flight", None, "step_6")
    assert answer["reopened_at"] == answer["last_at"]
    assert answer["clocks"]["integration"]["state"] == "met"


def test_one_that_ended_and_stayed_so_was_never_reopened(network, as_bea):
    fold(network, *done("d-1"))
    answer = as_bea.get("/api/v1/transactions/flow_1/d-1").json()
    assert answer["settled_at"] and answer["reopened_at"] is None
    assertNotContains(as_bea.get(address(network, "d-1")), "eopened")


def test_the_head_shows_the_clock_that_is_late_whichever_it_is(network, as_bea):
    """The business clock starts at the second stage; the integration clock never started."""
    fold(network, {"subject": "b-1", "rank": 2, "at": ago(hours=200)})
    response = as_bea.get(address(network, "b-1"))
    foremost = response.context["foremost"]
    assert foremost.name == "cycle"
    assert foremost.look.word.startswith("Overdue")


@pytest.mark.parametrize("hours", [0.002, 0.1, 1, 5, 20, 60, 100, 400, 2000])
def test_labels_of_the_time_axis_have_room_even_on_a_phone(network, as_bea, hours):
    start = ago(hours=hours)
    fold(network, {"subject": "t", "at": start},
         {"subject": "t", "rank": 4, "at": ago()})  # fmt: skip
    ticks = as_bea.get(address(network, "t")).context["timeline"].ticks
    places = [float(tick.x[:-1]) for tick in ticks]
    # The lane is 216 px wide on a phone; a figure of 11 px type is 7 px wide.
    room = [(later - place) * 2.16 for place, later in pairwise(places)]
    widths = [(len(tick.label) + len(later.label)) / 2 * 6.2 + 4
              for tick, later in pairwise(ticks)]  # fmt: skip
    assert all(width <= gap for width, gap in zip(widths, room, strict=True)), ticks


def test_midnights_on_the_time_axis_say_which_day_begins(network, as_bea):
    fold(network, {"subject": "t", "at": ago(hours=40)}, {"subject": "t", "rank": 4, "at": ago()})
    ticks = as_bea.get(address(network, "t")).context["timeline"].ticks
    assert any(":" not in tick.label for tick in ticks)
    assert "00:00" not in [tick.label for tick in ticks]


def test_due_times_of_both_clocks_lie_on_the_axis_and_are_named(network, as_bea):
    first, *rest = done("d", hours_ago=300, minutes=60 * 60)
    fold(network, first, first | {"rank": 2}, *rest)  # The business clock starts at the second.
    response = as_bea.get(address(network, "d"))
    assert {due.name for due in response.context["timeline"].dues} == {"integration", "business"}
    assertContains(response, "integration clock due")
    assertContains(response, "business clock due")


def test_an_open_one_asks_again_and_is_unchanged_until_something_happens(network, as_bea):
    fold(network, *stuck("s-1", hours_ago=30))
    path = address(network, "s-1")
    assertContains(as_bea.get(path), "data-poll")
    first = as_bea.get(path, headers={"HX-Request": "true"})
    again = {"HX-Request": "true", "If-None-Match": first.headers["ETag"]}
    assert as_bea.get(path, headers=again).status_code in (200, 304)  # A minute may have passed.
    fold(network, {"subject": "s-1", "rank": 4, "at": ago(minutes=1)})
    changed = as_bea.get(path, headers=again)
    assert changed.status_code == 200
    assertNotContains(changed, "data-poll")


def test_what_is_unchanged_costs_no_look_at_events(network, as_bea, monkeypatch):
    from apps.dashboard.views import transaction as view

    fold(network, *stuck("s-1", hours_ago=30))
    monkeypatch.setattr(view, "floor", lambda *_: "the same minute")
    first = as_bea.get(address(network, "s-1"), headers={"HX-Request": "true"})
    headers = {"HX-Request": "true", "If-None-Match": first.headers["ETag"]}
    with CaptureQueriesContext(connection) as asked:
        assert as_bea.get(address(network, "s-1"), headers=headers).status_code == 304
    assert not [one for one in asked if 'FROM "telemetry_event"' in one["sql"]]


def test_other_business_with_the_same_number_is_linked_masked_and_in_scope(network, as_bea, as_ivo):
    account = [business_key("account", "A-100200")]
    for subject, place in (("mine", NORTH), ("ours", NORTH), ("theirs", SOUTH)):
        first, *rest = done(subject, facility=place)
        fold(network, first | {"business_keys": account}, *rest)
    response = as_bea.get(address(network, "mine"))
    assertContains(response, address(network, "ours"))
    assertNotContains(response, address(network, "theirs"))
    assertNotContains(response, "A-100200")
    assertContains(as_ivo.get(address(network, "mine")), address(network, "theirs"))


def test_the_native_error_is_folded_whole_and_can_be_copied(network, as_bea):
    fold(network, *stuck("s-1"))
    response = as_bea.get(address(network, "s-1"))
    assertContains(response, '<dt>Location</dt><dd class="mono">line[3]</dd>', html=True)
    assertContains(response, '<data id="error-3" hidden>erp NO_COSTCENTER line[3] ')


def test_very_many_events_are_bounded_and_say_so(network, as_bea):
    retries = [
        {"subject": "d", "rank": 2, "attempt": n, "outcome": "retry", "at": ago(seconds=9000 - n)}
        for n in range(1, 600)
    ]
    fold(network, *retries)
    response = as_bea.get(address(network, "d"))
    assert len(response.context["timeline"].lanes) <= MOST_LANES + 2
    assertContains(response, "all of them in the table below")
    assertContains(response, "the file has all of them")


def test_without_an_amount_it_says_that_no_event_named_one(network, as_bea):
    fold(network, *done("d"))
    assertContains(as_bea.get(address(network, "d")), "no event named one")


def test_links_and_the_correlation_id_can_be_copied(network, as_bea):
    fold(network, *done("d"))
    path = address(network, "d")
    assertContains(as_bea.get(path), f'<data id="link" hidden>http://testserver{path}</data>')
    assertContains(as_bea.get(path), '<dd class="mono" id="correlation">d</dd>')
