"""Signing in, in a real browser: by keyboard, on a phone, with a passkey; how a session ends."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.accounts.models import Session
from apps.accounts.sessions import SessionStore
from tests.accounts.signing_in import code_of
from tests.dashboard.cast import PASSWORD

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
MISSES = ("status of 403", "status of 404", "status of 429")


def with_authenticator(page: Page) -> Any:
    """A device of the browser's own that keeps passkeys, and a person who is at it."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return lambda: cdp.send("WebAuthn.getCredentials", added)["credentials"]


def type_in(page: Page, *words: str) -> None:
    """Fill a form from the field that has the focus on, by keyboard alone."""
    for word in words[:-1]:
        page.keyboard.type(word)
        page.keyboard.press("Tab")
    page.keyboard.type(words[-1])
    page.keyboard.press("Enter")


def sign_in(page: Page, name: str = "ivo") -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()


def test_by_keyboard_alone_somebody_sets_an_app_up_and_signs_in_with_it(ivo, read):
    reader = read()
    page = reader.open("/sign-in/")
    type_in(page, "ivo", PASSWORD)
    expect(page).to_have_url(re.compile("/flow/$"))
    page.goto(reader.base + "/account/security/")
    page.get_by_role("link", name="Set up").focus()
    page.keyboard.press("Enter")
    page.get_by_text("No camera?").focus()
    page.keyboard.press("Enter")
    secret = page.locator("#key").inner_text()
    page.get_by_label("Code").focus()
    type_in(page, code_of(secret))
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator("#codes li")).to_have_count(10)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as a file").click()
    kept = saved.value.path().read_text()
    assert page.locator("#codes li").first.inner_text() in kept

    other = read().open("/sign-in/?next=/flow/?window=7d")
    type_in(other, "ivo", PASSWORD)
    expect(other.get_by_role("heading", name="Second step")).to_be_visible()
    expect(other.get_by_label("Code")).to_be_focused()
    type_in(other, code_of(secret, periods=1))
    expect(other).to_have_url(re.compile(r"/flow/\?window=7d$"))


def test_a_passkey_is_added_signs_in_by_itself_confirms_and_is_removed(ivo, read):
    reader = read()
    page = reader.open("/sign-in/")
    kept = with_authenticator(page)
    sign_in(page)
    expect(page).to_have_url(re.compile("/flow/$"))
    page.goto(reader.base + "/account/passkeys/add/")
    page.get_by_label("Name of this passkey").fill("My laptop")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert len(kept()) == 1

    page.goto(reader.base + "/account/security/")
    expect(page.get_by_role("rowheader", name="My laptop")).to_be_visible()
    page.context.clear_cookies()
    page.goto(reader.base + "/sign-in/?next=/account/sessions/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()

    forget_proofs()
    page.goto(reader.base + "/account/recovery-codes/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto(reader.base + "/account/security/")
    page.get_by_role("link", name="Remove My laptop").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("is removed")
    expect(page.get_by_role("rowheader", name="My laptop")).to_have_count(0)


def test_a_passkey_is_the_second_step_as_well(ivo, read):
    reader = read()
    page = reader.open("/sign-in/")
    with_authenticator(page)
    sign_in(page)
    page.goto(reader.base + "/account/passkeys/add/")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.context.clear_cookies()
    page.goto(reader.base + "/sign-in/")
    sign_in(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile("/flow/$"))


def test_a_passkey_that_is_not_ours_is_refused_in_words(ivo, read):
    reader = read()
    page = reader.open("/sign-in/")
    with_authenticator(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("The device gave no passkey")).to_be_visible(timeout=70_000)


def forget_proofs() -> None:
    """As if the last proof were long ago."""
    for row in Session.objects.exclude(user=None):
        store = SessionStore(row.session_key)
        store["account_authentication_methods"] = []
        store.save()


def test_a_page_says_in_time_that_the_session_ends_and_stays_when_told_to(ivo, read):
    reader = read(ivo)
    page = reader.open("/account/sessions/")
    note = page.get_by_text("Your session ends within two minutes")
    age_session(seconds=700)
    look_again(page)
    expect(note).to_have_count(0)
    age_session(seconds=795)
    look_again(page)
    expect(note).to_be_visible()
    page.get_by_role("button", name="Stay signed in").click()
    expect(note).to_have_count(0)
    assert Session.objects.get(user=ivo).last_active_at > timezone.now() - timedelta(minutes=1)


def test_a_page_that_is_left_alone_leaves_for_the_page_to_sign_in(ivo, read):
    reader = read(ivo)
    reader.expected = ("status of 401",)
    page = reader.open("/account/sessions/")
    Session.objects.all().delete()
    look_again(page)
    expect(page).to_have_url(re.compile(r"/sign-in/\?next=/account/sessions/$"))


def look_again(page: Page) -> None:
    """What happens every fifteen seconds by itself."""
    with page.expect_response("**/status/strip/"):
        page.evaluate("htmx.trigger('#strip', 'refresh')")


def age_session(*, seconds: int) -> None:
    moment = timezone.now() - timedelta(seconds=seconds)
    for row in Session.objects.exclude(user=None):
        end = moment + timedelta(minutes=15)
        Session.objects.filter(pk=row.pk).update(last_active_at=moment, expire_date=end)


def test_without_script_it_all_works_but_passkeys(ivo, read):
    page = read(java_script_enabled=False).open("/sign-in/")
    sign_in(page)
    page.goto(re.sub(r"/flow/.*", "/account/app/add/", page.url))
    page.get_by_text("No camera?").click()
    secret = page.locator("#key").inner_text()
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()


PAGES = [
    "/account/security/", "/account/sessions/", "/account/app/add/", "/account/passkeys/add/",
    "/account/password/",
]  # fmt: skip


@SCHEMES
@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_every_page_is_readable_by_everybody_and_fits(ivo, read, axe_rules, scheme, size):
    reader = read(color_scheme=scheme, **size)
    page = reader.open("/sign-in/")
    check(page, axe_rules)
    sign_in(page)
    for path in PAGES:
        page.goto(reader.base + path)
        check(page, axe_rules)
    forget_proofs()
    page.goto(reader.base + "/account/app/add/")
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    check(page, axe_rules)


def check(page: Page, rules: Any) -> None:
    page.evaluate(rules.read_text())
    found = page.evaluate("axe.run().then((result) => result.violations)")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], page.url
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, f"{page.url} is {width} px too wide"
