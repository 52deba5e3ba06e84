"""What every page has: dialogs, toasts, keys, menus, the tabs of a phone."""

import re
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import PHONE, audit
from tests.browser.waiting import asks_for
from tests.dashboard.cast import done, fold, make_person, stuck

POLLS = ("/flow/board/", "/status/strip/")


@pytest.fixture
def busy(network):
    fold(network, *done("d-1"), *done("d-2", facility=1))
    return network


def test_a_link_opens_its_page_in_a_dialog_and_escape_gives_the_focus_back(busy, ivo, read):
    page = read(ivo).open("/flow/")
    page.locator(".me > summary").click()
    page.get_by_role("link", name="Keyboard shortcuts").click()

    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Next row, previous row")
    assert page.url.endswith("/flow/")
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(page.locator(".me > summary")).to_be_focused()


def test_without_script_the_same_link_is_a_page(busy, ivo, read):
    page = read(ivo, java_script_enabled=False).open("/flow/")
    page.locator(".me > summary").click()
    page.get_by_role("link", name="Keyboard shortcuts").click()
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()


def test_keys_lead_to_pages_and_through_rows(busy, ivo, read):
    page = read(ivo).open("/status/")
    page.keyboard.press("g")
    with page.expect_navigation():
        page.keyboard.press("f")
    expect(page).to_have_url(re.compile("/flow/$"))
    page.goto(page.url + "flow_1/NORTH/?show=recent")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="d-1")).to_be_focused()
    with page.expect_navigation():
        page.keyboard.press("o")
    expect(page).to_have_url(re.compile("/transactions/"))
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile("/flow/flow_1/NORTH/$"))


