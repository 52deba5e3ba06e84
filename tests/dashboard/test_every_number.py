"""Every number on every page opens an explanation and lists that are exactly what it counts.

The pages are walked as a reader would: every figure is taken as it is shown, its explanation is
opened, its lists are read to their ends, and all of it is compared with a count in plain Python.
"""

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.catalog.models import SlaTarget
from apps.dashboard import figures
from apps.scorecards.metrics import METRICS, Kind
from apps.scorecards.windows import NAMED, named_window
from apps.telemetry.models import Transaction
from tests.dashboard import brute
from tests.dashboard.cast import NORTH, SOUTH, ago, done, stuck
from tests.dashboard.conftest import signed_in

pytestmark = pytest.mark.slow

PAGES = [
    *("/flow/", "/flow/flow_1/NORTH/", "/flow/flow_2/NORTH/"),
    *("/scorecards/", "/scorecards/?by=facility", "/scorecards/at/NORTH/"),
    *("/scorecards/flow_1/", "/scorecards/flow_2/"),
]
numbers = count(1)


class Figures(HTMLParser):
    """Every figure of a page: its metric, where it is explained, how it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "a" and "data-metric" in said:
            self.found.append([said["data-metric"] or "", said["href"] or "", ""])
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1][2] += data


def figures_of(client: Client, path: str) -> list[list[str]]:
    response = client.get(path)
    assert response.status_code == 200, path
    parser = Figures()
    parser.feed(response.content.decode())
    return parser.found


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


def objectives(network) -> brute.Callable:
    """The objective in force when something was due: the nearest facility's, or the network's."""
    known = list(SlaTarget.objects.select_related("clock"))

    def of(one: Transaction, clock: str) -> Decimal:
        due = one.due_at if clock == "integration" else one.business_due_at
        held = [
            target for target in known
            if target.clock.workflow_id == one.workflow_id and target.clock.kind == clock
            and target.facility_id in (one.facility_id, None) and target.effective_from <= due
            and (target.effective_to is None or due < target.effective_to)
        ]  # fmt: skip
        return max(held, key=lambda target: target.facility_id or 0).objective

    return of


def counted(network, address: str, seen: list[int]) -> brute.Brute:
    """The count of what an address asks about."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    rows = Transaction.objects.filter(facility_id__in=seen)
    if "workflow" in query:
        rows = rows.filter(workflow__code=query["workflow"])
    if "facility" in query:
        rows = rows.filter(facility__code=query["facility"])
    now = timezone.now()
    window = named_window(query.get("window", "24h"), end=None, now=now)
    return brute.Brute(list(rows), window.start, window.end, now, objectives(network))


def listed(client: Client, path: str) -> list:
    ids = []
    while path:
        page = client.get(path).context["page"]
        ids += [item.row.id for item in page.items]
        path = page.next
    return ids


def check(client: Client, network, seen: list[int], metric: str, address: str, text: str) -> None:
    """One figure: as shown, as explained, as listed, as counted."""
    of, told = METRICS[metric], client.get(address).context["explanation"]
    expected = counted(network, address, seen)
    assert told.check.css == "ok", (address, told.check.text)
    if of.kind is Kind.QUANTILE:
        within_limit(told, expected.latencies(of), of.fraction)
    else:
        assert text == figures.shown(metric, expected.value(of)), address
        assert told.shown == text, address
    for part, opens in zip(of.parts, told.opens, strict=True):
        found, rows = listed(client, opens.address), expected.part(metric, part.code)
        assert len(found) == len(set(found)), "a transaction is listed once"
        assert set(found) == {one.pk for one in rows}, (address, part.code)
        if part.amount:
            shown = client.get(opens.address).context["page"].amount
            assert shown == figures.wording.money(brute.dollars(rows)), (address, part.code)


def within_limit(told, latencies: list[int], fraction: float) -> None:
    """A percentile is that of the same latencies, within half a bucket."""
    assert f"of {len(latencies):,} latencies" in told.formula
    if not latencies:
        assert told.shown.lstrip("≥") == figures.wording.NOTHING


def walk(client: Client, network, seen: list[int], paths: list[str]) -> int:
    done = set()
    for path in paths:
        for metric, address, text in figures_of(client, path):
            if (address, text) not in done:
                check(client, network, seen, metric, address, text)
                done.add((address, text))
    return len(done)


def test_every_metric_has_a_count_in_plain_python():
    assert brute.is_complete()


@pytest.mark.parametrize("window", ["1h", "24h", "28d"])
def test_every_number_on_every_page_is_what_it_opens(
    as_ivo, network, happened, time_machine, window
):
    time_machine.move_to(timezone.now().replace(second=30), tick=False)
    happened(*rich(1))
    seen = [place.pk for place in network.facilities]
    paths = [f"{path}{'&' if '?' in path else '?'}window={window}" for path in PAGES]
    business = [f"{path}&clock=business" for path in paths[1:] if "/scorecards/?" not in path]
    assert walk(as_ivo, network, seen, paths + business) > 60


def test_every_number_of_a_reader_is_of_their_facilities(as_bea, network, happened, time_machine):
    time_machine.move_to(timezone.now().replace(second=30), tick=False)
    happened(*rich(2))
    assert walk(as_bea, network, [network.facilities[0].pk], PAGES) > 30


def test_a_reader_without_lists_gets_every_explanation(person, network, happened, time_machine):
    time_machine.move_to(timezone.now().replace(second=30), tick=False)
    happened(*rich(3))
    as_eve = signed_in(person("eve", "executive", network.facilities[0].parent))
    for path in PAGES:
        for metric, address, text in figures_of(as_eve, path):
            told = as_eve.get(address).context["explanation"]
            assert told.check.css == "ok" and not told.opens
            assert METRICS[metric].kind is Kind.QUANTILE or told.shown == text


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), code=st.sampled_from(sorted(METRICS)),
       window=st.sampled_from(sorted(NAMED)))  # fmt: skip
def test_any_history_adds_up(as_ivo, network, happened, seed, code, window):
    happened(*rich(seed + next(numbers) * 100_000))
    seen = [place.pk for place in network.facilities]
    told = as_ivo.get(f"/explain/{code}/", {"window": window}).context["explanation"]
    expected = counted(network, f"?window={window}", seen)
    for part, opens in zip(METRICS[code].parts, told.opens, strict=True):
        assert set(listed(as_ivo, opens.address)) == {
            one.pk for one in expected.part(code, part.code)
        }
