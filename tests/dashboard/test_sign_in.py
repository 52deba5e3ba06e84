"""Signing in and out, and the pages that say no."""

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains, assertTemplateUsed

from apps.accounts.models import User
from tests.dashboard.cast import PASSWORD

SIGN_IN = "/sign-in/"
NO_MATCH = "User name and password do not match an active account."


def attempt(client, username="bea", password=PASSWORD, **more):
    return client.post(SIGN_IN, {"username": username, "password": password, **more})


def test_a_person_signs_in_and_lands_on_the_first_page_of_their_role(bea):
    client = Client()
    response = attempt(client)
    assert (response.status_code, response.url) == (302, "/")
    assert client.get("/", follow=True).redirect_chain == [("/exceptions/", 302)]


def test_they_return_to_where_they_were_going(bea):
    assert attempt(Client(), next="/flow/?window=7d").url == "/flow/?window=7d"


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example", "javascript:1"])
def test_nobody_is_sent_to_another_site(bea, next_page):
    assert attempt(Client(), next=next_page).url == "/"


@pytest.mark.parametrize(
    ("username", "password"), [("bea", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD)]
)
def test_the_refusal_is_the_same_whatever_was_wrong(bea, username, password):
    User.objects.create_user("gone", password=PASSWORD, is_active=False)
    response = attempt(Client(), username, password)
    assertContains(response, NO_MATCH)
    assertNotContains(response, password)
    assertContains(response, f'value="{username}"')


@pytest.mark.parametrize("username", ["", "\x00", "x" * 500, "<script>"])
def test_odd_input_is_refused_and_not_an_error(db, username):
    response = attempt(Client(), username, "x")
    assert response.status_code == 200
    assertNotContains(response, "<script>alert")


def test_who_is_signed_in_needs_no_form(as_bea):
    assert as_bea.get(SIGN_IN).url == "/"


def test_signing_out_takes_a_post_and_ends_the_session(as_bea):
    assert as_bea.get("/sign-out/").status_code == 405
    assert as_bea.post("/sign-out/").url == SIGN_IN
    assert as_bea.get("/flow/").url == "/sign-in/?next=/flow/"


def test_the_form_refuses_a_post_without_its_token(bea):
    response = attempt(Client(enforce_csrf_checks=True))
    assert response.status_code == 403
    assertTemplateUsed(response, "403_csrf.html")


def test_an_unknown_address_says_so_with_or_without_a_session(as_bea):
    assertTemplateUsed(as_bea.get("/nothing/"), "base.html")
    assertTemplateUsed(Client().get("/nothing/"), "bare.html")


def test_an_error_page_needs_nothing_that_could_be_broken():
    from django.template.loader import render_to_string

    assert "Something broke on our side" in render_to_string("500.html")