def test_keys_can_be_switched_off_and_stay_off(busy, ivo, read):
    reader = read(ivo)
    page = reader.open("/flow/")
    page.locator(".me > summary").click()
    page.get_by_role("switch").uncheck()
    page = reader.open("/flow/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".me > summary").click()
    expect(page.get_by_role("switch")).not_to_be_checked()


def test_who_polls_says_so(busy, ivo, read):
    reader = read(ivo)
    reader.context.clock.install()
    page = reader.open("/flow/")
    with page.expect_request(asks_for("/flow/")) as chosen:
        page.get_by_role("link", name="last hour").click()
    assert "x-poll" not in chosen.value.headers
    with ExitStack() as stack:
        polls = [stack.enter_context(page.expect_request(asks_for(path))) for path in POLLS]
        page.clock.fast_forward(15_000)
    assert [poll.value.headers["x-poll"] for poll in polls] == ["1"] * len(POLLS)


def test_a_swap_that_fails_leaves_the_page_and_offers_to_try_again(busy, ivo, read):
    reader = read(ivo)
    reader.expected = ("500",)
    page = reader.open("/flow/")
    page.route("**/flow/?window=7d", lambda route: route.fulfill(status=500))
    page.get_by_role("link", name="last 7 days").click()
    toast = page.locator(".toast.error")
    expect(toast).to_contain_text("Something broke on our side")
    expect(page.locator("#announcer")).to_contain_text("Something broke on our side")
    page.unroute("**/flow/?window=7d")
    toast.get_by_role("button", name="Try again").click()
    expect(page).to_have_url(re.compile("window=7d"))


def test_a_phone_has_four_tabs_and_the_rest_below_more(busy, read):
    eli = make_person("eli", "integration_engineer", busy.facilities[0].parent)
    page = read(eli, **PHONE).open("/flow/")
    tabs = page.get_by_role("navigation", name="Main, compact")
    expect(tabs.locator("> a")).to_have_count(4)
    tabs.locator("summary").click()
    expect(tabs.get_by_role("button", name="Sign out")).to_be_visible()


SIZES = {"desk": {}, "phone": PHONE}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_style_guide_is_clean_and_photographed(network, ivo, read, axe_rules, size, scheme):
    reader = read(ivo, color_scheme=scheme, **SIZES[size])
    page = reader.open("/styleguide/")
    assert audit(page, axe_rules) == []
    over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(over) == 0
    page.locator("[data-figure]").scroll_into_view_if_needed()
    expect(page.locator("[data-drawn]")).to_be_visible()
    assert reader.photograph(page, f"styleguide-{size}-{scheme}").stat().st_size > 50_000


def test_what_is_dangerous_asks_first(network, ivo, read):
    page = read(ivo).open("/styleguide/")
    page.get_by_role("button", name="Ask before").click()
    question = page.get_by_role("alertdialog", name="Give this event up?")
    expect(question).to_contain_text("cannot be undone")
    question.get_by_role("button", name="Keep as it is").click()
    expect(question).not_to_be_visible()
    expect(page.get_by_role("button", name="Ask before")).to_be_focused()
    assert page.url.endswith("/styleguide/")

    page.get_by_role("button", name="Ask before").click()
    question.get_by_role("button", name="Give it up").click()
    expect(page).to_have_url(re.compile(r"/styleguide/\?$"))


def test_a_drawer_shows_a_page_beside_the_page_and_leads_to_it(network, ivo, read):
    page = read(ivo).open("/styleguide/")
    page.get_by_role("link", name="Open a drawer").click()
    drawer = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(drawer.get_by_role("link", name="Open as a page")).to_have_attribute(
        "href", re.compile("/keys/$")
    )
    drawer.get_by_role("button", name="Close").click()
    expect(page.get_by_role("link", name="Open a drawer")).to_be_focused()


def test_paper_is_light_and_has_no_navigation(busy, ivo, read):
    page = read(ivo, color_scheme="dark").open("/flow/")
    page.emulate_media(media="print")
    expect(page.locator(".side")).not_to_be_visible()
    ink = "getComputedStyle(document.documentElement).getPropertyValue('--tl-panel').trim()"
    assert page.evaluate(ink) == "#ffffff"


MOVING = """() => [...document.querySelectorAll("*")]
  .flatMap((element) => [null, "::before", "::after"]
    .map((part) => getComputedStyle(element, part)))
  .filter((style) => style.animationName !== "none"
    || !/^0s(, 0s)*$/.test(style.transitionDuration)).length"""


def test_nothing_moves_for_who_asked_for_less_motion(network, ivo, read):
    assert read(ivo).open("/styleguide/").evaluate(MOVING) > 0
    page = read(ivo, reduced_motion="reduce").open("/styleguide/")
    assert page.evaluate(MOVING) == 0
    assert page.evaluate("document.getAnimations().length") == 0
    page.get_by_role("link", name="Open a drawer").click()
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert page.evaluate(MOVING) == 0


# What has the focus, or the box around it, wears a ring; otherwise what it is.
UNRINGED = """() => {
  const ring = (element) => { const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1; };
  const element = document.activeElement;
  return ring(element) || ring(element.parentElement) ? "" : element.outerHTML.slice(0, 90);
}"""
# Marks that only a colour would tell apart.
WORDLESS = """() => [...document.querySelectorAll("main .st")]
  .filter((mark) => !mark.querySelector("svg") || !mark.textContent.trim())
  .map((mark) => mark.outerHTML.slice(0, 90))"""


def test_with_forced_colours_focus_states_and_cells_are_told_apart(busy, ivo, read):
    fold(busy, *stuck("s-1", hours_ago=5), *stuck("s-2", hours_ago=5, facility=1))
    page = read(ivo, forced_colors="active").open("/flow/")
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate(UNRINGED) == ""
    assert page.evaluate(WORDLESS) == []
    for cell in page.locator(".heat td > a").all():
        assert re.search(r"\d", cell.inner_text())
        assert cell.evaluate("cell => getComputedStyle(cell).borderTopStyle") != "none"

    page.goto(page.url.replace("/flow/", "/styleguide/"))
    assert page.evaluate(WORDLESS) == []
    borders = {
        tone: page.locator(f".heat .{tone} a").first.evaluate(
            "cell => getComputedStyle(cell).borderTopStyle"
        )
        for tone in ("q0", "q4", "hs")
    }
    assert borders == {"q0": "solid", "q4": "double", "hs": "dashed"}
    for bar in page.locator("svg.bar").all():
        assert bar.get_attribute("aria-label") or bar.get_attribute("aria-hidden") == "true"


def test_facilities_are_chosen_in_the_top_bar(busy, ivo, read):
    page = read(ivo).open("/flow/?window=7d")
    page.locator("#scope > summary").click()
    page.keyboard.press("Escape")
    expect(page.locator("#scope")).not_to_have_attribute("open", "")


def test_headers_keep_the_page_to_itself(busy, ivo, read):
    page = read(ivo).open("/keys/")
    headers = page.request.get(page.url).headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
