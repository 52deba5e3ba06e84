"""How many statements each address costs: written down, and the same however much there is."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.core.db import execute
from apps.scorecards.verification import REVISE
from apps.telemetry.models import Quarantine
from tests.accounts.everybody import NOWHERE, Place, settle
from tests.accounts.pages import pages
from tests.dashboard.cast import NORTH, done, fold, stuck

BASELINE = Path(__file__).with_name("query_counts.json")
# What an address may cost that has no line in the file yet.
UNLISTED = 20
pytestmark = pytest.mark.slow


@pytest.fixture
def place(db: None, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The look at the catalogue's version, due once a second, is left out."""
    from tests.pipeline.network import build

    monkeypatch.setattr("apps.catalog.snapshot.CHECK_EVERY_SECONDS", 3_600)
    return settle(build())


def asked(place: Place, name: str, who: str, most: int) -> int:
    """The statements of one look at figures that have changed, what is kept for a while known:
    the first that is not over what it may cost, or the best of three."""
    client, path = place.browser(who, anew=False), place.paths(name, "own")
    counts = []
    while len(counts) < 3 and (not counts or counts[-1] > most):
        execute(REVISE)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200, path
        counts.append(len(captured))
    return min(counts)


def counted(place: Place, allowed: dict[str, int]) -> dict[str, int]:
    return {name: asked(place, name, who, allowed.get(name, 0)) for name, who in pages()}


def over(found: dict[str, int], allowed: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in found.items() if count > allowed.get(name, UNLISTED)}


def grow(place: Place) -> None:
    """Dozens of what a page may list: transactions done and open, refused events."""
    told = [one for n in range(30) for one in [*done(f"more-{n}"), *stuck(f"stuck-{n}")]]
    fold(place.network, *told)
    Quarantine.objects.bulk_create(
        Quarantine(
            id=UUID(f"{NOWHERE[:-4]}{n + 256:04x}"), received_at=now(), last_seen_at=now(),
            source=place.network.source, code="unknown_stage", message="Unknown stage",
            facility=place.network.facilities[NORTH], view={"event": {"data": {}}},
        )
        for n in range(30)
    )  # fmt: skip


def test_no_address_costs_more_statements_than_is_written_down_however_much_there_is(place: Place):
    known = json.loads(BASELINE.read_text())
    few = counted(place, known)
    as_found = json.dumps(few, indent=2, sort_keys=True)
    gone = known.keys() - few.keys()
    assert (over(few, known), gone) == ({}, set()), f"{BASELINE.name} would be {as_found}"

    grow(place)
    assert over(counted(place, few), few) == {}
