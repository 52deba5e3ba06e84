"""Flow health as a person watches it: charts that come when looked at, and a page that lets be."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.scorecards.services import take_snapshot
from tests.browser.test_pages import PHONE
from tests.browser.waiting import (
    MOST_SHIFT,
    TWO_FRAMES,
    WATCH_SHIFT,
    asks_for,
    draw_figures,
    settle_down,
)
from tests.dashboard.cast import done, fold, stuck

FIGURE = "#latency-figure"
DRAWN = f"{FIGURE} .main-svg"
HIDDEN = "() => typeof window.Plotly === 'undefined'"


@pytest.fixture
def busy(network):
    """Some of everything within the hour, and a backlog with its photograph."""
    told = [one for n in range(20) for one in done(f"d-{n}", hours_ago=2.5)]
    fold(network, *told, *stuck("s-1", hours_ago=5, amount=12_300))
    take_snapshot()
    return network


def show(page: Page, box: str = FIGURE) -> None:
    page.locator(box).scroll_into_view_if_needed()
    expect(page.locator(f"{box} .main-svg").first).to_be_visible()


def refresh(page: Page) -> None:
    """What the page does by itself every few seconds; not while it does."""
    expect(page.locator("#trends.htmx-request")).to_have_count(0)
    with page.expect_response(asks_for("/charts/flow/")):
        page.evaluate("htmx.trigger(document.body, 'refresh')")
    expect(page.locator("#trends.htmx-request")).to_have_count(0)


def test_a_chart_is_loaded_when_somebody_comes_near_it(busy, ivo, read):
    page = read(ivo, viewport={"width": 1440, "height": 240}).open("/flow/?window=7d")
    page.evaluate(TWO_FRAMES)
    expect(page.locator("script[src*=plotly]")).to_have_count(0)
    assert page.evaluate(HIDDEN)
    show(page)
    assert not page.evaluate(HIDDEN)


def test_no_chart_offers_a_button_of_plotlys_own(busy, ivo, read):
    page = read(ivo).open("/flow/")
    for box in ("#throughput-figure", FIGURE):
        show(page, box)
        page.locator(box).hover()
    expect(page.locator(".modebar-btn")).to_have_count(0)
    expect(page.locator("a[href*='plotly'], a[href*='plot.ly']")).to_have_count(0)


def test_colours_follow_the_scheme_without_asking_for_the_figure_again(
    busy, ivo, read, time_machine
):
    # A new minute is a new figure.
    time_machine.move_to(timezone.now(), tick=False)
    page = read(ivo, color_scheme="light").open("/flow/")
    show(page)
    line = page.locator(f"{FIGURE} path.js-line").first
    stroke = "path => path.style.stroke"
    light = line.evaluate(stroke)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "([box, was]) => document.querySelector(`${box} path.js-line`).style.stroke !== was",
        arg=[FIGURE, light],
    )
    assert not [url for url in asked if "as=figure" in url]


def test_a_figure_is_drawn_again_when_what_it_shows_has_changed(busy, ivo, read):
    page = read(ivo).open("/flow/")
    show(page)
    version = page.locator(FIGURE).get_attribute("data-drawn")
    page.locator(FIGURE).evaluate("box => box.marked = true")
    fold(busy, *done("slow", hours_ago=1.5, minutes=80))
    refresh(page)
    expect(page.locator(FIGURE)).not_to_have_attribute("data-drawn", version)
    assert page.locator(FIGURE).evaluate("box => box.marked")


def test_the_table_behind_a_chart_opens_by_keyboard_and_stays_open(busy, ivo, read):
    page = read(ivo).open("/flow/")
    summary = page.locator("summary[id^='latency-']")
    summary.focus()
    page.keyboard.press("Enter")
    table = page.get_by_role("table", name=re.compile("Latency"))
    expect(table).to_be_visible()
    refresh(page)
    expect(table).to_be_visible()
    expect(summary).to_be_focused()


def test_ten_refreshes_leave_focus_selection_and_scroll_where_they_are(busy, ivo, read):
    page = read(ivo, viewport={"width": 1200, "height": 500}).open("/flow/")
    show(page)
    summary = page.locator("summary[id^='throughput-']")
    summary.focus()
    page.evaluate("scrollTo(0, 300)")
    for n in range(10):
        if n == 5:
            page.evaluate(
                "getSelection().selectAllChildren(document.getElementById('latency-title'))"
            )
        fold(busy, *done(f"new-{n}", hours_ago=1, minutes=10 + n))
        refresh(page)
    expect(summary).to_be_focused()
    assert page.evaluate("scrollY") == 300
    assert page.evaluate("getSelection().toString()") == "Latency"
    expect(page.locator(DRAWN).first).to_be_visible()


def test_nothing_moves_while_charts_arrive(busy, ivo, read):
    page = read(ivo).open("/flow/")
    before = page.locator("#burn-title").bounding_box()
    settle_down(page)
    page.evaluate("scrollTo(0, 0)")
    assert page.locator("#burn-title").bounding_box() == before


@pytest.mark.parametrize("path", ["/flow/", "/scorecards/"])
def test_a_font_that_comes_late_moves_nothing(busy, ivo, read, path):
    reader, held = read(ivo, viewport={"width": 390, "height": 844}), []
    page = reader.context.new_page()
    page.add_init_script(WATCH_SHIFT)
    page.route("**/*.woff2", lambda route: held.append(route))
    page.goto(f"{reader.base}{path}", wait_until="domcontentloaded")
    draw_figures(page)
    page.evaluate("scrollTo(0, 0)")
    [font] = held
    with page.expect_response("**/*.woff2"):
        font.continue_()
    settle_down(page)
    assert page.evaluate("window.shift()") <= MOST_SHIFT


def test_a_phone_draws_the_charts_without_sideways_scroll(busy, ivo, read):
    page = read(ivo, **PHONE).open("/flow/")
    show(page)
    over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(over) == 0


def test_without_script_a_chart_is_its_sentence_and_a_way_to_its_table(busy, ivo, read):
    page = read(ivo, java_script_enabled=False).open("/flow/")
    expect(page.locator("#latency-summary")).to_contain_text("Half took")
    expect(page.locator(FIGURE)).not_to_be_visible()
    page.goto(f"{page.url.rstrip('/').removesuffix('/flow')}/charts/flow/latency/")
    expect(page.get_by_role("table", name=re.compile("Latency"))).to_be_visible()


def test_a_figure_that_cannot_be_had_leaves_the_sentence_and_says_so(busy, ivo, read):
    reader = read(ivo)
    reader.expected = ("500",)
    page = reader.context.new_page()
    page.route("**/*as=figure", lambda route: route.fulfill(status=500))
    page.goto(f"{reader.base}/flow/")
    page.locator(FIGURE).scroll_into_view_if_needed()
    expect(page.locator(FIGURE)).to_contain_text("cannot be shown now")
    expect(page.locator("#latency-summary")).to_contain_text("Half took")


def test_backlog_and_budgets_are_on_the_page(busy, ivo, read):
    page = read(ivo).open("/flow/")
    expect(page.get_by_role("table", name="Open items by age")).to_contain_text("$123")
    expect(page.get_by_role("heading", name="Error budget, fastest burn first")).to_be_visible()


def test_the_board_says_whether_it_is_live(busy, ivo, read):
    page = read(ivo).open("/flow/")
    sign, said = page.locator("#live"), page.locator("#announcer")
    expect(sign).to_have_text("Live", use_inner_text=True)
    expect(said).to_be_empty()
    page.locator("#board .tiles dt").first.evaluate(
        "mark => getSelection().selectAllChildren(mark)"
    )
    expect(sign).to_contain_text("Paused", use_inner_text=True)
    expect(said).to_have_text("Paused")
    expect(sign).to_contain_text("s old", use_inner_text=True)
    page.evaluate("getSelection().removeAllRanges()")
    expect(sign).to_have_text("Live", use_inner_text=True)


def test_a_figure_keeps_the_focus_when_its_window_moves_on(busy, ivo, read, time_machine):
    time_machine.move_to(timezone.now().replace(second=30), tick=False)
    page = read(ivo).open("/flow/")
    figure = page.locator(".tiles a[data-metric=events]")
    before = figure.get_attribute("href")
    figure.focus()
    time_machine.shift(60)
    expect(figure).not_to_have_attribute("href", before)
    expect(figure).to_be_focused()
