"""What lies at a facility of somebody else leaves no trace: not its figures, not even its being."""

import re
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.kept import forget_everything
from apps.pipeline.services import fold_journal, sweep_due
from apps.telemetry.models import Source
from tests.accounts.everybody import CODES, Place, quarantined, settle
from tests.accounts.test_matrix import EXPECTED
from tests.dashboard.cast import SOUTH, done, fold, stuck
from tests.pipeline.network import Network

pytestmark = pytest.mark.slow

# Every page and answer that somebody in the north may be shown.
WINDOWS = ["1h", "24h", "7d", "28d", "90d"]
CELL = "/flow/flow_1/NORTH/"
SHOWN = [
    "/", "/quarantine/", "/sources/", "/status/strip/", "/api/v1/catalogue",
    "/api/v1/quarantine", "/api/v1/quarantine?state=any", CELL, f"{CELL}?show=recent",
    *(f"/flow/?window={window}" for window in WINDOWS),
    *(f"/api/v1/scorecards?window={window}" for window in WINDOWS),
    "/api/v1/scorecards?window=7d&grain=day", "/flow/board/", "/flow/?places=hospital",
    "/scorecards/", "/scorecards/flow_1/", "/scorecards/at/NORTH/", "/charts/flow/",
    "/charts/flow/throughput/?as=figure", "/explain/attainment/", "/explain/open/",
    "/explain/attainment/?workflow=flow_1&facility=NORTH", "/flow/cells.csv", "/interfaces/",
    "/catalogue/facilities/", "/me/permissions/",
    "/admin/", "/admin/catalog/facility/", "/admin/telemetry/source/",
]  # fmt: skip
ASKING = ["RA", "EX", "AD", "none"]
# Addresses of what lies somewhere; that the matrix has all of them is its own test.
ELSEWHERE = sorted(
    name
    for (method, name, what), answers in EXPECTED.items()
    if (method, what) == ("GET", "other") and all(answers[who] in (403, 404) for who in ASKING)
)


@pytest.fixture
def place(db, time_machine, monkeypatch) -> Place:
    """At one moment, so that whatever moves is not a time; and without the look at the catalogue's
    version, which is due once a second."""
    from tests.pipeline.network import build

    monkeypatch.setattr("apps.catalog.snapshot.CHECK_EVERY_SECONDS", 3_600)
    time_machine.move_to(timezone.now(), tick=False)
    return settle(build())


def text_of(response) -> str:
    """An answer without the tokens of its forms and the number of a refusal, new each time."""
    html = response.content.decode()
    html = re.sub(r' On record as <span class="mono">[0-9a-f-]{36}</span>\.', "", html)
    html = re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"', r"\1", html)
    return re.sub(r'"X-CSRFToken": "\w+"', "", html)


def everything_shown(place: Place, who: str) -> dict[str, tuple[int, str, str]]:
    forget_everything()
    paths = [*SHOWN, place.paths("dashboard:transaction", "own"),
             place.paths("dashboard:transaction-api", "own"),
             place.paths("telemetry:quarantined", "own")]  # fmt: skip
    found = {}
    for path in paths:
        for swap in ({}, {"HX-Request": "true"}):
            response = place.browser(who, anew=False).get(path, headers=swap)
            etag = response.headers.get("ETag", "")
            found[f"{path} {swap}"] = response.status_code, etag, text_of(response)
    return found


def settle_journal() -> None:
    fold_journal()
    sweep_due()


def from_another_source(network: Network) -> Network:
    """A test posts everything at one moment; only its source tells a batch from another then."""
    return replace(network, source=Source.objects.create(code="southern", name="Southern"))


@pytest.mark.parametrize("who", CODES)
def test_what_happens_in_the_south_moves_no_byte_in_the_north(place, who):
    south = from_another_source(place.network)
    settle_journal()  # what was posted for the north is counted before anybody looks
    before = everything_shown(place, who)

    fold(south, *stuck("s-2", facility=SOUTH, amount=7_000, workflow=1),
         *done("s-3", facility=SOUTH), *done("s-4", facility=SOUTH, hours_ago=30))  # fmt: skip
    quarantined(place.network, SOUTH, 9)

    after = everything_shown(place, who)
    moved = {path.split(" ")[0] for path in before if before[path] != after[path]}
    # Administrators keep the sources of every facility, and what each left in quarantine.
    assert moved == ({"/sources/"} if who == "AD" else set())


def test_the_same_is_seen_by_those_who_see_the_south(place):
    """Or the test above would look in the wrong place."""
    from apps.accounts.models import User
    from apps.accounts.services import grant_facility

    grant_facility(to=User.objects.get(username="RA"), facility=place.network.facilities[SOUTH])
    settle_journal()
    before = everything_shown(place, "RA")
    fold(place.network, *stuck("s-2", facility=SOUTH, amount=7_000))
    quarantined(place.network, SOUTH, 9)
    after = everything_shown(place, "RA")
    moved = {path.split("?")[0].split(" ")[0] for path in before if before[path] != after[path]}
    assert {"/flow/", "/flow/board/", "/status/strip/", "/api/v1/scorecards",
            "/quarantine/"} <= moved  # fmt: skip


def asked(place: Place, who: str, name: str, what: str) -> tuple[int, str, list[str]]:
    """Status, text and statements, with what was asked for struck out of them."""
    path = place.paths(name, what)
    browser = place.browser(who, anew=True)
    with CaptureQueriesContext(connection) as queries:
        response = browser.get(path)
    statements = [re.sub(r"'[^']*'|\b\d+\b", "?", one["sql"]) for one in queries]
    return response.status_code, text_of(response).replace(path, ""), statements


@pytest.mark.parametrize("who", ASKING)
def test_elsewhere_and_nowhere_are_one_answer_from_the_same_statements(place, who):
    for name in ELSEWHERE:
        asked(place, who, name, "no")  # whoever comes first reads the catalogue
        elsewhere, nowhere = asked(place, who, name, "other"), asked(place, who, name, "no")
        assert elsewhere[0] in (403, 404), name
        assert elsewhere[2] == nowhere[2], name
        assert elsewhere == nowhere, name
