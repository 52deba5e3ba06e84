"""Deny by default: what a view declares is asked for, and what declares nothing stays closed."""

import logging
from types import ModuleType

import pytest
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import clear_url_caches, path
from pytest_django.asserts import assertContains

from apps.accounts.access import Denied, api_user, is_declared, needs
from apps.accounts.checks import views_say_who_may_open_them
from apps.accounts.services import issue_token
from tests.accounts.conftest import person


def answer(request) -> HttpResponse:
    return HttpResponse("open")


def forgotten(request) -> HttpResponse:
    return HttpResponse("open")


@pytest.fixture
def pages(settings) -> ModuleType:
    """The product with a few more addresses."""
    from config.urls import handler403, urlpatterns

    urls = ModuleType("urls_of_a_test")
    urls.handler403 = handler403
    urls.urlpatterns = [
        path("forgotten/", forgotten),
        path("api/v1/forgotten", api_user(forgotten)),
        path("public/", login_not_required(answer)),
        path("anyone/", needs()(answer)),
        path("both/", needs("accounts.view_scorecards", "accounts.rotate_source_keys")(answer)),
        path("api/v1/figures", api_user(needs("accounts.view_scorecards")(answer))),
        path("typo/", needs("accounts.view_scorecard")(answer)),
        *urlpatterns,
    ]
    settings.ROOT_URLCONF = urls
    clear_url_caches()
    yield urls
    clear_url_caches()


@pytest.fixture
def as_ada(network) -> Client:
    client = Client()
    client.force_login(person("ada", "administrator"))
    return client


def test_a_view_that_declares_nothing_is_refused_and_logged(pages, as_bea, caplog):
    with caplog.at_level(logging.ERROR, "apps.accounts.middleware"):
        assert as_bea.get("/forgotten/").status_code == 403
    assert "forgotten does not say who may open it" in caplog.text


def test_so_is_one_of_the_api_which_the_middleware_lets_through_to_ask_for_a_token(pages, bea):
    bearer = issue_token(user=bea)
    response = Client().get("/api/v1/forgotten", headers={"Authorization": f"Bearer {bearer}"})
    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/problem+json"


def test_strangers_are_sent_to_sign_in_before_anything_is_said(pages, db):
    assert Client().get("/forgotten/").url == "/sign-in/?next=/forgotten/"
    assert Client().get("/public/").content == b"open"


def test_with_nothing_named_anyone_who_is_signed_in_may(pages, as_bea, as_ada):
    assert [one.get("/anyone/").status_code for one in (as_bea, as_ada)] == [200, 200]


def test_all_that_is_named_is_needed(pages, as_bea, as_ada):
    """One has the first permission, the other the second."""
    assert [one.get("/both/").status_code for one in (as_bea, as_ada)] == [403, 403]


def test_in_the_api_a_refusal_is_a_problem(pages, as_bea, as_ada):
    assert as_bea.get("/api/v1/figures").content == b"open"
    refused = as_ada.get("/api/v1/figures")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_nobody_in_particular_is_refused_even_where_nothing_is_named(rf: RequestFactory):
    request = rf.get("/")
    request.user = AnonymousUser()
    with pytest.raises(Denied):
        needs()(answer)(request)


def test_who_left_is_refused_even_with_a_session_at_hand(rf: RequestFactory, bea):
    request = rf.get("/")
    bea.is_active = False
    request.user = bea
    with pytest.raises(Denied):
        needs()(answer)(request)


def test_the_check_names_what_declares_nothing_and_what_nobody_could_open(pages):
    said = [(one.id, one.msg) for one in views_say_who_may_open_them(None)]
    assert [id for id, _ in said] == ["accounts.E001", "accounts.E001", "accounts.E002"]
    assert "forgotten" in said[0][1] and "view_scorecard," in said[2][1]


def test_the_product_has_nothing_to_declare(capsys):
    call_command("check", "--tag", "urls")


def test_a_view_of_the_administration_that_nothing_guards_is_not_taken_for_one(network):
    from django.contrib import admin

    from apps.accounts.models import User

    method = admin.site._registry[User].changelist_view
    assert not is_declared(method)
    assert is_declared(admin.site.admin_view(method))


def test_the_page_that_says_no_says_what_it_takes_and_who_gives_it(as_ada, as_bea):
    response = as_bea.get("/sources/")
    for words in (
        "Issue and revoke the keys of sources",
        "Integration engineer or Administrator",
        "You are here as: Revenue-cycle analyst",
        "Ask somebody with the role Administrator",
        "Nothing was changed",
    ):
        assertContains(response, words, status_code=403)


def test_it_says_nothing_of_what_was_asked_for(as_ada):
    asked = "/flow/secret-workflow/SECRET-PLACE/"
    assertContains(as_ada.get(asked), "You cannot open this", status_code=403)
    assert "secret" not in as_ada.get(asked).content.decode().lower()


def test_a_swap_that_is_refused_leaves_for_the_page_that_says_no(as_ada):
    swap = as_ada.get("/flow/board/?window=7d", headers={"HX-Request": "true"})
    assert (swap.status_code, swap.content) == (403, b"")
    assert swap.headers["HX-Redirect"] == "/flow/board/?window=7d"
    assertContains(as_ada.get(swap.headers["HX-Redirect"]), "Nothing was changed", status_code=403)


def test_a_swap_that_writes_is_refused_in_place_since_no_page_could_be_asked_for_again(as_ada):
    path = "/quarantine/00000000-0000-0000-0000-000000000001/discard/"
    swap = as_ada.post(path, headers={"HX-Request": "true"})
    assert swap.status_code == 403
    assert "HX-Redirect" not in swap.headers
