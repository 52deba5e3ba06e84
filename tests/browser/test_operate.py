"""An integration engineer's first ten minutes: a source, its key, a refused event, by keyboard."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.telemetry.models import Quarantine, SourceKey
from apps.telemetry.services import advance_operations
from tests.dashboard.cast import make_person
from tests.telemetry.wire import Sender, event

PHONE = {"viewport": {"width": 390, "height": 844}}
PAGES = ["/sources/", "/quarantine/", "/batches/", "/interfaces/", "/catalogue/facilities/",
         "/catalogue/workflows/flow_1/", "/catalogue/workflows/flow_1/integration/change/",
         "/catalogue/alias/"]  # fmt: skip


@pytest.fixture
def eli(network: Any) -> Any:
    """Looks after the interfaces of the whole network."""
    return make_person("eli", "integration_engineer", network.facilities[0].parent)


def press(page: Page, name: str, within: Locator | None = None) -> None:
    """Reach something by its name and use it, without a mouse."""
    place = within or page
    target = place.get_by_role("button", name=name).or_(place.get_by_role("link", name=name)).first
    target.focus()
    page.keyboard.press("Enter")


@pytest.mark.usefixtures("transactional_db")
def test_from_a_new_source_to_an_event_that_was_given_up_and_taken_back(read, eli):
    reader = read(eli)
    page = reader.open("/sources/")
    press(page, "New source")
    page.locator("#id_code").fill("lab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="lab")).to_be_visible()

    press(page, "Issue the key")
    key = page.get_by_label("The key").input_value()
    assert SourceKey.objects.get(source__code="lab").prefix == key[:12]
    refused = event(data__workflow="flow_1", data__stage="step_1", data__facility="N-01")
    assert Sender(key).refusals(refused) == ["unknown_facility"]

    page.goto(f"{reader.base}/quarantine/")
    press(page, "Work all Unknown facility")
    page.get_by_label("Why").fill("A test system")
    page.keyboard.press("Enter")
    question = page.get_by_role("alertdialog", name="Give 1 event up?")
    expect(question.get_by_role("button", name="Keep as it is")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.press("Enter")
    press(page, "Give 1 up", within=question)
    expect(page.get_by_text("Under way", exact=True)).to_be_visible()
    advance_operations()
    expect(page.get_by_text("Done", exact=True)).to_be_visible()
    press(page, "Undo")
    expect(page.get_by_text("Being undone", exact=True)).to_be_visible()
    advance_operations()
    expect(page.get_by_text("Undone", exact=True)).to_be_visible()
    assert Quarantine.objects.get().state == "open"


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_clean_at_every_size(read, eli, axe_rules, options, scheme):
    reader = read(eli, color_scheme=scheme, **options)
    for path in PAGES:
        page = reader.open(path)
        page.evaluate(axe_rules.read_text())
        found = page.evaluate("axe.run().then((result) => result.violations.map((one) => one.id))")
        width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert (path, found, width <= 0) == (path, [], True)
        page.close()
