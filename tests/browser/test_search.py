"""Search as a person does it: by keyboard, on a phone, without script."""

import re

import pytest
from playwright.sync_api import expect

from apps.telemetry.tokens import business_key
from tests.dashboard.cast import fold, stuck

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
CLAIM = "CLM-20260302-000417"
RESULTS = re.compile(r"/search/[\w-]{22}/$")


@pytest.fixture
def claims(network):
    """Two transactions of one account, each with a claim of its own."""
    for number in (1, 2):
        first, *rest = stuck(f"t-{number}")
        keys = [business_key("account", "A-7710"), business_key("claim", f"{CLAIM}-{number}")]
        fold(network, first | {"business_keys": keys}, *rest)
    return network


def test_slash_enter_and_the_one_transaction_is_there(claims, ivo, read):
    page = read(ivo).open("/flow/")
    page.keyboard.press("/")
    page.keyboard.type(f"{CLAIM}-2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Stages and attempts")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/transactions/[0-9a-f-]{36}/$"))
    assert CLAIM not in page.title() + page.evaluate("JSON.stringify(history.state)")


def test_several_are_walked_by_arrow_keys(claims, ivo, read, axe_rules):
    page = read(ivo).open("/search/")
    page.get_by_label("Number or name").fill("A-7710")
    page.keyboard.press("Enter")
    expect(page).to_have_url(RESULTS)
    links = page.locator(".picks th a")
    links.first.focus()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    page.evaluate(axe_rules.read_text())
    assert page.evaluate("axe.run().then((found) => found.violations.map((one) => one.id))") == []


def test_on_a_phone_the_box_opens_over_the_bar(claims, ivo, read):
    page = read(ivo, **PHONE).open("/flow/")
    box = page.locator("[data-search]")
    box.focus()
    box.fill("A-7710")
    box.press("Enter")
    expect(page).to_have_url(RESULTS)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_script_it_searches_and_says_what_was_not_found(claims, ivo, read):
    page = read(ivo, java_script_enabled=False).open("/search/")
    page.get_by_label("Number or name").fill("nobody-knows")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Nothing at your facilities")).to_be_visible()
    expect(page.get_by_role("heading", name="Recent searches")).to_be_visible()
