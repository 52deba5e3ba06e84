"""From what was asked for on the command line to a simulation that is ready to run."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event

import msgspec

from apps.demo.client import Client, persist
from apps.demo.hours import DAY, HOUR, floor_hour
from apps.demo.incidents import STORIES, Incident, Name, incident
from apps.demo.network import Network
from apps.demo.outlet import FALLBACK, Outlet, source_of
from apps.demo.places import Catalogue, read_catalogue
from apps.demo.records import Bookmark, Ledger, Position, now
from apps.demo.services import Simulation
from apps.demo.world import milliseconds, world

SEED, SCALE = 7, 0.1
# Events older than the product keeps would be refused.
MOST_DAYS = 390


class Unready(Exception):
    """What was asked for cannot be done; the message says what to do."""


class Interrupted(Exception):
    """The simulation was told to stop while it waited."""


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    url: str
    var: Path
    keys: Mapping[str, str]
    days: float = 0.0
    # None: as before, or the defaults.
    seed: int | None = None
    scale: float | None = None
    restart: bool = False
    batch_size: int = 1_000


def read_keys(*, key: str, path: Path) -> dict[str, str]:
    """The key of each source: one for all, or those in a file."""
    if key:
        return {FALLBACK: key}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        raise Unready(
            f"There is no {path}. Run `manage.py issue_key {FALLBACK}` and give what it prints as "
            f'--key, or write it into that file as {{"{FALLBACK}": "..."}}.'
        ) from None
    except msgspec.DecodeError as error:
        raise Unready(f"{path} must hold a JSON object of source to key: {error}") from None


def prepare(request: Request, *, stop: Event, say: Callable[[str], object]) -> Simulation:
    """Ask the product what exists and find where the last run stopped."""

    def wait(seconds: float) -> None:
        if stop.wait(seconds):
            raise Interrupted

    with ExitStack() as unless_ready:
        clients = {source: Client(request.url, key) for source, key in request.keys.items()}
        for client in clients.values():
            unless_ready.callback(client.close)
        first = next(iter(clients.values()))
        catalogue = read_catalogue(persist(first.catalogue, wait=wait, say=say), world())
        by_system = source_of(world(), request.keys, set(catalogue.systems.values()))
        unless_ready.pop_all()
    outlet = Outlet(clients, by_system, wait=wait, say=say)
    return _simulation(request, catalogue, outlet)


def _simulation(request: Request, catalogue: Catalogue, outlet: Outlet) -> Simulation:
    history = Bookmark(request.var / "demo-history.json")
    present = Bookmark(request.var / "demo-live.json")
    before = history.read() if request.days else _last(history.read(), present.read())
    position = _position(request, before)
    return Simulation(
        network=Network(world(), catalogue, position.seed, position.scale, position.since),
        position=position,
        history=history,
        present=present,
        ledger=Ledger(request.var / "demo-incidents.jsonl"),
        outlet=outlet,
        clock=now,
        batch_size=request.batch_size,
        follows=request.seed is None and request.scale is None,
    )


def _last(history: Position | None, present: Position | None) -> Position | None:
    """Where live traffic goes on: with its own story, unless a history was written since."""
    if history and history.is_finished and (not present or history.story != present.story):
        return history
    return present


def _position(request: Request, before: Position | None) -> Position:
    """Where to go on: at the end of the last run if that told the same story."""
    since = floor_hour(now() - int(request.days * DAY)) * HOUR
    seed = request.seed if request.seed is not None else before.seed if before else SEED
    scale = request.scale if request.scale is not None else before.scale if before else SCALE
    asked = Position(request.url, seed, scale, since, since)
    if before is None or request.restart:
        return asked
    same_story = (before.url, before.seed, before.scale) == (asked.url, seed, scale)
    return before if same_story and before.since <= since else asked


def ask_for(simulation: Simulation, name: str, *, at: int, minutes: int, facility: str) -> Incident:
    """Write an incident down for this and later runs."""
    known = {each.code for each in simulation.network.catalogue.working}
    if facility and facility not in known:
        raise Unready(f"No hospital, clinic or office has the code {facility}.")
    if at < _told_until(simulation):
        raise Unready("That part of the story is already told. Choose a later time.")
    story = incident(
        Name(name),
        begins=at,
        minutes=minutes or STORIES[Name(name)].minutes,
        places=simulation.places,
        facility=facility,
    )
    simulation.ledger.add(story)
    return story


def _told_until(simulation: Simulation) -> int:
    """The end of what this or any other run with the same files has sent."""
    bookmarks = (simulation.history.read(), simulation.present.read())
    return max(each.sent_until for each in (simulation.position, *bookmarks) if each)


def moment(text: str, *, present: int) -> int:
    """`+5 m` from now, or a date and time with an offset, as milliseconds."""
    try:
        if text.startswith("+"):
            return present + int(milliseconds(text[1:].strip()))
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unready(f"{text!r} is no time. Write +5 m or 2026-11-20T14:00:00-06:00.") from None
    if at.tzinfo is None:
        raise Unready(f"{text!r} has no offset. End it with Z or -06:00.")
    return int(at.timestamp() * 1000)
