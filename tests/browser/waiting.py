"""What a test waits for in a page: something that happens, never a time that has passed."""

import re

from playwright.sync_api import Page, Response, expect

# Files are there, fonts too, and nobody waits for an answer.
QUIET = """() => document.readyState === "complete" && document.fonts.status === "loaded"
  && !document.querySelector(".htmx-request")"""
# What htmx sends is counted as it leaves: there is nothing to wait for where nothing is sent.
COUNT = """() => { window.sent = 0;
  document.body.addEventListener("htmx:beforeSend", () => { window.sent += 1; }); }"""
# Sums up what moved without anybody having asked for it.
WATCH_SHIFT = """
(() => {
  let sum = 0;
  const add = (moves) => moves.forEach((one) => { if (!one.hadRecentInput) sum += one.value; });
  const watch = new PerformanceObserver((list) => add(list.getEntries()));
  watch.observe({type: "layout-shift", buffered: true});
  window.shift = () => { add(watch.takeRecords()); return sum; };
})();
"""
MOST_SHIFT = 0.02
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def settle_down(page: Page) -> None:
    """Look at all of a page, until it has asked for everything and shows it."""
    draw_figures(page)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function(QUIET)
    page.evaluate(TWO_FRAMES)


def draw_figures(page: Page) -> None:
    for figure in page.locator("[data-figure]").all():
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_attribute("data-drawn", re.compile("."))


def asks_for(path: str) -> "re.Pattern[str]":
    """Addresses of a path, whatever the query."""
    return re.compile(rf"^\w+://[^/]+{re.escape(path)}(\?|$)")


def next_answer(page: Page, path: str, status: int | None = None) -> Response:
    """The next one to a question that the page asks by itself."""

    def is_it(one: Response) -> bool:
        return bool(asks_for(path).match(one.url)) and status in (None, one.status)

    with page.expect_response(is_it) as answer:
        pass
    return answer.value
