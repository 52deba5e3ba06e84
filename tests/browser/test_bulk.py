"""Many cases at once, as a lead does it: ticked, shown, done, taken back."""

import re

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.core.kept import forget_everything
from apps.triage.models import BulkOperation, Case
from tests.browser.waiting import asks_for
from tests.dashboard.cast import NORTH, make_person
from tests.triage.crowd import crowd


@pytest.fixture
def rosa(network) -> User:
    forget_everything()
    crowd(network, 60, seed=41, facility=NORTH, born_minutes_ago=1)
    return make_person("rosa", "rcm_supervisor", network.facilities[NORTH])


def tick(page: Page, *rows: int) -> None:
    for row in rows:
        page.locator("#cases [data-pick]").nth(row).check()


def test_what_is_ticked_is_shown_done_by_keys_and_taken_back_with_z(rosa, read):
    reader = read(rosa)
    page = reader.open("/exceptions/?view=all")
    tick(page, 0, 1)
    page.locator("#cases th a").first.focus()
    page.keyboard.press("d")
    dialog = page.locator("#dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Dismiss 2 of 2 cases")
    dialog.get_by_label("Why").fill("The payer said so.")
    typed = dialog.get_by_label(re.compile("Type 2"))
    if typed.count():
        typed.fill("2")
    dialog.get_by_role("button", name="Dismiss 2").click()
    expect(dialog.get_by_role("heading")).to_have_text("2 dismissed")
    expect(page.locator("#picked")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#last")).to_contain_text("2 dismissed")
    with page.expect_navigation():
        page.keyboard.press("z")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 restored")
    assert not Case.objects.filter(status="dismissed").exists()
    reader.check()


def test_everything_that_matches_leaves_out_what_was_unticked_and_ends_with_the_question(
    rosa, read
):
    reader = read(rosa)
    page = reader.open("/exceptions/?view=all")
    tick(page, 0)
    page.locator("[data-all]").check()
    page.locator("#cases [data-pick]").nth(3).uncheck()
    expect(page.locator("[data-picked]")).to_have_text("Everything but 1")
    with page.expect_response(asks_for("/bulk/preview/")):
        page.locator("#picked [value=escalate], #picked [value=pend]").first.click()
    expect(page.locator("#dialog")).to_contain_text("of 59 cases")
    page.get_by_role("button", name="Change nothing").click()
    expect(page.locator("#dialog")).to_be_hidden()
    operation = BulkOperation.objects.get()
    assert (operation.items.count(), len(operation.selection["excluded"])) == (59, 1)
    with page.expect_response(asks_for("/exceptions/")):
        page.get_by_role("link", name="At risk").click()
    expect(page.locator("[data-all]")).not_to_be_checked()
    reader.check()
