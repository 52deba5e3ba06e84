"""Sensitive acts ask again who it is, and lose nothing of what was typed."""

from types import ModuleType

import pytest
from django.http import HttpResponse
from django.shortcuts import redirect
from django.test import Client
from django.urls import clear_url_caches, path
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains, assertTemplateUsed

from apps.accounts.access import needs
from apps.accounts.acts import Act
from apps.accounts.confirm import recently_confirmed
from apps.accounts.models import AuditEvent
from tests.accounts.signing_in import PASSWORD, signed_in, with_app

pytestmark = pytest.mark.slow

done: list[dict] = []


@needs()
@recently_confirmed
def act(request) -> HttpResponse:
    if request.method == "POST":
        done.append({name: request.POST.getlist(name) for name in request.POST})
        return redirect("/done/")
    return HttpResponse("the page itself")


@pytest.fixture
def later(settings, time_machine, bea) -> Client:
    """A browser that signed in six minutes ago, and an act that asks again."""
    from config.urls import handler403, handler429, urlpatterns

    urls = ModuleType("urls_of_a_test")
    urls.handler403, urls.handler429 = handler403, handler429
    urls.urlpatterns = [path("act/", act), *urlpatterns]
    settings.ROOT_URLCONF = urls
    clear_url_caches()
    done.clear()
    time_machine.move_to("2026-06-01T08:00:00Z")
    client = signed_in(bea)
    time_machine.move_to("2026-06-01T08:06:00Z")
    yield client
    clear_url_caches()


def test_for_five_minutes_after_signing_in_nothing_is_asked(later, time_machine):
    time_machine.move_to("2026-06-01T08:04:00Z")
    assertContains(later.get("/act/"), "the page itself")


def test_a_page_is_shown_after_the_password(later):
    asked = later.get("/act/")
    assertTemplateUsed(asked, "accounts/confirm.html")
    assertNotContains(asked, "the page itself")
    answer = later.post("/act/", {"confirm_page": "1", "confirm_password": PASSWORD})
    assert answer.url == "/act/"
    assertContains(later.get("/act/"), "the page itself")
    assert done == []
    assert AuditEvent.objects.filter(act=Act.CONFIRMED).count() == 1


def test_what_was_typed_travels_through_the_question(later):
    typed = {"reason": 'a "quoted" <reason>', "place": ["a", "b"]}
    asked = later.post("/act/", typed)
    assert done == []
    assertContains(asked, escape(typed["reason"]))
    assertContains(asked, "What you typed is kept")
    answer = later.post("/act/", typed | {"confirm_password": PASSWORD})
    assert answer.url == "/done/"
    assert done[0]["reason"] == [typed["reason"]] and done[0]["place"] == ["a", "b"]


def test_a_wrong_password_does_nothing_and_keeps_what_was_typed(later):
    asked = later.post("/act/", {"reason": "because", "confirm_password": "wrong"})
    assertContains(asked, "This is not your password")
    assertContains(asked, 'name="reason" value="because"')
    assertNotContains(asked, "wrong")
    assert done == []


def test_the_password_of_somebody_else_is_not_yours(later, ivo):
    ivo.set_password("the password of ivo")
    ivo.save()
    later.post("/act/", {"confirm_password": "the password of ivo"})
    assert done == []


def test_passwords_cannot_be_tried_here_either(later):
    for _ in range(5):
        later.post("/act/", {"confirm_password": "wrong"})
    assert later.post("/act/", {"confirm_password": PASSWORD}).status_code == 429
    assert done == []


def test_a_code_will_do_as_well(later, bea):
    show = with_app(bea)
    assertContains(later.get("/act/"), "a code of your authenticator app")
    assert later.post("/act/", {"reason": "x", "confirm_code": show()}).url == "/done/"


def test_a_wrong_code_and_rubbish_for_a_passkey_do_nothing(later, bea):
    with_app(bea)
    assertContains(later.post("/act/", {"confirm_code": "000000"}), "This code is not valid")
    for rubbish in ("x", "[]", "{}"):
        assert later.post("/act/", {"confirm_passkey": rubbish}).status_code == 200
    assert done == []


def test_a_swap_is_answered_in_the_page_and_loses_nothing(later):
    asked = later.post("/act/", {"reason": "because"}, headers={"HX-Request": "true"})
    assert asked.headers["HX-Retarget"] == "#main"
    assert asked.headers["HX-Reswap"] == "innerHTML"
    assertContains(asked, 'name="reason" value="because"')
    assertNotContains(asked, "<html")
    opened = later.get("/act/", headers={"HX-Request": "true"})
    assert opened.headers["HX-Redirect"] == "/act/"


def test_the_question_itself_needs_the_token_of_the_form(later, bea):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = later.cookies
    assert strict.post("/act/", {"confirm_password": PASSWORD}).status_code == 403


def test_who_is_not_signed_in_is_not_asked_but_sent_to_sign_in(later):
    assert Client().post("/act/").url == "/sign-in/?next=/act/"


def test_changes_of_second_factors_ask(later):
    for page in ("app/add", "app/remove", "passkeys/add", "recovery-codes"):
        assertTemplateUsed(later.get(f"/account/{page}/"), "accounts/confirm.html")


def test_a_key_of_a_source_is_issued_after_a_question_that_keeps_the_form(later, settings, bea):
    from django.contrib.auth.models import Group

    from apps.telemetry.models import Source, SourceKey

    bea.groups.set([Group.objects.get(name="administrator")])
    Source.objects.create(code="ehr", name="EHR")
    assert later.get("/sources/ehr/").status_code == 200
    asked = later.post("/sources/ehr/keys/", {"label": "the new one"})
    assertContains(asked, 'name="label" value="the new one"')
    assert not SourceKey.objects.exists()
