"""At the queue by keyboard: the next case, its undo, an act with words, a note."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.dashboard.cast import fold, make_person, stuck


@pytest.mark.usefixtures("transactional_db")
def test_next_undo_resolve_and_note(network: Any, read: Any) -> None:
    sue = make_person("sue", "rcm_supervisor", network.facilities[0])
    fold(network, *stuck("s-1"))
    page = read(sue).open("/exceptions/")
    page.keyboard.press("n")
    expect(page.get_by_text("works on it for")).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="Take")).to_be_visible()

    page.keyboard.press("r")
    expect(page.get_by_label("What was done")).to_be_focused()
    page.get_by_label("What was done").select_option("by_hand")
    page.get_by_label("In a few words").fill("Typed it in")
    page.locator("#deed-resolve").get_by_role("button").click()
    expect(page.get_by_text("Entered by hand in the receiving system: Typed it in")).to_be_visible()

    page.keyboard.press("c")
    expect(page.locator("#note-text")).to_be_focused()
    page.locator("#note-text").fill("Told the desk")
    page.locator("#deed-note").get_by_role("button").click()
    expect(page.get_by_text("noted: Told the desk")).to_be_visible()
