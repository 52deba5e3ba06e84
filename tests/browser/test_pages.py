"""The pages as a person meets them: sign in, watch, walk by keyboard, at night, on a phone."""

import re
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.waiting import COUNT, next_answer
from tests.dashboard.cast import PASSWORD, address, ago, done, fold, stuck

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
CELL = 'a[href="/flow/flow_1/NORTH/"]'
BOARD = "/flow/board/"


@pytest.fixture
def busy(network):
    """Twenty-one due at the first facility, one of them stuck; something at the second."""
    told = [one for n in range(20) for one in done(f"d-{n}")]
    fold(network, *told, *stuck("s-1", hours_ago=5, amount=12_300), *done("x", facility=1))
    return network


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_sees_the_matrix_and_follows_a_cell_to_one_timeline(busy, ivo, read):
    page = read().open("/flow/?window=7d")
    sign_in(page, "ivo", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    sign_in(page, "ivo")

    expect(page).to_have_url(re.compile(r"/flow/\?window=7d$"))
    cell = page.locator("a[href^='/flow/flow_1/NORTH/']")
    expect(cell).to_contain_text("95.2")
    cell.click()
    expect(page.get_by_role("heading", name="Flow 1")).to_be_visible()
    page.get_by_role("link", name="s-1").click()
    expect(page.get_by_role("table", name="Stages and attempts")).to_contain_text("NO_COSTCENTER")

    page.locator(".me > summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_board_shows_new_events_by_itself(busy, ivo, read):
    page = read(ivo).open("/flow/")
    expect(page.locator(CELL)).to_contain_text("1 · ")

    fold(busy, *stuck("s-2", hours_ago=5))

    expect(page.locator(CELL)).to_contain_text("2 · ")
    expect(page.locator("#announcer")).not_to_be_empty()


def test_focus_and_scroll_survive_ten_refreshes(busy, ivo, read):
    page = read(ivo, viewport={"width": 360, "height": 700}).open("/flow/")
    page.locator(CELL).focus()
    scroller = page.locator("[data-keep-scroll=heat]")
    scroller.evaluate("element => element.scrollLeft = 30")
    for n in range(10):
        fold(busy, {"subject": f"new-{n}", "at": done("t", hours_ago=0.1)[0]["at"]})
        page.evaluate("htmx.trigger(document.body, 'refresh')")
        page.wait_for_function("n => document.querySelector('.tiles dd').textContent == n",
                               arg=str(67 + n))  # fmt: skip
    expect(page.locator(CELL)).to_be_focused()
    assert scroller.evaluate("element => element.scrollLeft") == 30


def test_an_unchanged_board_is_asked_for_again_and_again_and_never_swapped(
    busy, ivo, read, time_machine
):
    # A new minute would be a new window, and its figures might differ.
    time_machine.move_to(timezone.now(), tick=False)
    page = read(ivo).open("/flow/")
    page.evaluate("document.getElementById('board').marked = true")
    assert [next_answer(page, BOARD).status for _ in range(3)] == [304] * 3
    assert page.evaluate("document.getElementById('board').marked")


def test_what_is_being_marked_stays_until_it_is_let_go(busy, ivo, read):
    page = read(ivo).open("/flow/")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.tiles'))")
    marked = page.evaluate("getSelection().toString()")
    fold(busy, *stuck("s-2", hours_ago=5))
    # It asks again when it is done with the answer before.
    for _ in range(2):
        next_answer(page, BOARD, status=200)
    assert page.evaluate("getSelection().toString()") == marked

    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator(CELL)).to_contain_text("2 · ")


def test_choosing_a_window_changes_the_address_and_the_way_back_works(busy, ivo, read):
    page = read(ivo).open("/flow/")
    page.get_by_role("link", name="last hour").click()
    expect(page).to_have_url(re.compile(r"window=1h"))
    expect(page.get_by_role("link", name="last hour")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/flow/$"))
    expect(page.locator(CELL)).to_contain_text("95.2")


def test_the_matrix_can_be_walked_by_keyboard(busy, ivo, read):
    page = read(ivo).open("/flow/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()

    page.locator(CELL).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(CELL.replace("NORTH", "SOUTH"))).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(CELL)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/flow/flow_1/NORTH/"))


def test_dark_follows_the_system_until_a_reader_chooses(busy, ivo, read):
    reader = read(ivo, color_scheme="dark")
    page = reader.open("/flow/")
    theme = page.locator("html")
    expect(theme).to_have_attribute("data-theme", "dark")
    page.locator(".me > summary").click()
    page.get_by_role("button", name="Light").click()
    expect(theme).to_have_attribute("data-theme", "light")
    expect(reader.open("/flow/").locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="As the system").click()
    expect(theme).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("path", ["/flow/", "/flow/flow_1/NORTH/", "{transaction}", "/api/"])
def test_a_phone_shows_every_page_without_sideways_scroll(busy, ivo, read, path):
    page = read(ivo, **PHONE).open(path.format(transaction=address(busy, "s-1")))
    expect(page.get_by_role("navigation", name="Main, compact")).to_be_visible()
    over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(over) == 0


def test_cards_of_transactions_with_long_names_fit_a_phone(busy, ivo, read):
    fold(busy, *stuck("01a1ef64-a02d-7660-8590-ae78baa768ed", hours_ago=5, amount=12_300))
    page = read(ivo, **PHONE).open("/flow/flow_1/NORTH/")
    expect(page.get_by_role("link", name="01a1ef64")).to_be_visible()
    over = "table => table.parentElement.scrollWidth - table.parentElement.clientWidth"
    assert page.locator("table.cards").evaluate(over) == 0


def test_the_strip_has_no_space_before_its_comma(busy, ivo, read):
    from apps.telemetry.models import Quarantine

    Quarantine.objects.create(
        id=uuid4(), received_at=ago(), last_seen_at=ago(), source=busy.source,
        code="unknown_stage", facility=busy.facilities[0],
    )  # fmt: skip
    page = read(ivo).open("/flow/")
    expect(page.get_by_role("link", name="1 event in quarantine")).to_be_visible()
    gap = page.locator("#strip .w > span").evaluate(
        "text => { const rest = document.createRange(); rest.selectNode(text.lastChild);"
        " const link = text.querySelector('a').getBoundingClientRect();"
        " return rest.getBoundingClientRect().left - link.right }"
    )
    assert abs(gap) < 1


def test_a_session_that_ended_leads_to_sign_in_and_back(busy, ivo, read):
    reader = read(ivo)
    reader.expected = ("401",)
    page = reader.open("/flow/?window=7d")
    reader.context.clear_cookies()
    page.evaluate("htmx.trigger(document.body, 'refresh')")
    expect(page).to_have_url(re.compile(r"/sign-in/\?next=/flow/%3Fwindow%3D7d$"))
    sign_in(page, "ivo")
    expect(page).to_have_url(re.compile(r"/flow/\?window=7d$"))


def test_without_a_connection_the_figures_stay_and_a_bar_says_so(busy, ivo, read):
    reader = read(ivo)
    reader.expected = ("ERR_INTERNET_DISCONNECTED", "htmx:sendError")
    page = reader.open("/flow/")
    reader.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator(CELL)).to_contain_text("95.2")
    reader.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()


def test_nobody_asks_while_nobody_looks(busy, ivo, read):
    reader = read(ivo)
    reader.context.clock.install()
    page = reader.open("/flow/")
    look(page, away=True)
    page.evaluate(COUNT)
    page.clock.fast_forward(60_000)
    assert page.evaluate("window.sent") == 0
    with page.expect_request(f"**{BOARD}*"):
        look(page, away=False)


def look(page: Page, *, away: bool) -> None:
    """Turn to another tab, or back."""
    page.evaluate(
        """away => {
            Object.defineProperty(document, "hidden", {get: () => away, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        away,
    )


PATHS = ["/flow/", "/flow/flow_1/NORTH/", "/flow/flow_1/NORTH/?show=recent", "{transaction}",
         "/api/", "/status/", "/nothing/"]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_every_page_passes_the_accessibility_audit(busy, ivo, read, axe_rules, path, scheme):
    reader = read(ivo, color_scheme=scheme)
    reader.expected = ("404",) if path == "/nothing/" else ()
    page = reader.open(path.format(transaction=address(busy, "s-1")))
    assert audit(page, axe_rules) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_passes_it_as_well(read, db, axe_rules, scheme):
    page = read(color_scheme=scheme).open("/sign-in/")
    assert audit(page, axe_rules) == []
    sign_in(page, "nobody")
    expect(page.get_by_role("alert")).to_be_visible()
    assert audit(page, axe_rules) == []


def audit(page: Page, rules) -> list[str]:
    """What axe finds, of any impact."""
    page.evaluate(rules.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']} {one['nodes'][0]['target']}" for one in found["violations"]]
