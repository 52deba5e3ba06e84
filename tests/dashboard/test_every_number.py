"""Every number on every page opens an explanation and lists that are exactly what it counts.

The pages are walked as a reader would: every figure is taken as it is shown, its explanation is
opened, its lists are read to their ends, and all of it is compared with a count in plain Python.
What several figures share is read once: a list of the same part, cells and time.
"""

from datetime import timedelta
from itertools import count

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.scorecards.metrics import METRICS
from apps.scorecards.services import take_snapshot
from apps.scorecards.windows import NAMED
from tests.dashboard import brute
from tests.dashboard.cast import ago, stuck
from tests.dashboard.conftest import signed_in
from tests.dashboard.walking import DRAWER, World, is_said, page_of, rich

pytestmark = pytest.mark.slow

PAGES = [
    *("/flow/", "/flow/flow_1/NORTH/", "/flow/flow_2/NORTH/"),
    *("/scorecards/", "/scorecards/?by=facility", "/scorecards/at/NORTH/"),
    *("/scorecards/flow_1/", "/scorecards/flow_2/"),
]
WINDOWS = ["1h", "24h", "28d"]
numbers = count(1)


@pytest.fixture
def still(time_machine) -> None:
    """The clock stands, half a minute into a minute."""
    time_machine.move_to(timezone.now().replace(second=30), tick=False)


def test_every_metric_has_a_count_in_plain_python():
    assert brute.is_complete()


def test_every_number_on_every_page_is_what_it_opens(as_ivo, ivo, network, happened, still):
    happened(*rich(1))
    take_snapshot()
    world = World(as_ivo, ivo, [place.pk for place in network.facilities])
    for window in WINDOWS:
        paths = [f"{path}{'&' if '?' in path else '?'}window={window}" for path in PAGES]
        business = [f"{path}&clock=business" for path in paths[1:] if "/scorecards/?" not in path]
        assert world.walk(paths + business) > 60


def test_every_number_of_a_reader_is_of_their_facilities(as_bea, bea, network, happened, still):
    happened(*rich(2))
    take_snapshot()
    assert World(as_bea, bea, [network.facilities[0].pk]).walk(PAGES) > 30


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


def test_silent_feeds_and_burning_budgets_are_named(as_ivo, ivo, network, happened, still):
    week_ago = ago(days=7, minutes=31)
    happened(*({"subject": f"w-{n}", "at": week_ago + timedelta(seconds=n)} for n in range(25)))
    happened(*(one for n in range(30) for one in stuck(f"l-{n}", workflow=1, hours_ago=2.5)))
    world = World(as_ivo, ivo, [place.pk for place in network.facilities])
    assert world.walk(["/flow/"]) > 10
    whole = world.counted("")
    assert list(whole.silent().values()) == [25] and len(whole.burning()) == 1


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), code=st.sampled_from(sorted(METRICS)),
       window=st.sampled_from(sorted(NAMED)))  # fmt: skip
def test_any_history_adds_up(as_ivo, ivo, network, happened, seed, code, window):
    happened(*rich(seed + next(numbers) * 100_000))
    world = World(as_ivo, ivo, [place.pk for place in network.facilities])
    told = as_ivo.get(f"/explain/{code}/", {"window": window}).context["explanation"]
    expected = world.counted(f"?window={window}")
    for part, opens in zip(METRICS[code].parts, told.opens, strict=True):
        world.check_list(part, opens.address, expected.part(code, part.code))
