"""The board: up the ladder, and what a cell may say."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains, assertTemplateUsed

from apps.pipeline import services
from tests.dashboard.cast import NORTH, SOUTH, ago, done, fold, stuck

FLOW, BOARD = "/flow/", "/flow/board/"


def cell(html: str, workflow: str = "flow_1", facility: str = "NORTH") -> str:
    """The words of one cell, or nothing when it has no link."""
    found = re.search(rf'<a href="/flow/{workflow}/{facility}/[^>]*>(.*?)</a>', html, re.S)
    return re.sub(r"<[^>]+>", " ", found[1]).strip() if found else ""


def enough(first: int = 0, **said) -> list[dict]:
    """So many transactions in time that a cell is judged."""
    return [one for n in range(first, first + 20) for one in done(f"d-{n}", **said)]


def test_the_matrix_shows_attainment_backlog_and_latency(as_bea, happened):
    happened(*enough(), *stuck("s-1", hours_ago=5))

    shown = cell(as_bea.get(FLOW).content.decode())

    assert shown.startswith("95.2")  # 20 of 21: late and still open counts as missed
    assert "1 · " in shown


def test_a_cell_leads_to_its_transactions(as_bea, happened):
    happened(*done("c-1"))
    assertContains(as_bea.get(FLOW), 'href="/flow/flow_1/NORTH/"')


def test_below_twenty_a_cell_says_how_many_and_judges_nothing(as_bea, happened):
    happened(*done("c-1"))

    html = as_bea.get(FLOW).content.decode()

    assert "n=1" in cell(html)
    assert '<td class="few">' in html


def test_nothing_due_is_no_data_and_never_a_hundred_percent(as_bea, happened):
    happened({"subject": "c-1", "at": ago(minutes=1)})
    assert cell(as_bea.get(FLOW).content.decode()).startswith("no data")


def test_a_workflow_never_used_here_is_a_dash(as_ivo, happened):
    happened(*done("c-1", facility=NORTH))
    html = as_ivo.get(FLOW).content.decode()
    assert cell(html, facility="SOUTH") == ""
    assert "not in use" in html


def test_an_hour_without_events_that_is_usually_busy_is_silent(as_bea, happened):
    lately = [
        {"subject": f"w-{n}", "at": ago(days=7, minutes=30) + timedelta(seconds=n)}
        for n in range(25)
    ]
    happened(*lately, {"subject": "c-1", "at": ago(hours=2)})
    assert cell(as_bea.get(FLOW).content.decode()).startswith("Silent")


def test_a_stranger_sees_the_frame_and_why_it_is_empty(as_sam, happened):
    happened(*done("c-1"))
    response = as_sam.get(FLOW)
    assertContains(response, "No facility has been granted to you yet")
    assertNotContains(response, "North")
    assertNotContains(response, "Flow 1")


def test_an_empty_network_says_how_to_send_the_first_event(as_bea):
    assertContains(as_bea.get(FLOW), "issue_key my-ehr")


@pytest.mark.parametrize("path", ["/", FLOW, BOARD, "/status/strip/"])
def test_who_is_not_signed_in_is_sent_to_sign_in(db, path):
    response = Client().get(path)
    assert response.status_code == 302
    assert response.url == f"/sign-in/?next={path}"


def test_a_swap_is_told_to_leave_for_the_sign_in_page(db):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/flow/?window=7d"}
    response = Client().get(BOARD, headers=headers)
    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/sign-in/?next=/flow/%3Fwindow%3D7d"


@pytest.mark.parametrize("address", ["http://[", "", "http://testserver"])
def test_a_swap_from_an_address_that_is_none_leads_to_the_first_page(db, address):
    response = Client().get(BOARD, headers={"HX-Request": "true", "HX-Current-URL": address})
    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/sign-in/?next=/"


@pytest.mark.parametrize("path", ["/", FLOW, BOARD, "/status/strip/"])
def test_pages_are_only_read(as_bea, path):
    assert as_bea.post(path).status_code == 405


def test_a_swap_gets_the_part_and_everybody_else_the_page(as_bea):
    page = as_bea.get(FLOW)
    part = as_bea.get(FLOW, headers={"HX-Request": "true"})
    board = as_bea.get(BOARD, headers={"HX-Request": "true"})

    assertTemplateUsed(page, "base.html")
    assert part.content.decode().lstrip().startswith('<div id="flow"')
    assert board.content.decode().lstrip().startswith('<div id="board"')
    assert "HX-Request" in page.headers["Vary"]


def test_history_gets_the_page_even_from_htmx(as_bea):
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assertTemplateUsed(as_bea.get(FLOW, headers=headers), "base.html")


def test_an_unchanged_board_is_304_and_a_changed_one_is_not(as_bea, happened, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    happened(*done("c-1"))
    headers = {"HX-Request": "true"}
    etag = as_bea.get(BOARD, headers=headers).headers["ETag"]

    again = as_bea.get(BOARD, headers=headers | {"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)

    happened(*done("c-2"))
    assert as_bea.get(BOARD, headers=headers | {"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize("window", ["1h", "24h", "7d", "28d", "90d"])
def test_each_window_shows_what_fell_into_it(as_bea, happened, window):
    happened(*done("recent", hours_ago=0.5), *done("older", hours_ago=30 * 24))
    response = as_bea.get(FLOW, {"window": window})
    messages = response.context["picture"].tiles[0].figure
    assert messages == ("6" if window == "90d" else "3")


@pytest.mark.parametrize("query", [{"window": "2h"}, {"window": ""}, {"places": "nowhere"}])
def test_a_choice_that_does_not_exist_falls_back_to_the_default(as_bea, query):
    response = as_bea.get(FLOW, query)
    assert response.context["chosen"].query == ""


def test_choosing_places_leaves_the_others_out_of_every_figure(as_ivo, network, happened):
    network.facilities[SOUTH].kind = "clinic"
    network.facilities[SOUTH].save()
    happened(*done("n"), *done("s", facility=SOUTH))

    everything = as_ivo.get(FLOW).context["picture"]
    hospitals = as_ivo.get(FLOW, {"places": "hospital"}).context["picture"]

    assert [tiles.tiles[0].figure for tiles in (everything, hospitals)] == ["6", "3"]
    assert [site.code for site in hospitals.heat.sites] == ["NORTH"]


def test_what_others_see_changes_no_figure_of_mine(network, as_bea, as_ivo, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    fold(network, *enough(), *stuck("s-1", amount=5_000))

    def board(client):
        return client.get(BOARD, headers={"HX-Request": "true"}).content

    mine, theirs = board(as_bea), board(as_ivo)
    fold(network, *stuck("s-2", facility=SOUTH, amount=7_000), *done("x", facility=SOUTH))

    assert board(as_bea) == mine
    assert board(as_ivo) != theirs


def test_the_board_costs_the_same_few_queries_for_any_number_of_cells(as_ivo, happened, budget):
    happened(*done("c-1"))
    as_ivo.get(BOARD)
    happened(*enough(), *enough(20, facility=SOUTH), *enough(40, workflow=1))
    # Session, person, permissions (own, of roles), facilities, state, figures, silent cells.
    with budget(8):
        as_ivo.get(BOARD, headers={"HX-Request": "true"})


def test_asking_again_in_the_same_state_reads_the_state_and_no_figure(
    as_ivo, happened, budget, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    happened(*enough())
    headers = {"HX-Request": "true"}
    etag = as_ivo.get(BOARD, headers=headers).headers["ETag"]
    # Session, person, permissions (own, of roles), facilities, state.
    with budget(6):
        again = as_ivo.get(BOARD, headers=headers | {"If-None-Match": etag})
    assert again.status_code == 304


def test_the_page_brings_the_version_of_its_board_so_the_first_question_is_answered_unchanged(
    as_ivo, happened, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    happened(*enough())
    page = as_ivo.get(FLOW)
    etag = page.context["version"]
    assertContains(page, escape(etag))
    headers = {"HX-Request": "true", "If-None-Match": etag}
    assert as_ivo.get(BOARD, headers=headers).status_code == 304


def test_a_kept_board_is_only_for_those_who_see_the_same_facilities(
    as_ivo, as_bea, happened, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    happened(*enough(), *enough(30, facility=SOUTH))
    headers = {"HX-Request": "true"}
    all_of_it = as_ivo.get(BOARD, headers=headers)
    northern = as_bea.get(BOARD, headers=headers)
    assertContains(all_of_it, "/flow/flow_1/SOUTH/")
    assertNotContains(northern, "SOUTH")
    again = as_bea.get(BOARD, headers=headers | {"If-None-Match": all_of_it.headers["ETag"]})
    assert again.status_code == 200


def test_what_is_folded_compacted_or_mended_is_a_new_state(network, happened):
    from apps.scorecards import queries
    from apps.scorecards.compaction import compact
    from tests.pipeline.network import event, post

    seen = [queries.state().name]
    post(network, event(network, id="a", at=ago(minutes=1)))
    services.fold_journal()
    seen.append(queries.state().name)
    post(network, event(network, id="b", subject="other", at=ago(minutes=1)))
    services.fold_journal()
    seen.append(queries.state().name)
    compact()
    seen.append(queries.state().name)
    assert len(set(seen)) == 4
    compact()
    assert queries.state().name == seen[-1]


def test_the_strip_says_how_far_the_figures_reach(as_bea, happened):
    happened(*done("c-1"))
    assertContains(as_bea.get("/status/strip/"), "Data to")


def test_the_strip_counts_what_lies_in_quarantine_here_and_leads_there(network, as_bea):
    from apps.telemetry.models import Quarantine

    for place, number in ((NORTH, 2), (SOUTH, 5)):
        for _ in range(number):
            Quarantine.objects.create(
                id=uuid4(), received_at=ago(), last_seen_at=ago(), source=network.source,
                code="unknown_stage", facility=network.facilities[place],
            )  # fmt: skip
    response = as_bea.get("/status/strip/")
    assertContains(response, '<a href="/quarantine/">2 events in quarantine</a>')


def test_the_strip_turns_red_when_events_wait_too_long(network, bea, as_bea, time_machine):
    from tests.pipeline.network import event, post

    post(network, event(network, id=1, at=ago(minutes=1)))
    time_machine.move_to(timezone.now() + timedelta(minutes=20))
    as_bea.force_login(bea)  # the session has ended by then

    response = as_bea.get("/status/strip/")
    assertContains(response, "is-bad")
    assertContains(response, "20\u202fmin behind")
    assertContains(as_bea.get(FLOW), 'class="heat stale"', count=0)
    services.fold_waiting()
    assertNotContains(as_bea.get("/status/strip/"), "is-bad")
