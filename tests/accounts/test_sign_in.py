"""Signing in with a local account: how often somebody may fail, and who is told what."""

import logging

import pytest
import redis
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django.asserts import assertContains, assertTemplateUsed

from apps.accounts.acts import Act
from apps.accounts.models import AuditEvent, User
from tests.accounts.signing_in import PASSWORD, SIGN_IN, attempt

FAILURES = 5


@pytest.fixture
def bea(bea: User) -> User:
    bea.set_password(PASSWORD)
    bea.save()
    return bea


def acts() -> list[str]:
    return list(AuditEvent.objects.order_by("at", "id").values_list("act", flat=True))


def fail(name: str = "bea", times: int = FAILURES, **more) -> None:
    for _ in range(times):
        assert attempt(Client(**more), name, "wrong").status_code == 200


def test_forty_people_of_one_office_sign_in_within_a_minute(bea):
    """Behind the one address of a hospital; only failures count against it."""
    for number in range(40):
        User.objects.create(username=f"p{number}", password=bea.password)
    answers = {attempt(Client(), f"p{number}").status_code for number in range(40)}
    assert answers == {302}


def test_an_account_closes_for_minutes_after_five_failures_even_to_the_right_password(bea):
    fail()
    response = attempt(Client())
    assert response.status_code == 429
    assertTemplateUsed(response, "429.html")
    assert 0 < int(response.headers["Retry-After"]) <= 300
    assertContains(response, "Too many attempts", status_code=429)
    assert attempt(Client(), "bea", "wrong").status_code == 429


def test_it_is_the_same_for_an_account_that_does_not_exist(db):
    fail("nobody")
    assert attempt(Client(), "nobody").status_code == 429


def test_another_account_of_the_same_address_stays_open(bea):
    User.objects.create(username="sam", password=bea.password)
    fail()
    assert attempt(Client(), "sam").status_code == 302


def test_capital_letters_are_no_second_account_to_try(bea):
    fail(times=3)
    fail("BEA", times=2)
    assert attempt(Client()).status_code == 429


def test_another_name_of_the_host_is_no_second_count(bea, settings):
    fail(times=3, headers={"Host": "localhost"})
    fail(times=2, headers={"Host": "127.0.0.1"})
    assert attempt(Client()).status_code == 429


def test_it_opens_again_when_the_failures_are_past(bea, time_machine):
    time_machine.move_to("2026-06-01T08:00:00Z")
    fail()
    time_machine.move_to("2026-06-01T08:05:01Z")
    assert attempt(Client()).status_code == 302


def test_an_address_that_tries_names_is_closed(db, settings):
    settings.ACCOUNT_RATE_LIMITS = {
        **settings.ACCOUNT_RATE_LIMITS,
        "login_failed": "7/m/ip,5/5m/key",
    }
    for number in range(7):
        fail(f"name{number}", times=1)
    assert attempt(Client(), "name8").status_code == 429
    assert attempt(Client(REMOTE_ADDR="10.9.8.7"), "name9").status_code == 200


@pytest.mark.parametrize(
    ("proxies", "said", "counted"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "rubbish", None),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_only_our_own_proxies_are_believed(rf, settings, proxies, said, counted):
    from apps.accounts.addresses import address_of

    settings.THROUGHLINE_TRUSTED_PROXIES = proxies
    assert address_of(rf.get("/", headers={"X-Forwarded-For": said})) == counted


def test_all_processes_count_together(bea):
    """What is counted lies in the database, not in the memory of one process."""
    fail()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM accounts_cache WHERE cache_key LIKE '%%login_failed%%'"
        )
        assert cursor.fetchone()[0] >= 2
    assert type(cache._connections["default"]).__name__ == "DatabaseCache"


def test_without_the_broker_people_sign_in_and_failures_count(bea, monkeypatch):
    def refuse(*_):
        raise redis.ConnectionError("the broker is away")

    monkeypatch.setattr(redis.Connection, "connect", refuse)
    assert attempt(Client()).status_code == 302
    fail()
    assert attempt(Client()).status_code == 429


