"""Pages of acts on many cases: for a browser with scripts and for one without."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.triage.models import BulkOperation, Case
from apps.triage.services import bulk_run
from tests.accounts.signing_in import prove
from tests.triage.desk import Desk

PREVIEW = reverse("triage:bulk-preview")
PART = {"HX-Request": "true"}


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    prove(client)
    return client


def previewed(client: Client, verb: str, *cases: Case, **said: str) -> tuple[BulkOperation, str]:
    ticked = [one.pk.hex for one in cases]
    answer = client.post(PREVIEW, {"verb": verb, "case": ticked} | said)
    assert answer.status_code == 200
    return BulkOperation.objects.latest("as_of"), answer.content.decode()


def address(operation: BulkOperation, name: str = "bulk", *more: str) -> str:
    return reverse(f"triage:{name}", args=[operation.pk, *more])


def said(operation: BulkOperation, **more: str) -> dict[str, str]:
    return {"preview_hash": operation.preview_hash, "reason": "As agreed."} | more


def test_a_form_without_a_script_previews_runs_and_undoes(desk: Desk):
    sue, case = browser(desk.sue), desk.case(amount_minor=123_400)
    operation, page = previewed(sue, "dismiss", case)
    assert "Dismiss 1 of 1 case" in page and "$1,234" in page
    assert "It can be undone for 30 minutes" in page
    done = sue.post(address(operation, "bulk-run"), said(operation, scope="this_case"), follow=True)
    assert done.redirect_chain[-1][0] == address(operation)
    assert "1 dismissed" in done.content.decode()
    case.refresh_from_db()
    assert case.status == "dismissed"
    undone = sue.post(address(operation, "bulk-step", "undo"), follow=True)
    assert "1 restored" in undone.content.decode()
    case.refresh_from_db()
    assert case.status == "open"


def test_everything_that_matches_is_what_the_address_of_the_queue_asks(desk: Desk):
    dear, cheap = desk.case(amount_minor=900_000), desk.case(amount_minor=900)
    operation, _ = previewed(
        browser(desk.sue), "note", dear, all="1", asked="?view=all&dollars=over-1000"
    )
    assert [one.case_id for one in operation.items.all()] == [dear.pk]
    assert cheap.pk not in operation.items.values_list("case_id", flat=True)


def test_a_large_one_asks_for_the_number_and_offers_only_what_was_ticked(desk: Desk):
    ticked, _ = desk.case(amount_minor=100), desk.case(amount_minor=6_000_000)
    sue = browser(desk.sue)
    operation, page = previewed(sue, "escalate", ticked, all="1", asked="?view=all")
    assert "Type 2 to confirm" in page and "Only the 1 ticked" in page
    run = address(operation, "bulk-run")
    refused = sue.post(run, said(operation), headers=PART)
    assert refused.status_code == 422 and "Type 2 to confirm" in refused.content.decode()
    part = sue.post(run, said(operation, which="ticked"), headers=PART)
    assert part.status_code == 200 and "1 escalated" in part.content.decode()


def test_who_would_get_it_changes_the_figures_which_are_shown_again(desk: Desk):
    sue = browser(desk.sue)
    has, other = desk.case(assignee=desk.bob, is_assigned_by_hand=True), desk.case()
    operation, _ = previewed(sue, "assign", has, other)
    run, whom = address(operation, "bulk-run"), f"person {desk.bob.pk}"
    again = sue.post(run, said(operation, to=whom))
    assert again.status_code == 422 and "Theirs already" in again.content.decode()
    operation.refresh_from_db()
    assert sue.post(run, said(operation, to=whom)).status_code == 302
    other.refresh_from_db()
    assert other.assignee == desk.bob


def test_progress_is_asked_for_until_it_is_done(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk_run, "AT_ONCE", 1)
    sue = browser(desk.sue)
    operation, _ = previewed(sue, "escalate", desk.case(), desk.case(), desk.case())
    begun = sue.post(address(operation, "bulk-run"), said(operation), headers=PART)
    assert 'hx-trigger="every 1s"' in begun.content.decode()
    running = sue.get(address(operation), headers=PART)
    assert running.status_code == 200 and "Suspend" in running.content.decode()
    bulk_run.advance_bulk()
    over = sue.get(address(operation), headers=PART)
    assert over.status_code == 286
    assert "every 1s" not in over.content.decode()
    assert "refresh" in over.headers["HX-Trigger"]


def test_what_became_of_each_case_is_listed_filtered_and_exported(desk: Desk):
    sue = browser(desk.sue)
    going, closed = desk.case(), desk.case("resolved")
    operation, _ = previewed(sue, "escalate", going, closed)
    sue.post(address(operation, "bulk-run"), said(operation))
    page = sue.get(address(operation)).content.decode()
    assert "Over already" in page and "1 escalated, 1 skipped" in page
    skipped = sue.get(address(operation), {"state": "skipped"}).content.decode()
    assert closed.pk.hex in skipped.replace("-", "")
    assert going.pk.hex not in skipped.replace("-", "")
    file = sue.get(address(operation, "bulk-table", "csv"), {"state": "skipped"})
    assert b"Over already" in b"".join(file)


def test_the_operations_of_everybody_are_listed_where_all_of_them_is_seen(desk: Desk):
    sue = browser(desk.sue)
    operation, _ = previewed(sue, "escalate", desk.case())
    ops = reverse("triage:ops")
    assert address(operation) not in sue.get(ops).content.decode()
    sue.post(address(operation, "bulk-run"), said(operation))
    assert address(operation) in browser(desk.ana).get(ops).content.decode()
    assert address(operation) not in browser(desk.zoe).get(ops).content.decode()
    assert browser(desk.zoe).get(address(operation)).status_code == 404


def test_a_preview_is_its_authors_alone(desk: Desk):
    operation, _ = previewed(browser(desk.sue), "escalate", desk.case())
    ivo = browser(desk.ivo)
    assert ivo.get(address(operation)).status_code == 404
    assert ivo.post(address(operation, "bulk-run"), said(operation)).status_code == 404


def test_the_queue_offers_verbs_to_leads_and_says_to_others_why_not(desk: Desk):
    desk.case()
    queue = reverse("triage:queue")
    assert 'value="dismiss"' in browser(desk.sue).get(queue).content.decode()
    page = browser(desk.ana).get(queue).content.decode()
    assert 'value="dismiss"' not in page and "A lead changes many at once" in page


def test_the_last_one_can_be_undone_from_the_queue(desk: Desk):
    sue = browser(desk.sue)
    operation, _ = previewed(sue, "escalate", desk.case())
    sue.post(address(operation, "bulk-run"), said(operation))
    page = sue.get(reverse("triage:queue")).content.decode()
    assert re.search(r'id="last".*data-key="z"', page, re.DOTALL)


def test_nothing_ticked_says_so(desk: Desk):
    answer = browser(desk.sue).post(PREVIEW, {"verb": "note"}, headers=PART)
    assert answer.status_code == 422 and "Tick the cases first" in answer.content.decode()
