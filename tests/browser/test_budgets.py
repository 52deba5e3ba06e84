"""What each page costs a reader: bytes, requests, elements, and what moves while it loads."""

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, Response

from apps.accounts.models import User
from tests.accounts.everybody import Place, settle
from tests.accounts.pages import pages
from tests.browser.waiting import MOST_SHIFT, WATCH_SHIFT, settle_down
from tests.dashboard.cast import done, fold, stuck

# Of a first visit and of the next one; kilobytes as sent, compressed.
LIST, CHART = "list", "chart"
MOST_KB = {LIST: 200, CHART: 600}
MOST_KB_AGAIN = {LIST: 40, CHART: 60}
MOST_REQUESTS = {LIST: 9, CHART: 11}
MOST_ELEMENTS = {LIST: 2_500, CHART: 2_000}
MOST_KB_WITHOUT_CHART = 60
OWN_SCRIPT_BYTES, OWN_STYLE_BYTES = 12_000, 40_000
CASES_SCRIPT_BYTES, CASES_STYLE_BYTES = 9_000, 14_000
OF_CASES = re.compile(r"/cases[.\w]*\.(js|css)$")
# What draws charts.
DRAWS = re.compile(r"/(charts|plotly[\w-]*)[.\w]*\.js$")
# The reference of the API is one page on purpose: it is searched in the browser.
BOOKS = {"telemetry:api"}


@dataclass
class Visit:
    """What one look at a page asked for, by address, and how large the answers were."""

    page: str
    kilobytes: dict[str, float] = field(default_factory=dict)
    elements: int = 0
    shift: float = 0.0

    @property
    def kind(self) -> str:
        return CHART if any(map(DRAWS.search, self.kilobytes)) else LIST

    @property
    def again(self) -> float:
        """The next visit: files have names of their content and are kept for ever."""
        return sum(size for url, size in self.kilobytes.items() if "/static/" not in url)

    @property
    def files_of_cases(self) -> int:
        """Pages of cases have a style and a script of their own beside those of the frame."""
        return sum(bool(OF_CASES.search(url)) for url in self.kilobytes)

    @property
    def style_and_script(self) -> float:
        """Without what draws charts, which pages without one do not load."""
        own = {url: size for url, size in self.kilobytes.items() if not DRAWS.search(url)}
        return sum(size for url, size in own.items() if url.endswith((".css", ".js")))

    def faults(self) -> list[str]:
        """Every budget that the page is over."""
        spent = {
            "kB": (sum(self.kilobytes.values()), MOST_KB[self.kind]),
            "kB again": (self.again, MOST_KB_AGAIN[self.kind]),
            "requests": (len(self.kilobytes), MOST_REQUESTS[self.kind] + self.files_of_cases),
            "elements": (self.elements, MOST_ELEMENTS[self.kind]),
            "layout shift": (self.shift, MOST_SHIFT),
            "kB of style and script": (self.style_and_script, MOST_KB_WITHOUT_CHART),
        }
        return [
            f"{self.page}: {value:.3g} {what}, at most {most}"
            for what, (value, most) in spent.items()
            if value > most and not (what == "elements" and self.page in BOOKS)
        ]


def is_poll(answer: Response) -> bool:
    """A question that a page left open repeats; the first time it is part of the visit."""
    return {"hx-request", "x-poll"} <= answer.request.headers.keys()


def kilobytes(answer: Response) -> float:
    """As production sends it: text compressed, fonts as they are."""
    body = answer.body() if answer.ok else b""
    is_font = "font" in answer.headers.get("content-type", "") or answer.url.endswith(".woff2")
    return len(body if is_font else gzip.compress(body, 6)) / 1_000


def visit(page: Page, name: str, url: str) -> Visit:
    """Open a page for the first time and look at all of it."""
    found, answers = Visit(name), []
    page.add_init_script(WATCH_SHIFT)
    page.on("response", lambda answer: None if is_poll(answer) else answers.append(answer))
    page.goto(url, wait_until="load")
    settle_down(page)
    found.kilobytes = {answer.url: kilobytes(answer) for answer in answers}
    found.elements = page.evaluate("document.querySelectorAll('*').length")
    found.shift = page.evaluate("window.shift()")
    return found


@pytest.fixture
def place(network: Any) -> Place:
    """A page of fifty rows, and more, of everything that is listed."""
    found = settle(network)
    fold(network, *(one for n in range(60) for one in [*done(f"d-{n}"), *stuck(f"s-{n}")]))
    return found


def test_every_page_stays_within_its_budgets(place: Place, read: Callable[..., Any]):
    faults = []
    for name, who in pages():
        path, client = place.paths(name, "own"), place.browser(who, anew=False)
        if "text/html" in client.get(path).headers["Content-Type"]:
            reader = read(User.objects.get(username=who))
            faults += visit(reader.context.new_page(), name, reader.base + path).faults()
            reader.check()
            reader.context.close()
    assert faults == [], "; ".join(faults)


# Loaded only where there is a chart, where a passkey is made or used, and with cases.
ON_SOME_PAGES = {"charts.js", "passkey.js", "cases.js", "cases.css"}


def test_what_we_wrote_ourselves_stays_small(settings: Any):
    files = {path.name: path.stat().st_size for path in settings.BASE_DIR.glob("static/*/*.*s")}
    script = sum(
        size for name, size in files.items() if name.endswith(".js") and name not in ON_SOME_PAGES
    )
    style = sum(
        size for name, size in files.items() if name.endswith(".css") and name not in ON_SOME_PAGES
    )
    assert 0 < script <= OWN_SCRIPT_BYTES
    assert 0 < style <= OWN_STYLE_BYTES
    assert files["cases.js"] <= CASES_SCRIPT_BYTES
    assert files["cases.css"] <= CASES_STYLE_BYTES
