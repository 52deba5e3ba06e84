"""Every number on every page opens an explanation and lists that are exactly what it counts.

The pages are walked as a reader would: every figure is taken as it is shown, its explanation is
opened, its lists are read to their ends, and all of it is compared with a count in plain Python.
What several figures share is read once: a list of the same part, cells and time.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from html.parser import HTMLParser
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.catalog.models import SlaTarget
from apps.dashboard import figures, wording
from apps.scorecards.histogram import bucket_of
from apps.scorecards.metrics import METRICS, Kind
from apps.scorecards.services import take_snapshot
from apps.scorecards.windows import NAMED, named_window
from apps.telemetry.models import Event, Transaction
from tests.dashboard import brute
from tests.dashboard.cast import NORTH, SOUTH, ago, done, stuck
from tests.dashboard.conftest import signed_in

pytestmark = pytest.mark.slow

PAGES = [
    *("/flow/", "/flow/flow_1/NORTH/", "/flow/flow_2/NORTH/"),
    *("/scorecards/", "/scorecards/?by=facility", "/scorecards/at/NORTH/"),
    *("/scorecards/flow_1/", "/scorecards/flow_2/"),
]
WINDOWS = ["1h", "24h", "28d"]
# As a drawer asks: without the frame around it.
DRAWER = {"HX-Request": "true"}
# What was agreed, and a forecast: no figure of what happened. A list of transactions names them.
NO_FIGURES = {"Target", "Budget gone", "Objective", "Standing"}
LISTS = {"Transaction"}
numbers = count(1)


class Figures(HTMLParser):
    """Every figure of a page: its metric, where it is explained, how it is written. And `bare`:
    numbers of tiles, facts and tables that lead nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[str]] = []
        self.bare: list[str] = []
        self._open: list[str] = []
        self._heads: list[str] = []
        self._column = -1
        self._inside = self._links = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "a":
            self._links = True
            if "data-metric" in said:
                self.found.append([said["data-metric"] or "", said["href"] or "", ""])
                self._inside = True
        elif tag in ("table", "dl"):
            self._heads, self._open = [], [tag]
        elif tag == "tr":
            self._column = -1
        elif tag in ("td", "th", "dd", "dt"):
            self._column += tag in ("td", "th")
            self._open = [tag, said.get("class") or ""]
        elif tag == "small":  # what a figure is of, which its explanation says
            self._open = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._inside = self._links = False
        elif tag in ("td", "th", "dd", "dt", "tr"):
            self._open = []

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1][2] += data
        kind, css = (*self._open, "", "")[:2]
        if kind in ("th", "dt") and data.strip():
            self._heads.append(data.strip())
        if self._links or not any(sign.isdigit() for sign in data):
            return
        if (kind == "td" and "num" in css.split()) or (kind == "dd" and css != "foot"):
            at = -1 if kind == "dd" else self._column
            head = self._heads[at] if at < len(self._heads) else ""
            if head not in NO_FIGURES and not LISTS & set(self._heads):
                self.bare.append(f"{head}: {data.strip()}")


def parsed(html: str) -> Figures:
    parser = Figures()
    parser.feed(html)
    return parser


def page_of(client: Client, path: str) -> Figures:
    response = client.get(path, headers=DRAWER)
    assert response.status_code == 200, path
    return parsed(response.content.decode())


def rich(seed: int) -> Iterator[dict]:
    """Work in time, late, stuck, given up, cancelled and reopened, with money and without."""
    chance = random.Random(seed)
    for n in range(48):
        said = {
            "facility": chance.choice((NORTH, SOUTH)), "workflow": chance.choice((0, 1)),
            "amount": chance.choice((None, 0, 12_345, 99)),
        }  # fmt: skip
        hours = chance.choice((0.3, 2, 5, 20, 40, 90, 200, 400))
        subject = f"s-{seed}-{n}"
        match chance.randrange(6):
            case 0:
                yield from stuck(subject, hours_ago=hours, **said)
            case 1:
                yield from done(
                    subject, hours_ago=hours, minutes=chance.choice((5, 90, 400)), **said
                )
            case 2:
                yield {"subject": subject, "at": ago(hours=hours), **said}
            case 3:
                start = ago(hours=hours)
                yield {"subject": subject, "at": start, **said}
                yield {"subject": subject, "at": start + timedelta(minutes=9), "rank": 2,
                       "outcome": chance.choice(("cancelled", "dead_letter")), **said}  # fmt: skip
            case 4:
                yield from done(subject, hours_ago=hours, minutes=chance.choice((5, 90)), **said)
                yield {"subject": subject, "at": ago(hours=hours / 2), "rank": 6, **said}
            case _:
                start = ago(hours=hours)
                for rank in (1, 2, 3):
                    yield {"subject": subject, "at": start + rank * timedelta(minutes=20),
                           "rank": rank, **said}  # fmt: skip


