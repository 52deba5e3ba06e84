"""Each role's first ten minutes: by mouse and by keyboard alone, on a desk and on a phone, by day
and at night. The integration engineer's are in test_operate.py."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Download, Locator, Page, expect

from apps.accounts.models import AccessReview, RoleRequest, User
from apps.catalog.models import ChangeProposal
from apps.telemetry.models import Quarantine
from apps.telemetry.services import advance_operations
from apps.telemetry.tokens import business_key
from tests.accounts.everybody import quarantined
from tests.browser.conftest import Reader
from tests.browser.test_pages import audit, sign_in
from tests.browser.test_sign_in import type_in
from tests.dashboard.cast import NORTH, PASSWORD, address, done, fold, make_person, stuck

pytestmark = pytest.mark.slow

DESK = {"viewport": {"width": 1440, "height": 900}}
SMALL = {"viewport": {"width": 390, "height": 844}}
TOUCH = SMALL | {"is_mobile": True, "has_touch": True}
# Farther than this nobody tabs.
MOST_TABS = 90
CLAIM = "CLM-20260302-000417"


@dataclass
class Walk:
    """A person at a browser, who has a mouse or only keys."""

    reader: Reader
    page: Page
    has_mouse: bool
    rules: Path

    @property
    def is_small(self) -> bool:
        return bool(self.page.viewport_size and self.page.viewport_size["width"] < 760)

    def reach(self, target: Locator) -> Locator:
        """Tab until it has the focus: what cannot be reached so fails."""
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if target.evaluate("element => element === document.activeElement"):
                return target
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} takes more than {MOST_TABS} tabs on {self.page.url}")

    def use(self, target: Locator, key: str = "Enter") -> None:
        if self.has_mouse:
            target.click()
        else:
            self.reach(target)
            self.page.keyboard.press(key)

    def find(self, role: Any, name: str | re.Pattern[str], within: Locator | None) -> Locator:
        return (within or self.page.get_by_role("main")).get_by_role(role, name=name).first

    def follow(self, name: str | re.Pattern[str], within: Locator | None = None) -> None:
        """To another page, until all of it is there."""
        with self.page.expect_navigation():
            self.use(self.find("link", name, within))

    def press(self, name: str | re.Pattern[str], within: Locator | None = None) -> None:
        """What sends a form, until the page that answers is there."""
        with self.page.expect_navigation():
            self.use(self.find("button", name, within))

    def open(self, name: str | re.Pattern[str], role: str = "link") -> None:
        """What asks first, and what is a file: the page stays."""
        self.use(self.find(role, name, None))

    def tick(self, name: str) -> None:
        self.use(self.page.get_by_role("checkbox", name=name).first, "Space")

    def field(self, label: str) -> Locator:
        """A label says its help as well."""
        return self.page.get_by_role("main").get_by_label(re.compile(rf"^\s*{label}")).first

    def write(self, label: str, text: str) -> None:
        field = self.field(label)
        if self.has_mouse:
            field.click()
        else:
            self.reach(field)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        """By keys a list takes the first letters of what is wanted."""
        field = self.field(label)
        if self.has_mouse:
            field.select_option(label=option)
        else:
            self.reach(field)
            self.page.keyboard.type(option)

    def search(self, text: str) -> None:
        if self.has_mouse:
            self.page.locator("[data-search]").click()
        else:
            self.page.keyboard.press("/")
        self.page.keyboard.type(text)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def go(self, name: str) -> None:
        """To a page of the navigation: its link, on a phone below "More"; on a desk by two keys."""
        link = self.page.get_by_role("navigation", name=re.compile("^Main")).get_by_role(
            "link", name=name
        )
        if self.is_small:
            tabs = self.page.get_by_role("navigation", name="Main, compact")
            link = tabs.get_by_role("link", name=name)
            if not link.is_visible():
                self.use(tabs.locator("summary"))
        elif not self.has_mouse:
            letter = link.first.get_attribute("data-go")
            self.page.keyboard.press("g")
            with self.page.expect_navigation():
                self.page.keyboard.press(letter)
            return
        with self.page.expect_navigation():
            self.use(link)

    @contextmanager
    def download(self) -> Iterator[list[Download]]:
        kept: list[Download] = []
        with self.page.expect_download() as begun:
            yield kept
        kept.append(begun.value)

    def see(self, heading: str | re.Pattern[str]) -> None:
        """The page is there, fits, and nobody is kept from reading it."""
        expect(self.page.get_by_role("heading", name=heading).first).to_be_visible()
        assert audit(self.page, self.rules) == [], self.page.url
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.page.evaluate(over) <= 0, self.page.url


@dataclass(frozen=True)
class Place:
    """Where the walks lead: a network with one late claim, and one refused event."""

    network: Any
    start: Callable[..., Reader]

    @property
    def root(self) -> Any:
        return self.network.facilities[NORTH].parent

    def meets(self, name: str, role: str) -> Page:
        """Somebody else, who has signed in already."""
        return self.start(make_person(name, role, self.root)).open("/")


@pytest.fixture
def place(network, read) -> Place:
    told = [one for n in range(20) for one in done(f"d-{n}")]
    keys = [business_key("claim", CLAIM)]
    first, *rest = stuck("s-1", hours_ago=5, amount=12_300)
    fold(network, *told, first | {"business_keys": keys}, *rest, *done("x", facility=1))
    quarantined(network, NORTH, 1)
    return Place(network, read)


# -- what each role came for ----------------------------------------------------------------------


def lead(walk: Walk, place: Place) -> None:
    """From a troubled cell to how its number is computed, to the transactions; then a target."""
    page = walk.page
    walk.see("Flow health")
    walk.follow(re.compile("95.2"), page.get_by_role("table", name=re.compile("Share in time")))
    walk.see("Flow 1")
    walk.use(page.locator(".tiles [data-metric=attainment]"))
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("20 / 21 = 95.2 %")
    walk.follow("Open the 1 late", drawer)
    walk.follow("s-1")
    walk.see("Flow 1")
    walk.go("Interfaces")
    walk.see("Interfaces")
    walk.follow("Workflows")
    walk.follow("Flow 1")
    walk.follow("Propose a change")
    walk.write("Within", "90")
    walk.choose("Unit", "minutes")
    walk.write("Objective, %", "90")
    walk.write("Why", "Agreed with the payer desk")
    walk.press("Preview")
    walk.see("Of the last 28 days")
    walk.press("Propose")
    walk.see(re.compile("Flow 1: "))
    assert ChangeProposal.objects.get().state == "proposed"


def analyst(walk: Walk, place: Place) -> None:
    """A claim by its number; a refused event given up, and taken back."""
    page = walk.page
    walk.see("My queue")
    walk.search(CLAIM)
    expect(page.get_by_role("table", name="Stages and attempts")).to_contain_text("NO_COSTCENTER")
    walk.see("Flow 1")
    walk.go("Quarantine")
    walk.see("Quarantine")
    walk.follow("Unknown stage", page.get_by_role("region", name="Refused events"))
    walk.use(page.get_by_text("Give this event up"))
    walk.write("Why", "Sent by a test system")
    walk.open("Give it up", "button")
    question = page.get_by_role("alertdialog", name="Give this event up?")
    expect(question.get_by_role("button", name="Keep as it is")).to_be_focused()
    walk.press("Give it up", question)
    expect(page.get_by_role("button", name="Take it back")).to_be_visible()
    walk.see("Unknown stage")
    assert Quarantine.objects.get().state == "discarded"
    walk.press("Take it back")
    expect(page.get_by_text("It is open again").first).to_be_visible()


def supervisor(walk: Walk, place: Place) -> None:
    """What is late, as a file; everything of one reason given up at once, and undone."""
    page = walk.page
    expect(page).to_have_title(re.compile("Exceptions"))
    walk.go("Flow health")
    walk.see("Flow health")
    walk.follow(re.compile("95.2"), page.get_by_role("table", name=re.compile("Share in time")))
    walk.see("Flow 1")
    with walk.download() as files:
        region = page.get_by_role("region", name=re.compile("ransactions"))
        walk.use(walk.find("link", re.compile("CSV of"), region))
    assert "s-1" in files[0].path().read_text()
    walk.go("Quarantine")
    walk.follow("Work all Unknown stage")
    walk.see(re.compile("1 event: "))
    walk.write("Why", "The system is gone")
    walk.open("Give 1 up", "button")
    walk.press("Give 1 up", page.get_by_role("alertdialog"))
    expect(page.get_by_text("Under way", exact=True)).to_be_visible()
    advance_operations()
    expect(page.get_by_text("Done", exact=True)).to_be_visible()
    walk.see(re.compile("Give up"))
    walk.press("Undo")
    expect(page.get_by_text("Being undone", exact=True)).to_be_visible()
    advance_operations()
    expect(page.get_by_text("Undone", exact=True)).to_be_visible()
    assert Quarantine.objects.get().state == "open"


def approver(walk: Walk, place: Place) -> None:
    """The dollars that wait, their transaction; what was refused is read and not touched."""
    page = walk.page
    expect(page).to_have_title(re.compile("Exceptions"))
    walk.go("Scorecards")
    walk.see("Scorecards")
    walk.follow("Flow 1")
    walk.see("Flow 1")
    walk.follow("North")
    expect(page.get_by_role("main")).to_contain_text("$123")
    walk.follow("s-1")
    walk.see("Flow 1")
    walk.go("Quarantine")
    expect(page.get_by_role("link", name=re.compile("Work all"))).to_have_count(0)
    walk.follow("Unknown stage", page.get_by_role("region", name="Refused events"))
    walk.see("Unknown stage")
    expect(page.get_by_text("Give this event up")).to_have_count(0)


def executive(walk: Walk, place: Place) -> None:
    """A figure and how it is computed, the table as a file; no single transaction anywhere."""
    page = walk.page
    walk.see("Scorecards")
    walk.use(page.locator(".tiles .figure").first)
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("Your role shows figures only")
    expect(drawer.get_by_role("navigation")).to_have_count(0)
    page.keyboard.press("Escape")
    with walk.download() as files:
        walk.open(re.compile("^CSV of"))
    assert "Flow 1" in files[0].path().read_text()
    walk.follow("Flow 1")
    walk.see("Flow 1")
    walk.go("Flow health")
    walk.see("Flow health")
    assert page.locator("a[href*='/transactions/'], a[href*='/quarantine/']").count() == 0
    walk.reader.expected = ("status of 403",)
    page.goto(walk.reader.base + address(place.network, "s-1"))
    walk.see(re.compile("not|role"))
    expect(page.get_by_role("main")).not_to_contain_text("s-1")


def auditor(walk: Walk, place: Place) -> None:
    """What was done, narrowed and as a file; who holds what, and a signature."""
    page = walk.page
    walk.see("Audit")
    walk.choose("What", "Sign-in")
    expect(page).to_have_url(re.compile("group=session"))
    if not walk.has_mouse:
        expect(walk.field("What")).to_be_focused()
    expect(page.get_by_role("table", name="Acts, newest first")).to_contain_text("signed in")
    walk.see("Audit")
    with walk.download() as files:
        walk.open("CSV of the audit trail")
    assert "signed in" in files[0].path().read_text()
    walk.go("People")
    walk.see("People")
    walk.follow("Access review")
    walk.see("Access review")
    walk.press("Keep the access of Bea")
    expect(
        page.get_by_role("row", name=re.compile("Bea")).get_by_text("Keep").first
    ).to_be_visible()
    assert AccessReview.objects.filter(person__username="bea").exists()
    walk.follow("Bea")
    walk.see("Bea")


def administrator(walk: Walk, place: Place) -> None:
    """A person, a role and a facility looked at first, a second person; and the account closed."""
    page, name = walk.page, f"noor{'m' if walk.has_mouse else 'k'}"
    walk.see("People")
    walk.follow("New person")
    walk.write("User name", name)
    walk.write("First name", "Noor")
    walk.write("Last name", "Haddad")
    walk.press("Make the account")
    walk.see(re.compile("Roles and facilities of"))
    walk.tick("Finance approver")
    walk.tick("Network")
    walk.write("Why", "Signs for refunds")
    walk.press("Show what changes")
    walk.see("Waits for a second person")
    walk.press(re.compile("Change it|Ask for it"))
    expect(page.get_by_text("Finance approver waits for a second person").first).to_be_visible()
    walk.see("Noor")

    other = place.meets(f"cal{name}", "compliance_auditor")
    other.goto(f"{walk.reader.base}/people/")
    other.get_by_role("button", name="Confirm").click()
    expect(other.get_by_text("now has the role").first).to_be_visible()
    assert RoleRequest.objects.get(person__username=name).state == "confirmed"

    page.reload()
    expect(page.get_by_role("main")).to_contain_text("Finance approver")
    walk.open(re.compile("Close the account"))
    question = page.get_by_role("dialog", name=re.compile("Close the account of Noor"))
    expect(question.get_by_role("button", name="Keep as it is")).to_be_focused()
    walk.use(walk.find("button", "Keep as it is", question))
    expect(question).not_to_be_visible()
    walk.open(re.compile("Close the account"))
    walk.press("Close the account", question)
    expect(page.get_by_text("The account is closed").first).to_be_visible()
    assert not User.objects.get(username=name).is_active


# Who walks, where they begin, and how their two walks look; each size and scheme occurs for each.
WALKS = {
    "integration_lead": (lead, "/flow/", [(True, DESK, "light"), (False, SMALL, "dark")]),
    "revenue_cycle_analyst": (
        analyst, "/exceptions/", [(True, TOUCH, "dark"), (False, DESK, "light")]
    ),
    "rcm_supervisor": (supervisor, "/exceptions/", [(True, DESK, "dark"), (False, SMALL, "light")]),
    "finance_approver": (approver, "/exceptions/", [(True, TOUCH, "light"), (False, DESK, "dark")]),
    "executive": (executive, "/scorecards/", [(True, TOUCH, "dark"), (False, DESK, "light")]),
    "compliance_auditor": (auditor, "/audit/", [(True, TOUCH, "light"), (False, DESK, "dark")]),
    "administrator": (administrator, "/people/", [(True, DESK, "light"), (False, SMALL, "dark")]),
}  # fmt: skip


@pytest.mark.parametrize("with_mouse", [True, False], ids=["mouse", "keyboard"])
@pytest.mark.parametrize("role", WALKS)
def test_the_first_ten_minutes_of(role, with_mouse, place, read, axe_rules):
    journey, home, ways = WALKS[role]
    [(_, size, scheme)] = [way for way in ways if way[0] == with_mouse]
    make_person("ana", role, place.root)
    make_person("bea", "executive", place.root)
    reader = read(color_scheme=scheme, **size)
    page = reader.open("/")
    if with_mouse:
        sign_in(page, "ana")
    else:
        type_in(page, "ana", PASSWORD)
    expect(page).to_have_url(re.compile(f"{home}$"))
    journey(Walk(reader, page, with_mouse, axe_rules), place)
