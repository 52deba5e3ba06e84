"""Real Chromium against a live server. Skipped where there is none, which `.ci/run` refuses."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

# Playwright's own loop would make Django refuse to talk to the database from the test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
# A machine that does more than one thing at once is slow, not wrong.
PATIENCE = 60_000  # milliseconds
expect.set_options(timeout=PATIENCE)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Reported from the page itself: a blocked style never reaches the console of some versions.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = os.environ.get("THROUGHLINE_CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), ""
    )
    if not path:
        pytest.skip("no Chromium")
    home = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS, env=home)
        yield launched
        launched.close()


class Reader:
    """A person at a browser, and everything that went wrong on their screen."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.context = context
        self.base = base
        self.faults: list[str] = []
        self.expected: tuple[str, ...] = ()
        context.add_init_script(WATCH)

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self.note(message.type == "error", message.text))
        page.on("pageerror", lambda error: self.note(True, str(error)))
        page.goto(self.base + path)
        return page

    def note(self, is_fault: bool, text: str) -> None:
        if is_fault and not any(words in text for words in self.expected):
            self.faults.append(text)

    def photograph(self, page: Page, name: str) -> Path:
        """A picture of a page for whoever judges its looks: VAR/photographs."""
        from django.conf import settings

        folder = Path(settings.VAR) / "photographs"
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", full_page=True)
        return folder / f"{name}.png"

    def check(self) -> None:
        """Nothing failed and nothing was blocked on any page still open."""
        for page in self.context.pages:
            self.faults += page.evaluate("window.violations || []")
        assert self.faults == []


@pytest.fixture
def read(
    browser: Browser, live_server: Any, transactional_db: None
) -> Iterator[Callable[..., Any]]:
    """Open a browser for a person; `size`, `scheme` and the like go to the context."""
    readers: list[Reader] = []

    def start(user: Any = None, **options: Any) -> Reader:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        if user:
            context.add_cookies([session_cookie(user, live_server.url)])
        readers.append(Reader(context, live_server.url))
        return readers[-1]

    yield start
    for reader in readers:
        reader.check()
        reader.context.close()


def session_cookie(user: Any, url: str) -> Any:
    from django.conf import settings
    from django.test import Client

    from tests.accounts.signing_in import prove

    client = Client()
    client.force_login(user)
    prove(client)
    return {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": url,
    }


@pytest.fixture
def network(transactional_db: None) -> Any:
    from tests.pipeline.network import build

    return build()


@pytest.fixture
def ivo(network: Any) -> Any:
    """Sees the whole network."""
    from tests.dashboard.cast import make_person

    return make_person("ivo", "integration_lead", network.facilities[0].parent)


@pytest.fixture
def axe_rules() -> Path:
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).parent / "axe.min.js"