def test_the_limit_of_a_view_is_the_same_page(bea, settings):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "login": "1/m/ip"}
    attempt(Client())
    response = attempt(Client())
    assert (response.status_code, response.headers["Retry-After"]) == (429, "60")
    assertTemplateUsed(response, "429.html")


def test_sign_ins_failures_and_lockouts_are_on_record_and_what_was_typed_is_not(bea):
    attempt(Client())
    fail()
    attempt(Client())
    fail("my-password-in-the-wrong-field", times=1)
    assert {Act.SIGNED_IN, Act.SIGN_IN_FAILED, Act.SIGN_IN_LOCKED} <= set(acts())
    kept = str(list(AuditEvent.objects.values()))
    assert "my-password" not in kept and PASSWORD not in kept


def test_nothing_that_was_typed_is_logged(bea, caplog):
    caplog.set_level(logging.DEBUG)
    fail("my-password-in-the-wrong-field", times=1)
    assert "my-password" not in caplog.text


def test_nobody_registers(db):
    for path in ("/accounts/signup/", "/account/signup/", "/sign-up/", "/accounts/login/"):
        assert Client().get(path).status_code == 404


def test_the_page_says_what_holds_before_anything_is_typed(db, settings):
    response = Client().get(SIGN_IN)
    assertContains(response, "15 minutes without use, and 10 hours after signing in")
    assertContains(response, "Access is recorded")
    assert "Continue with" not in response.content.decode()


def test_the_administration_has_no_door_of_its_own(db, ivo):
    response = Client().get("/admin/catalog/facility/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/sign-in/?next=/admin/catalog/facility/")
    assertTemplateUsed(response, "accounts/sign_in.html")


def test_who_works_elsewhere_is_told_so_at_the_administration(as_bea):
    assertContains(as_bea.get("/admin/", follow=True), "You cannot open this", status_code=403)


def test_passwords_are_hashed_by_argon2id():
    from config import settings as product

    assert product.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")
    from django.contrib.auth.hashers import Argon2PasswordHasher

    assert (
        Argon2PasswordHasher().encode("a password", "saltsaltsalt").startswith("argon2$argon2id$")
    )


# -- a forgotten password --------------------------------------------------------------------------


@pytest.fixture
def with_mail(settings, bea):
    settings.EMAIL_HOST = "mail.example"
    bea.email = "bea@quillhaven.example"
    bea.save()


def test_without_mail_there_is_no_such_page(db):
    assert Client().get("/forgotten/").status_code == 404
    assert "Forgot" not in Client().get(SIGN_IN).content.decode()


def test_a_link_sets_a_new_password_once_and_ends_every_session(with_mail, as_bea):
    assertContains(Client().get(SIGN_IN), "Forgot your password?")
    assert (
        Client().post("/forgotten/", {"email": "bea@quillhaven.example"}).url == "/forgotten/sent/"
    )
    [letter] = mail.outbox
    link = next(word for word in letter.body.split() if word.startswith("http"))
    client = Client()
    form = client.get(link, follow=True)
    assert "set-password" in form.redirect_chain[-1][0]
    new = "a few quiet words"
    done = client.post(
        form.redirect_chain[-1][0], {"password1": new, "password2": new}, follow=True
    )
    assertContains(done, "Your password is changed")
    assert as_bea.get("/").url.startswith(SIGN_IN)
    assert attempt(Client(), "bea", new).status_code == 302
    assertContains(Client().get(link, follow=True), "does not work any more")
    assert Act.PASSWORD_RESET in acts()


def test_an_unknown_address_gets_the_same_page_and_no_mail(with_mail):
    known = Client().post("/forgotten/", {"email": "bea@quillhaven.example"})
    unknown = Client().post("/forgotten/", {"email": "who@else.example"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert len(mail.outbox) == 1


def test_an_address_that_only_looks_alike_gets_no_link(with_mail, bea):
    """The mail goes where it was asked for: that would be somebody else's domain."""
    bea.email = "bea@quillhaven.example"
    bea.set_password(PASSWORD)
    bea.save()
    Client().post("/forgotten/", {"email": "bea@qu\u0131llhaven.example"})
    assert not mail.outbox
    Client().post("/forgotten/", {"email": "BEA@Quillhaven.example"})
    assert len(mail.outbox) == 1
