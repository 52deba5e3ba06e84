"""The two ways to run the network: its history at full speed, and its present as time passes."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from threading import Event
from typing import NamedTuple

from apps.demo.chance import number
from apps.demo.hours import DAY, HOUR
from apps.demo.incidents import MINUTE, STORIES, Incident, Places, fitting, incident, scheduled
from apps.demo.journeys import Fact
from apps.demo.network import Network
from apps.demo.outlet import Outlet
from apps.demo.records import Bookmark, Ledger, Position, Story
from apps.demo.stream import hours_of

TICK_SECONDS = 0.5
# Acknowledged together: the position moves this many events at a time.
CHUNK = 4_000
# How far ahead scheduled incidents are looked up; a simulation that runs longer starts over.
_OUTLOOK_DAYS = 60
# Live traffic has a story at least this often, the first one soon after the start, each brief
# enough to see how it ends.
_STORY_EVERY = 90 * MINUTE
_FIRST_STORY_AFTER = 2 * MINUTE
_LIVE_SHARE = 0.2
_LIVE_LEAST_MINUTES = 12


Version = tuple[int, Story | None]


class Plan(NamedTuple):
    """A network with its incidents, as of a version of the files that say what to tell."""

    version: Version
    network: Network


@dataclass
class Simulation:
    """A network, how far it was told, and the ways to tell on."""

    network: Network
    position: Position
    history: Bookmark
    present: Bookmark
    ledger: Ledger
    outlet: Outlet
    clock: Callable[[], int]
    batch_size: int = 1_000
    # Whether live traffic goes on with whatever history was written last, even while it runs.
    follows: bool = True

    @property
    def version(self) -> Version:
        """Changes when something new is to be told: an incident, or the sequel of a history."""
        told = self.history.read()
        return self.ledger.version(), told.story if told and told.is_finished else None

    @property
    def places(self) -> Places:
        return self.network.catalogue.where(self.network.world.payers)

    def planned(self) -> Network:
        """The network with all its incidents, those asked for included."""
        since = self.network.since
        until = self.position.sent_until + _OUTLOOK_DAYS * DAY
        drawn = scheduled(self.network.seed, since=since, until=until, places=self.places)
        return replace(self.network, incidents=(*drawn, *self.ledger.read()))

    def deliver(self, facts: list[Fact], *, until: int, bookmark: Bookmark) -> None:
        """Send the facts and remember that everything up to `until` is told."""
        if facts:
            self.outlet.deliver(facts, batch_size=self.batch_size)
        self.position.sent_until = until
        bookmark.write(self.position)


def write_history(
    simulation: Simulation, *, until: int, stop: Event, report: Callable[[float, int], object]
) -> None:
    """Send everything up to a moment, in order, and wait until it is folded."""
    since, tally = simulation.network.since, simulation.outlet.tally
    for facts in _up_to(simulation, until):
        simulation.deliver(facts, until=facts[-1].sent, bookmark=simulation.history)
        simulation.outlet.settle()
        report((facts[-1].sent - since) / max(until - since, 1), tally.sent)
        if stop.is_set():
            return
    simulation.outlet.settle(ahead=0)
    simulation.position.is_finished = True
    simulation.deliver([], until=until, bookmark=simulation.history)


def _up_to(simulation: Simulation, until: int) -> Iterator[list[Fact]]:
    for facts in hours_of(simulation.planned(), position=simulation.position.sent_until):
        hour = [fact for fact in facts if fact.sent <= until]
        for start in range(0, len(hour), CHUNK):
            yield hour[start : start + CHUNK]
        if len(hour) < len(facts) or (facts and facts[0].sent // HOUR >= until // HOUR):
            return


def live(simulation: Simulation, *, stop: Event, say: Callable[[str], object]) -> None:
    """Send what happens as it happens, until told to stop."""
    while not stop.is_set():
        version = simulation.version
        _follow(simulation, say)
        plan = Plan(version, simulation.planned())
        restart_at = simulation.position.sent_until + _OUTLOOK_DAYS // 2 * DAY
        for facts in hours_of(plan.network, position=simulation.position.sent_until):
            if not _live_hour(simulation, plan, facts, stop, say):
                break
            if simulation.position.sent_until > restart_at:
                break


def _follow(simulation: Simulation, say: Callable[[str], object]) -> None:
    """Take over a history that was written meanwhile: a longer one, or one of a larger network."""
    told, position = simulation.history.read(), simulation.position
    if not (simulation.follows and told and told.is_finished and told.url == position.url):
        return
    if told.story == position.story:
        return
    # From where the shorter story ends: what both have told counts once.
    told.sent_until = min(told.sent_until, position.sent_until)
    simulation.position = told
    simulation.network = replace(
        simulation.network, seed=told.seed, scale=told.scale, since=told.since
    )
    say(f"going on with the history of scale {told.scale:g}")


def _live_hour(
    simulation: Simulation,
    plan: Plan,
    facts: list[Fact],
    stop: Event,
    say: Callable[[str], object],
) -> bool:
    """Send one hour's facts when their time has come; false if the plan has changed meanwhile."""
    told, end = 0, _end_of_hour(simulation.position.sent_until)
    # Ticks are counted from one origin, so that a slow one does not delay those after it.
    origin = simulation.clock()
    for tick in count(1):
        moment = simulation.clock()
        ready = bisect_right(facts, moment, lo=told, key=_sent)
        for start in range(told, ready, CHUNK):
            chunk = facts[start : min(start + CHUNK, ready)]
            simulation.deliver(chunk, until=chunk[-1].sent, bookmark=simulation.present)
        told = ready
        simulation.deliver([], until=min(moment, end), bookmark=simulation.present)
        if moment >= end:
            # Behind the present, for example after a night switched off: no faster than the fold.
            simulation.outlet.settle()
            return True
        simulation.outlet.unfolded.clear()
        _keep_interesting(simulation, plan, moment, say)
        if stop.is_set() or simulation.version != plan.version:
            return False
        stop.wait(max(0.0, (origin - simulation.clock()) / 1000 + tick * TICK_SECONDS))
    return False


def _sent(fact: Fact) -> int:
    return fact.sent


def _end_of_hour(moment: int) -> int:
    return (moment // HOUR + 1) * HOUR


def _keep_interesting(
    simulation: Simulation, plan: Plan, moment: int, say: Callable[[str], object]
) -> None:
    """Ask for an incident if none has begun lately and none is about to."""
    lately, soon = moment - _STORY_EVERY, moment + 2 * _FIRST_STORY_AFTER
    if any(lately < each.begins < soon for each in plan.network.incidents):
        return
    begins = moment + _FIRST_STORY_AFTER
    story = live_story(simulation.network.seed, begins=begins, places=simulation.places)
    simulation.ledger.add(story)
    say(
        f"{story.name} begins in {_FIRST_STORY_AFTER // MINUTE} minutes: {STORIES[story.name].text}"
    )


def live_story(seed: int, *, begins: int, places: Places) -> Incident:
    """A brief incident that fits the hour."""
    names = fitting(begins)
    name = names[number(seed, "live", begins // _STORY_EVERY) % len(names)]
    minutes = max(_LIVE_LEAST_MINUTES, round(STORIES[name].minutes * _LIVE_SHARE))
    return incident(name, begins=begins, minutes=minutes, places=places)
