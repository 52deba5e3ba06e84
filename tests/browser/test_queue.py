"""The queue as somebody works it: what is selected stays, what changes changes in its place."""

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from apps.core.kept import forget_everything
from apps.triage.models import Case
from tests.browser.waiting import asks_for
from tests.dashboard.cast import NORTH
from tests.triage.crowd import crowd


@pytest.fixture
def crowded(network):
    forget_everything()
    crowd(network, 120, seed=31, facility=NORTH, born_minutes_ago=1)
    return network


def refresh(page: Page) -> None:
    """What the page does by itself every quarter of a minute."""
    with page.expect_response(asks_for("/exceptions/fresh/")):
        page.evaluate("htmx.trigger(document.body, 'refresh')")
    expect(page.locator("#fresh.htmx-request")).to_have_count(0)


def test_selection_focus_and_scroll_outlive_ten_refreshes_and_rows_change_in_place(
    crowded, ivo, read
):
    reader = read(ivo, viewport={"width": 1440, "height": 600})
    page = reader.open("/exceptions/?view=all")
    rows = page.locator("#cases > tr")
    shown = rows.evaluate_all("rows => rows.map(row => row.dataset.case)")
    rows.nth(20).locator("[data-pick]").check()
    rows.nth(22).locator("th a").focus()
    page.keyboard.press("x")
    expect(page.locator("#picked")).to_contain_text("2 selected")
    scrolled = page.evaluate("scrollY")
    Case.objects.filter(pk=shown[3]).update(
        status="resolved", substatus="", resolved_at=now(), resolved_by="user"
    )
    crowd(crowded, 4, seed=32, facility=NORTH)
    for _ in range(10):
        refresh(page)
    expect(rows.nth(3)).to_contain_text("Resolved")
    expect(page.locator("#news")).to_have_text("4 new")
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.case)") == shown
    expect(page.locator("#picked")).to_contain_text("2 selected")
    expect(rows.nth(22).locator("th a")).to_be_focused()
    assert page.evaluate("scrollY") == scrolled
    page.locator("#news").click()
    expect(page.locator("#news")).to_be_hidden()
    expect(page.locator("#picked")).to_contain_text("2 selected")
    reader.check()


def test_keys_move_select_a_range_open_and_clear(crowded, ivo, read):
    reader = read(ivo)
    page = reader.open("/exceptions/?view=all")
    rows = page.locator("#cases > tr")
    for key in ("j", "x", "j", "j", "Shift+X"):
        page.keyboard.press(key)
    expect(page.locator("#cases > tr.sel")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.locator("#picked")).to_be_hidden()
    page.keyboard.press("k")
    expect(rows.nth(1).locator("th a")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#dialog")).to_contain_text("Select the exception")
    page.keyboard.press("Escape")
    reader.check()


def test_a_filter_is_chosen_from_what_there_is_and_the_address_says_so(crowded, ivo, read):
    reader = read(ivo)
    page = reader.open("/exceptions/?view=all")
    page.get_by_text("Filter", exact=True).click()
    page.locator(".facet summary", has_text="Severity").click()
    page.locator(".facet[open] .choices a", has_text="S2").click()
    expect(page).to_have_url(f"{reader.base}/exceptions/?view=all&severity=S2")
    expect(page.locator(".filters .chip", has_text="Severity")).to_be_visible()
    page.locator("#views a", has_text="Unassigned").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Unassigned")
    expect(page.locator("#views [aria-current]")).to_contain_text("Unassigned")
    reader.check()


def test_on_a_phone_a_case_is_a_card_and_views_are_a_strip(crowded, ivo, read):
    reader = read(ivo, viewport={"width": 390, "height": 844})
    page = reader.open("/exceptions/?view=all")
    expect(page.locator("#views a").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    reader.check()
