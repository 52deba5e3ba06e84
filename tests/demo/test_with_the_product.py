"""The network and the product itself, over HTTP, with nothing between them."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from apps.demo.client import Client, Declined
from apps.demo.hours import DAY, HOUR, floor_hour
from apps.demo.incidents import Name
from apps.demo.messages import event
from apps.demo.outlet import FALLBACK, Outlet
from apps.demo.records import now
from apps.demo.services import Simulation, write_history
from apps.demo.setup import Request, ask_for, prepare
from apps.demo.stream import hours_of
from apps.demo.world import world

pytestmark = pytest.mark.slow

EMPTY = """
TRUNCATE telemetry_ingestbatch, telemetry_quarantine, telemetry_eventkey, telemetry_event,
    telemetry_signal, telemetry_businesskey, telemetry_transaction, scorecards_rollupdelta,
    scorecards_quarterdelta, scorecards_rollup, scorecards_backlog, scorecards_backlogsnapshot,
    telemetry_sourcekey, telemetry_source
"""
COUNTS = """
SELECT (SELECT count(*) FROM telemetry_event), (SELECT count(*) FROM telemetry_transaction),
       (SELECT count(*) FROM telemetry_quarantine),
       (SELECT count(DISTINCT source_id) FROM telemetry_event)
"""


def wednesday_noon() -> int:
    """18:00 UTC of a Wednesday one or two weeks ago: a busy hour that the product still keeps."""
    day = now() // DAY - 7
    return (day - day % 7 - 1) * DAY + 18 * HOUR


def counted() -> tuple[int, int, int, int]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        row: tuple[int, int, int, int] = cursor.fetchone()
        return row


def issue(source: str) -> str:
    output = StringIO()
    call_command("issue_key", source, stdout=output, stderr=StringIO())
    return output.getvalue().split()[0]


@pytest.fixture
def ready(
    live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Simulation]]:
    """A simulation of a Wednesday's morning for a seeded product; waiting for the fold folds."""
    from apps.pipeline.services import fold_waiting

    monkeypatch.setattr("apps.demo.setup.now", wednesday_noon)
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
    call_command("seed", stdout=StringIO())
    keys = {source: issue(source) for source in [*world().sources, FALLBACK]}
    outlets: list[Outlet] = []

    def build(**asked: Any) -> Simulation:
        wanted = {"days": 0.2, "scale": 0.02, **asked}
        request = Request(url=live_server.url, var=tmp_path, keys=keys, **wanted)
        simulation = prepare(request, stop=Event(), say=lambda _: None)
        simulation.outlet.wait = lambda _: fold_waiting(seconds=2)
        outlets.append(simulation.outlet)
        return simulation

    yield build
    for outlet in outlets:
        outlet.close()


def history(simulation: Simulation, *, until: int) -> None:
    write_history(simulation, until=until, stop=Event(), report=lambda *_: None)


def sent(simulation: Simulation, *, until: int) -> list[dict[str, Any]]:
    planned = simulation.planned()
    found: list[dict[str, Any]] = []
    slots = range(floor_hour(planned.since), floor_hour(until) + 1)
    for _, facts in zip(slots, hours_of(planned, position=planned.since), strict=False):
        found += [event(fact) for fact in facts if fact.sent <= until]
    return found


def test_everything_that_was_sent_is_on_the_books_once(ready: Callable[..., Simulation]) -> None:
    until = wednesday_noon()
    simulation = ready()
    history(simulation, until=until)
    known = {each.code for each in simulation.network.catalogue.facilities}
    told = [each for each in sent(simulation, until=until) if each["data"]["facility"] in known]
    ids = {each["id"] for each in told}
    transactions = {(each["data"]["workflow"], each["subject"]) for each in told}

    assert len(ids) > 100
    events, folded, quarantined, sources = counted()
    assert (events, folded, sources) == (len(ids), len(transactions), 5)
    assert quarantined == simulation.outlet.tally.rejected
    assert simulation.outlet.tally.stored == len(ids)

    again = ready(restart=True)
    history(again, until=until)
    assert again.outlet.tally.stored == again.outlet.tally.conflicts == 0
    assert again.outlet.tally.duplicates == again.outlet.tally.accepted > 0
    assert counted() == (events, folded, quarantined, sources)


def test_an_unmapped_department_waits_in_quarantine(ready: Callable[..., Simulation]) -> None:
    until = wednesday_noon()
    simulation = ready(scale=0.1)
    begins = until - 4 * HOUR
    ask_for(simulation, Name.MAPPING_BREAK, at=begins, minutes=120, facility="WRENFIELD")
    history(simulation, until=until)
    unknown = [
        each
        for each in sent(simulation, until=until)
        if each["data"]["facility"] == "WRENFIELD-INF"
    ]

    assert len(unknown) > 5
    assert counted()[2] == simulation.outlet.tally.rejected == len(unknown)


def test_a_revoked_key_is_told_apart_from_an_outage(
    ready: Callable[..., Simulation], live_server: Any
) -> None:
    ready()
    client = Client(live_server.url, "src_nobody_secret")

    with pytest.raises(Declined, match="HTTP 401"):
        client.catalogue()
    with pytest.raises(Declined, match="HTTP 401"):
        client.post(b"[]")
    client.close()


def test_the_command_needs_no_more_than_a_key(
    ready: Callable[..., Simulation], live_server: Any, tmp_path: Path, settings: Any
) -> None:
    simulation = ready()
    settings.VAR = tmp_path / "other"
    settings.VAR.mkdir()
    keys = {source: client.key for source, client in simulation.outlet.clients.items()}
    (settings.VAR / "demo-keys.json").write_text(json.dumps(keys))
    output = StringIO()

    call_command("simulate", "--incident", "late-acks", "--url", live_server.url, stdout=output)

    assert "late-acks: The clearinghouse confirms nothing" in output.getvalue()