class World:
    """All there is, and what was read of it so far, at a moment that stands still."""

    def __init__(self, client: Client, seen: list[int]) -> None:
        self.client, self.now = client, timezone.now()
        self.rows = list(
            Transaction.objects.filter(facility_id__in=seen).select_related("workflow", "facility")
        )
        self.messages = list(
            Event.objects.filter(facility_id__in=seen).select_related("workflow", "facility")
        )
        self._lists: dict[tuple[int, str], tuple[list, str]] = {}
        self.walked: set[tuple[str, str]] = set()

    @cached_property
    def targets(self) -> list[SlaTarget]:
        return list(SlaTarget.objects.select_related("clock"))

    def objective(self, one: Transaction, clock: str, at: datetime) -> Decimal:
        """What was in force at a moment: the nearest facility's, or the network's."""
        held = [
            target for target in self.targets
            if target.clock.workflow_id == one.workflow_id and target.clock.kind == clock
            and target.facility_id in (one.facility_id, None) and target.effective_from <= at
            and (target.effective_to is None or at < target.effective_to)
        ]  # fmt: skip
        return max(held, key=lambda target: target.facility_id or 0).objective

    def counted(self, address: str) -> brute.Brute:
        """The count of what an address asks about."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

        def asked(of: Transaction | Event) -> bool:
            return query.get("workflow") in (None, of.workflow.code) and query.get("facility") in (
                None, of.facility.code
            )  # fmt: skip

        if "from" in query:
            start, end = (datetime.fromisoformat(query[edge]) for edge in ("from", "to"))
        else:
            window = named_window(query.get("window", "24h"), end=None, now=self.now)
            start, end = window.start, window.end
        return brute.Brute(
            [one for one in self.rows if asked(one)],
            [one for one in self.messages if asked(one)],
            start, end, self.now, self.objective,
        )  # fmt: skip

    def listed(self, part, path: str) -> tuple[list, str]:
        """The ids of a list to its end, and what it says they are worth."""
        key = (id(part), urlsplit(path).query)
        if key not in self._lists:
            ids, amount = [], None
            while path:
                page = self.client.get(path, headers=DRAWER).context["page"]
                ids += [item.id if part.is_of_messages else item.row.id for item in page.items]
                path, amount = page.next, amount or page.amount
            self._lists[key] = ids, amount or ""
        return self._lists[key]

    def check(self, metric: str, address: str, text: str) -> None:
        """One figure: as shown, as explained, as listed, as counted."""
        of, response = METRICS[metric], self.client.get(address, headers=DRAWER)
        told, expected = response.context["explanation"], self.counted(address)
        is_long = of.is_of_messages and expected.end - expected.start > timedelta(days=1, minutes=1)
        assert told.check.css == ("mute" if is_long else "ok"), (address, told.check.text)
        assert is_said(text, told.shown), address
        if of.kind is Kind.QUANTILE:
            check_percentile(told, expected, of)
        else:
            assert told.shown == figures.shown(metric, expected.value(of)), address
        for part, opens in zip(of.parts, told.opens, strict=True):
            self.check_list(part, opens.address, expected.part(metric, part.code))
        if told.named:
            self.walk_figures(parsed(response.content.decode()))

    def check_list(self, part, address: str, rows: list) -> None:
        found, amount = self.listed(part, address)
        assert len(found) == len(set(found)), "each is listed once"
        assert set(found) == {one.pk for one in rows}, address
        if part.amount:
            assert amount == wording.money(brute.dollars(rows)), address

    def walk(self, paths: list[str]) -> int:
        for path in paths:
            page = page_of(self.client, path)
            assert not page.bare, "every number leads to how it is computed"
            self.walk_figures(page)
        return len(self.walked)

    def walk_figures(self, page: Figures) -> None:
        for metric, address, text in page.found:
            if (address, text) not in self.walked:
                self.walked.add((address, text))
                self.check(metric, address, text)


def is_said(text: str, shown: str) -> bool:
    """Whether a page says what the explanation does; a tile has the unit beside its figure."""
    return text.replace("no data", wording.NOTHING) in (shown, shown.partition(wording.NARROW)[0])


def check_percentile(told, expected: brute.Brute, of) -> None:
    """A percentile lies in the bucket of the exact one: that of the nearest rank of all listed."""
    assert f"of {len(expected.latencies(of)):,} latencies" in told.formula
    exact = expected.percentile(of)
    if exact is None:
        assert told.shown == wording.NOTHING
        return
    low, high = bucket_of(told.value)
    assert low <= exact < high
    assert max(exact, 1) / 1.1854 < told.value < max(exact, 1) * 1.1854
    assert f"Exactly {wording.latency(exact)}." in told.check.text
    said = next(fact.text for fact in told.facts if fact.label == "How exact")
    assert f"between {wording.latency(low)} and {wording.latency(high)};" in said


@pytest.fixture
def still(time_machine) -> None:
    """The clock stands, half a minute into a minute."""
    time_machine.move_to(timezone.now().replace(second=30), tick=False)


def test_every_metric_has_a_count_in_plain_python():
    assert brute.is_complete()


def test_every_number_on_every_page_is_what_it_opens(as_ivo, network, happened, still):
    happened(*rich(1))
    take_snapshot()
    world = World(as_ivo, [place.pk for place in network.facilities])
    for window in WINDOWS:
        paths = [f"{path}{'&' if '?' in path else '?'}window={window}" for path in PAGES]
        business = [f"{path}&clock=business" for path in paths[1:] if "/scorecards/?" not in path]
        assert world.walk(paths + business) > 60


def test_every_number_of_a_reader_is_of_their_facilities(as_bea, network, happened, still):
    happened(*rich(2))
    take_snapshot()
    assert World(as_bea, [network.facilities[0].pk]).walk(PAGES) > 30


def test_a_reader_without_lists_gets_every_explanation(person, network, happened, still):
    happened(*rich(3))
    as_eve = signed_in(person("eve", "executive", network.facilities[0].parent))
    for path in PAGES:
        for _, address, text in page_of(as_eve, path).found:
            response = as_eve.get(address, headers=DRAWER)
            told = response.context["explanation"]
            assert told.check.css in ("ok", "mute") and not told.opens
            assert is_said(text, told.shown)
            assert b"/transactions/" not in response.content


def test_silent_feeds_and_burning_budgets_are_named(as_ivo, network, happened, still):
    week_ago = ago(days=7, minutes=31)
    happened(*({"subject": f"w-{n}", "at": week_ago + timedelta(seconds=n)} for n in range(25)))
    happened(*(one for n in range(30) for one in stuck(f"l-{n}", workflow=1, hours_ago=2.5)))
    world = World(as_ivo, [place.pk for place in network.facilities])
    assert world.walk(["/flow/"]) > 10
    whole = world.counted("")
    assert list(whole.silent().values()) == [25] and len(whole.burning()) == 1


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), code=st.sampled_from(sorted(METRICS)),
       window=st.sampled_from(sorted(NAMED)))  # fmt: skip
def test_any_history_adds_up(as_ivo, network, happened, seed, code, window):
    happened(*rich(seed + next(numbers) * 100_000))
    world = World(as_ivo, [place.pk for place in network.facilities])
    told = as_ivo.get(f"/explain/{code}/", {"window": window}).context["explanation"]
    expected = world.counted(f"?window={window}")
    for part, opens in zip(METRICS[code].parts, told.opens, strict=True):
        world.check_list(part, opens.address, expected.part(code, part.code))
