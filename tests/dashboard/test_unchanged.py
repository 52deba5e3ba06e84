"""A page left open asks again: the short answer is given only while all of it still holds."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Session
from apps.accounts.services import grant_facility, revoke_facility
from apps.core.db import execute
from apps.scorecards.verification import REVISE
from tests.dashboard.cast import SOUTH, done
from tests.dashboard.conftest import signed_in

BOARD, CHARTS = "/flow/board/", "/charts/flow/"
SWAP = {"HX-Request": "true"}
NOON = "2026-06-01T12:00:00Z"


@pytest.fixture
def noon(time_machine: Any) -> None:
    """Stands first, so that sessions begin then."""
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def board(noon: None, as_bea: Client, happened: Any) -> Callable[..., HttpResponse]:
    """Asks again with the version it was told first, after two such questions: the first of them
    was answered by the page, the second by the door."""
    happened(*done("c-1"))
    return leave_open(as_bea, BOARD)


def leave_open(client: Client, path: str) -> Callable[..., HttpResponse]:
    version = client.get(path, headers=SWAP).headers["ETag"]
    poll = SWAP | {"X-Poll": "1", "If-None-Match": version}

    def ask(**headers: str) -> HttpResponse:
        return client.get(path, headers=poll | headers)

    assert [ask().status_code for _ in range(2)] == [304, 304]
    return ask


@pytest.mark.parametrize("path", [BOARD, CHARTS])
def test_an_unchanged_page_is_answered_without_looking_up_who_asks(noon, as_bea, happened, path):
    happened(*done("c-1"))
    ask = leave_open(as_bea, path)
    with CaptureQueriesContext(connection) as captured:
        assert ask().status_code == 304
    assert not [one for one in captured if "accounts_user" in one["sql"]]
    assert len(captured) <= 2  # the state of the figures, the catalogue's version


def test_the_short_answer_says_when_the_session_ends(board, time_machine):
    first = int(board().headers["X-Session-Ends"])
    time_machine.shift(timedelta(seconds=20))
    later = board()
    assert (later.status_code, int(later.headers["X-Session-Ends"])) == (304, first - 20)
    assert later.headers["Cache-Control"] == "no-store"


def test_changed_figures_are_told(board, happened):
    happened(*done("c-2"))
    assert board().status_code == 200


def test_figures_that_are_counted_anew_to_the_same_result_are_still_unchanged(board):
    execute(REVISE)
    assert board().status_code == 304


def test_what_only_time_changes_is_told(noon, as_bea, happened, time_machine):
    happened(*done("c-1", hours_ago=0.9))
    ask = leave_open(as_bea, f"{BOARD}?window=1h")
    time_machine.shift(timedelta(minutes=10))
    assert ask().status_code == 200


def test_asking_again_keeps_no_session_alive(board, time_machine):
    for _ in range(14):
        time_machine.shift(timedelta(minutes=1))
        assert board().status_code in (200, 304)
    time_machine.shift(timedelta(minutes=1, seconds=1))
    assert board().status_code == 401


def end_session(bea: Any) -> None:
    Session.objects.all().delete()


def change_password(bea: Any) -> None:
    bea.set_password("another long one 29")
    bea.save()


def close_account(bea: Any) -> None:
    bea.is_active = False
    bea.save()


def take_role(bea: Any) -> None:
    bea.groups.clear()


def take_permission(bea: Any) -> None:
    group = Group.objects.get(name="revenue_cycle_analyst")
    group.permissions.remove(group.permissions.get(codename="view_scorecards"))


@pytest.mark.parametrize(
    ("happens", "status"),
    [
        (end_session, 401),
        (change_password, 401),
        (close_account, 401),
        (take_role, 403),
        (take_permission, 403),
    ],
)
def test_who_may_see_it_no_more_gets_no_short_answer(board, bea, happens, status):
    happens(bea)
    assert board().status_code == status


def test_another_facility_shows_another_board(board, bea, network):
    south = network.facilities[1]
    grant_facility(to=bea, facility=south)
    assert board().status_code == 200
    revoke_facility(of=bea, facility=south)
    assert board().status_code == 304


def test_a_facility_of_the_whole_role_counts_as_well(board, network):
    grant_facility(
        to=Group.objects.get(name="revenue_cycle_analyst"), facility=network.facilities[1]
    )
    assert board().status_code == 200


def test_a_moved_facility_counts_as_well(board, network, monkeypatch):
    monkeypatch.setattr("apps.catalog.snapshot.CHECK_EVERY_SECONDS", 0)
    south = network.facilities[1]
    south.parent = network.facilities[0]
    south.save()
    assert board().status_code == 200


def test_a_version_of_somebody_elses_board_is_worth_nothing(board, as_ivo):
    version = as_ivo.get(BOARD, headers=SWAP).headers["ETag"]
    assert board(**{"If-None-Match": version}).status_code == 200


@pytest.mark.parametrize("cookie", ["", "nobody", "a" * 4_000, "a\0b", "'; --"])
def test_a_cookie_of_nobody_leads_to_sign_in(board, as_bea, cookie):
    as_bea.cookies["throughline"] = cookie
    assert board().status_code == 401


def test_what_a_page_asks_is_not_answered_to_its_part(noon, as_bea, happened):
    happened(*done("c-1"))
    ask = leave_open(as_bea, BOARD)
    assert ask(**{"HX-History-Restore-Request": "true"}).status_code == 200


def poll(client: Client, version: str = '"old"') -> HttpResponse:
    return client.get(BOARD, headers=SWAP | {"X-Poll": "1", "If-None-Match": version})


@pytest.fixture
def colleague(noon: None, network: Any, person: Any) -> Client:
    """Sees what Bea sees, and left the same board open."""
    client = signed_in(person("ben", "revenue_cycle_analyst", network.facilities[0]))
    leave_open(client, BOARD)
    return client


def test_what_one_reader_was_told_is_told_to_all_of_the_same_facilities(
    board, colleague, as_bea, happened
):
    happened(*done("c-2"))
    first = poll(as_bea)
    with CaptureQueriesContext(connection) as captured:
        second = poll(colleague)
    assert not [one for one in captured if "accounts_user" in one["sql"]]
    assert second.content == first.content == colleague.get(BOARD, headers=SWAP).content
    assert dict(second.items()) == dict(first.items())
    assert not second.cookies


def test_the_same_facilities_alone_let_nobody_in(board, as_bea, happened, network, person):
    keeper = signed_in(person("ada", "administrator", network.facilities[0]))
    happened(*done("c-2"))
    assert poll(as_bea).status_code == 200
    assert [poll(keeper).status_code for _ in range(2)] == [403, 403]


def test_other_facilities_are_told_something_else(board, as_bea, as_ivo, happened):
    happened(*done("c-2"), *done("s-1", facility=SOUTH))
    assert poll(as_bea).content != poll(as_ivo).content
