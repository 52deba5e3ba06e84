"""However the product answers, or does not, each event ends up there once."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.demo.client import Client, Declined, Unavailable, persist
from apps.demo.hours import DAY, HOUR, floor_hour
from apps.demo.incidents import Name
from apps.demo.messages import event
from apps.demo.outlet import FALLBACK, NoKey, source_of
from apps.demo.progress import Progress
from apps.demo.records import Bookmark, Ledger, Position, now
from apps.demo.services import Simulation, live, write_history
from apps.demo.setup import Interrupted, Request, Unready, ask_for, moment, prepare, read_keys
from apps.demo.stream import hours_of
from apps.demo.world import world
from tests.demo.conftest import at
from tests.demo.product import Answer, Product, serving

NOW = at("2026-11-04T18:00")
Ready = Callable[..., Simulation]


@pytest.fixture
def product(document: dict[str, Any]) -> Iterator[Product]:
    with serving(Product(document)) as serving_product:
        yield serving_product


@pytest.fixture
def ready(product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ready]:
    """A simulation of six hours that end now."""
    monkeypatch.setattr("apps.demo.setup.now", lambda: NOW)
    built: list[Simulation] = []

    def build(**asked: Any) -> Simulation:
        keys = asked.pop("keys", {FALLBACK: "src_a_b"})
        request = Request(
            url=product.url, var=tmp_path, keys=keys, **{"days": 0.25, "scale": 0.02, **asked}
        )
        simulation = prepare(request, stop=Event(), say=lambda _: None)
        simulation.clock = lambda: NOW
        built.append(simulation)
        return simulation

    yield build
    for simulation in built:
        simulation.outlet.close()


def history(simulation: Simulation, until: int = NOW) -> None:
    write_history(simulation, until=until, stop=Event(), report=lambda *_: None)


def expected(simulation: Simulation, until: int = NOW) -> set[str]:
    """The ids of all that is sent from places that the product knows."""
    planned = simulation.planned()
    known = {each.code for each in planned.catalogue.facilities}
    found = set()
    for slot, facts in enumerate(
        hours_of(planned, position=planned.since), floor_hour(planned.since)
    ):
        found |= {
            event(fact)["id"]
            for fact in facts
            if fact.sent <= until and fact.transaction.facility in known
        }
        if slot >= floor_hour(until):
            return found
    raise AssertionError


def test_history_arrives_whole(ready: Ready, product: Product) -> None:
    simulation = ready()
    history(simulation)

    assert set(product.ids) == expected(simulation)
    assert len(product.ids) > 300
    tally = simulation.outlet.tally
    assert (tally.stored, tally.duplicates) == (len(product.ids), 0)
    assert max(each["time"] for each in product.events.values()) <= "2026-11-04T18:00:00.000Z"


def test_a_second_run_sends_nothing_and_a_restart_stores_nothing(
    ready: Ready, product: Product
) -> None:
    history(ready())
    stored = len(product.events)

    again = ready()
    history(again)
    assert again.outlet.tally.sent == 0

    restarted = ready(restart=True)
    history(restarted)
    assert restarted.outlet.tally.sent == restarted.outlet.tally.duplicates > 0
    assert (len(product.events), product.conflicts) == (stored, 0)


def test_a_stopped_history_goes_on_where_it_was(ready: Ready, product: Product) -> None:
    first = ready()
    history(first, until=NOW - 3 * HOUR)
    sent = len(product.events)
    second = ready()
    history(second)

    assert 0 < sent < len(product.events)
    assert second.outlet.tally.duplicates == 0
    assert set(product.ids) == expected(second)


def test_an_answer_that_is_lost_costs_a_resend_and_counts_nothing_twice(
    ready: Ready, product: Product
) -> None:
    simulation = ready()
    simulation.outlet.wait = lambda _: None
    product.trouble = [Answer(0, late=True), Answer(0), Answer(503, late=True), Answer(500)]
    history(simulation)

    assert product.trouble == []
    assert set(product.ids) == expected(simulation)
    assert product.conflicts == 0
    assert simulation.outlet.tally.sent == len(product.ids)


def test_a_connection_the_product_tired_of_is_no_news(product: Product) -> None:
    with closing(Client(product.url, "src_k")) as client:
        client.catalogue()
        product.trouble = [Answer(0)]
        client.catalogue()

        product.trouble = [Answer(0), Answer(0)]
        with pytest.raises(Unavailable, match="no answer"):
            client.catalogue()


def test_a_busy_product_is_given_the_time_it_asks_for(ready: Ready, product: Product) -> None:
    waits: list[float] = []
    simulation = ready()
    simulation.outlet.wait = waits.append
    product.trouble = [Answer(429, {"Retry-After": "7"}), Answer(503)]
    history(simulation, until=NOW - 5 * HOUR)

    assert waits[:2] == [7.0, 0.5]


def test_a_wrong_key_is_an_error_and_not_repeated(product: Product) -> None:
    product.trouble = [Answer(401)]

    with (
        closing(Client(product.url, "src_wrong")) as client,
        pytest.raises(Declined, match="HTTP 401 as the test wants it"),
    ):
        client.catalogue()
    assert len(product.requests) == 1


def test_history_waits_for_the_fold(ready: Ready, product: Product) -> None:
    product.polls_before_folded = 2
    simulation = ready()
    simulation.outlet.wait = lambda _: None
    history(simulation, until=NOW - 5 * HOUR)

    polls = [path for verb, path in product.requests if "batches" in path]
    assert len(polls) == 3 * len(product.batches)
    assert not simulation.outlet.unfolded


def test_each_system_reports_under_its_own_source(ready: Ready, product: Product) -> None:
    keys = {source: f"src_{source}" for source in world().sources}
    history(ready(keys=keys))

    assert {f"Bearer {key}" for key in keys.values()} == product.keys


def test_systems_without_a_key_of_their_own_share_one() -> None:
    systems = {"erp", "billing", "unheard_of"}

    assert source_of(world(), {FALLBACK: "k", "demo-erp": "e"}, systems) == {
        "erp": "demo-erp",
        "billing": FALLBACK,
        "unheard_of": FALLBACK,
    }
    with pytest.raises(NoKey, match="demo-billing"):
        source_of(world(), {"demo-erp": "e"}, {"erp", "billing"})


def test_only_far_away_products_get_compressed_bodies(product: Product) -> None:
    near = Client(product.url, "src_k")
    far = Client(product.url, "src_k")
    far.compresses = True

    for client in (near, far):
        client.post(b"[]")
        client.close()

    assert product.encodings == {None, "gzip"}
    assert not near.compresses
    assert Client("https://throughline.example", "k").compresses


def test_unknown_departments_are_counted_as_quarantined(ready: Ready) -> None:
    simulation = ready()
    ask_for(
        simulation,
        Name.MAPPING_BREAK,
        at=NOW - 4 * HOUR,
        minutes=120,
        facility="WRENFIELD",
    )
    history(simulation)

    assert simulation.outlet.tally.rejected > 10


# -- Live ----------------------------------------------------------------------------------------


class Clock:
    """Time that passes as fast as the simulation asks for it."""

    def __init__(self, moment: int, *, until: int) -> None:
        self.moment, self.until = moment, until
        self.stop = Event()
        self.waits: list[float] = []

    def __call__(self) -> int:
        return self.moment

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.moment += round(seconds * 1000)
        if self.moment >= self.until:
            self.stop.set()
        return self.stop.is_set()

    def is_set(self) -> bool:
        return self.stop.is_set()


def run_live(simulation: Simulation, *, minutes: float) -> list[str]:
    clock = Clock(simulation.clock(), until=int(simulation.clock() + minutes * 60_000))
    simulation.clock = clock
    said: list[str] = []
    live(simulation, stop=clock, say=said.append)  # type: ignore[arg-type]
    return said


@pytest.mark.slow
def test_live_traffic_goes_on_where_history_ended(ready: Ready, product: Product) -> None:
    simulation = ready()
    history(simulation)
    before = len(product.events)
    run_live(simulation, minutes=80)

    assert len(product.events) > before + 50
    assert set(product.ids) == expected(simulation, until=simulation.position.sent_until)
    assert product.conflicts == 0


def test_live_alone_and_history_tell_the_same_story(ready: Ready, product: Product) -> None:
    simulation = ready()
    history(simulation)
    run_live(simulation, minutes=30)
    by_live = dict(product.events)
    told_again = ready(restart=True)
    history(told_again, until=simulation.position.sent_until)

    assert product.events == by_live
    assert product.conflicts == 0


def test_nothing_is_sent_before_its_time(ready: Ready, product: Product) -> None:
    simulation = ready(days=0, scale=0.2)
    clock = Clock(NOW, until=NOW + 60_000)
    simulation.clock = clock
    post, late = simulation.outlet.deliver, []

    def deliver(facts: list[Any], *, batch_size: int) -> None:
        late.extend(clock.moment - fact.sent for fact in facts)
        post(facts, batch_size=batch_size)

    simulation.outlet.deliver = deliver  # type: ignore[method-assign]
    live(simulation, stop=clock, say=lambda _: None)  # type: ignore[arg-type]

    assert late and min(late) >= 0
    assert max(late) <= 500


def test_ticks_do_not_drift(ready: Ready) -> None:
    simulation = ready(days=0)
    clock = Clock(NOW + 1, until=NOW + 20_000)
    slow = simulation.present.write

    def write(position: Position) -> None:
        clock.moment += 37  # the work of a tick
        slow(position)

    simulation.present.write = write  # type: ignore[method-assign]
    simulation.clock = clock
    live(simulation, stop=clock, say=lambda _: None)  # type: ignore[arg-type]

    assert clock.moment - NOW <= 20_600
    assert len(clock.waits) >= 39


def test_after_a_night_switched_off_the_gap_is_filled(ready: Ready, product: Product) -> None:
    simulation = ready()
    history(simulation)
    simulation.clock = lambda: NOW + 9 * HOUR
    run_live(simulation, minutes=1)

    assert set(product.ids) == expected(simulation, until=simulation.position.sent_until)
    assert simulation.position.sent_until >= NOW + 9 * HOUR


@pytest.mark.slow
def test_live_traffic_takes_over_a_larger_history_while_it_runs(
    ready: Ready, product: Product
) -> None:
    history(ready(scale=0.02))
    running = ready(days=0, scale=None)
    clock = Clock(NOW, until=NOW + 10 * 60_000)
    running.clock = clock
    said: list[str] = []

    def pass_time(seconds: float) -> bool:
        if clock.moment >= NOW + 5 * 60_000 and running.position.scale < 0.05:
            history(ready(days=0.4, scale=0.05), until=clock.moment)
        return Clock.wait(clock, seconds)

    clock.wait = pass_time  # type: ignore[method-assign]
    live(running, stop=clock, say=said.append)  # type: ignore[arg-type]

    assert "going on with the history of scale 0.05" in said
    assert running.network.scale == 0.05
    assert set(product.ids) == expected(running, until=running.position.sent_until)
    assert product.conflicts == 0
    after = ready(days=0, scale=None)
    assert after.position.story == running.position.story
    assert after.position.sent_until == running.position.sent_until


def test_live_traffic_of_a_given_scale_keeps_it(ready: Ready) -> None:
    history(ready(scale=0.02))
    running = ready(days=0, scale=0.01)
    run_live(running, minutes=1)

    assert running.network.scale == 0.01


def test_a_viewer_soon_sees_a_story(ready: Ready) -> None:
    simulation = ready()
    history(simulation)
    said = run_live(simulation, minutes=5)

    [story] = simulation.ledger.read()
    assert NOW < story.begins <= NOW + 5 * 60_000
    assert any(text.startswith(story.name) for text in said)


@pytest.mark.slow
def test_an_incident_asked_for_is_taken_up_by_a_running_simulation(
    ready: Ready, product: Product
) -> None:
    simulation = ready(scale=0.1)
    history(simulation)
    ask_for(simulation, Name.PAYER_OUTAGE, at=NOW + 60_000, minutes=30, facility="")
    other = ready(scale=0.1)
    begun = simulation.ledger.version()
    clock = Clock(NOW, until=NOW + 20 * 60_000)
    simulation.clock = clock

    def pass_time(seconds: float) -> bool:
        if clock.moment >= NOW + 5 * 60_000 and simulation.ledger.version() == begun:
            ask_for(
                other, Name.MAPPING_BREAK, at=clock.moment + 1, minutes=10, facility="WRENFIELD"
            )
        return Clock.wait(clock, seconds)

    clock.wait = pass_time  # type: ignore[method-assign]
    live(simulation, stop=clock, say=lambda _: None)  # type: ignore[arg-type]

    codes = {
        each["data"].get("error", {}).get("code")
        for each in product.events.values()
        if each["time"] > "2026-11-04T18:01"
    }
    assert "42" in codes
    assert product.conflicts == 0
    assert [each.name for each in simulation.ledger.read()][:2] == [
        Name.PAYER_OUTAGE,
        Name.MAPPING_BREAK,
    ]


def test_what_is_told_cannot_be_changed(ready: Ready) -> None:
    simulation = ready()
    history(simulation)

    with pytest.raises(Unready, match="already told"):
        ask_for(simulation, Name.LATE_ACKS, at=NOW - HOUR, minutes=10, facility="")
    with pytest.raises(Unready, match="NOWHERE"):
        ask_for(simulation, Name.LATE_ACKS, at=NOW + HOUR, minutes=10, facility="NOWHERE")


# -- The command -----------------------------------------------------------------------------------


@pytest.fixture
def simulate(product: Product, tmp_path: Path, settings: Any) -> Iterator[Callable[..., str]]:
    """Runs the command as at a prompt; what it prints."""
    settings.VAR = tmp_path
    (tmp_path / "demo-keys.json").write_text(json.dumps({FALLBACK: "src_a_b"}))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*words: str) -> str:
        output = StringIO()
        call_command("simulate", *words, "--url", product.url, stdout=output)
        return output.getvalue()

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_the_command_writes_history_once(simulate: Callable[..., str], product: Product) -> None:
    first = simulate("--days", "0.3", "--scale", "0.02", "--seed", "7")
    stored = len(product.events)
    second = simulate("--days", "0.3", "--scale", "0.02", "--seed", "7", "--restart")

    assert f"{stored:,} stored, 0 known already" in first
    assert "100%" in first
    later = len(product.events) - stored
    assert f"{later:,} stored" in second and product.conflicts == 0


def test_the_command_remembers_scale_and_seed(simulate: Callable[..., str], tmp_path: Path) -> None:
    simulate("--days", "0.1", "--scale", "0.03", "--seed", "11")
    simulate("--days", "0.05")

    position = Bookmark(tmp_path / "demo-history.json").read()
    assert position and (position.seed, position.scale) == (11, 0.03)


def test_the_command_lists_every_incident(simulate: Callable[..., str]) -> None:
    listed = simulate("--list-incidents")

    assert [line.split()[0] for line in listed.splitlines()] == list(Name)


def test_the_command_writes_an_incident_down(simulate: Callable[..., str], tmp_path: Path) -> None:
    said = simulate("--incident", "silent-feed", "--at", "+5 m", "--minutes", "20",
                    "--facility", "WRENFIELD")  # fmt: skip

    [story] = Ledger(tmp_path / "demo-incidents.jsonl").read()
    assert "silent-feed at WRENFIELD" in said
    assert (story.facility, story.ends - story.begins) == ("WRENFIELD", 20 * 60_000)
    assert abs(story.begins - now() - 5 * 60_000) < 30_000


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "--days N, --live or --incident"),
        (("--days", "500"), "390"),
        (("--incident", "late-acks", "--at", "tomorrow"), "is no time"),
        (("--incident", "late-acks", "--at", "2026-11-21T10:00"), "no offset"),
        (("--days", "1", "--key-file", "/nowhere/keys.json"), "issue_key"),
    ],
)
def test_the_command_says_what_is_wrong(
    simulate: Callable[..., str], words: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(CommandError, match=problem):
        simulate(*words)


def test_a_key_file_that_is_no_map_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('["src_a_b"]')

    with pytest.raises(Unready, match=r"keys\.json must hold"):
        read_keys(key="", path=tmp_path / "keys.json")


def test_moments_are_relative_or_carry_an_offset() -> None:
    assert moment("+2 h", present=5) == 5 + 2 * HOUR
    assert moment("2026-11-20T14:00:00-06:00", present=0) == at("2026-11-20T20:00")


def test_history_longer_than_the_last_one_starts_anew(ready: Ready) -> None:
    history(ready())
    longer = ready(days=1)

    assert longer.position.sent_until == longer.position.since == NOW - DAY


def test_told_to_stop_while_waiting_it_stops(product: Product, tmp_path: Path) -> None:
    product.trouble = [Answer(503)] * 50
    stop = Event()
    request = Request(url=product.url, var=tmp_path, keys={FALLBACK: "k"})
    errors: list[BaseException] = []

    def run() -> None:
        try:
            prepare(request, stop=stop, say=lambda _: stop.set())
        except Interrupted as error:
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join(5)

    assert not thread.is_alive() and len(errors) == 1


def test_waiting_grows_longer_up_to_a_bound() -> None:
    waits: list[float] = []
    answers = iter([Unavailable("down")] * 9 + [None])
    said: list[str] = []

    def attempt() -> str:
        if error := next(answers):
            raise error
        return "done"

    assert persist(attempt, wait=waits.append, say=said.append) == "done"
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    assert said == ["down; trying again", "answered again"]


def test_progress_shows_share_rate_and_end() -> None:
    output = StringIO()
    progress = Progress(output, "events")
    progress.begun -= 10
    progress.show(0.0, 0)
    progress.drawn = -1e9
    progress.show(0.5, 1_000)
    progress.close()

    lines = output.getvalue().splitlines()
    assert "ETA ..." in lines[0]
    assert "[##############--------------]  50%  1,000 events  100/s  ETA 0:10" in lines[1]
    assert "100%" in lines[2] and "in 0:10" in lines[2]
