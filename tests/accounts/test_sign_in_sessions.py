"""Sessions: when they end by themselves, who ends them, and what ends them at once."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts.acts import Act
from apps.accounts.models import AuditEvent, Session, User
from apps.accounts.services.sessions import forget_ended_sessions
from apps.pipeline.services import maintain
from tests.accounts.signing_in import PASSWORD, attempt, signed_in

pytestmark = pytest.mark.slow

SESSIONS = "/account/sessions/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
START = "2026-06-01T08:00:00Z"
POLL = {"X-Poll": "1"}


@pytest.fixture
def clock(time_machine):
    """Moves to so many minutes after eight."""
    time_machine.move_to(START, tick=False)
    return lambda minutes: time_machine.move_to(
        timezone.datetime.fromisoformat(START) + timedelta(minutes=minutes), tick=False
    )


def is_open(client: Client, **headers: str) -> bool:
    return client.get("/status/strip/", headers=headers).status_code == 200


def test_a_session_ends_after_a_quarter_of_an_hour_without_use(clock, bea):
    client = signed_in(bea)
    clock(14)
    assert is_open(client)
    clock(28)
    assert is_open(client)
    clock(44)
    assert not is_open(client)


def test_polling_does_not_keep_it_alive(clock, bea):
    client = signed_in(bea)
    for minute in range(1, 15):
        clock(minute)
        assert is_open(client, **POLL)
    clock(15.1)
    assert not is_open(client, **POLL)


def test_it_ends_after_ten_hours_whatever_happens(clock, bea):
    client = signed_in(bea)
    for minute in range(10, 600, 10):
        clock(minute)
        assert is_open(client)
    clock(601)
    assert not is_open(client)


def test_both_limits_are_settings(clock, bea, settings):
    settings.SESSION_IDLE_SECONDS, settings.SESSION_COOKIE_AGE = 60, 90
    client = signed_in(bea)
    clock(0.9)
    assert is_open(client)
    clock(1.6)
    assert not is_open(client)


def test_every_answer_says_in_how_many_seconds_the_session_ends(clock, bea):
    client = signed_in(bea)
    clock(10)
    assert client.get("/", headers=POLL).headers["X-Session-Ends"] == "300"
    assert client.get("/").headers["X-Session-Ends"] == "900"
    clock(597)
    Session.objects.update(last_active_at=timezone.now(), expire_date="2026-06-01T18:00:00Z")
    assert client.post("/account/sessions/stay/").headers["X-Session-Ends"] == "180"


def test_a_stranger_is_told_of_no_session(db):
    assert "X-Session-Ends" not in Client().get("/sign-in/").headers
    assert "X-Session-Ends" not in Client().get("/healthz").headers


def test_a_swap_after_the_end_leaves_for_the_page_to_sign_in(clock, bea):
    client = signed_in(bea)
    clock(16)
    swap = {"HX-Request": "true", "HX-Current-URL": "http://testserver/flow/?window=7d", **POLL}
    answer = client.get("/status/strip/", headers=swap)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in/?next=/flow/%3Fwindow%3D7d"


def test_a_busy_reader_is_not_an_update_a_request(clock, bea, django_assert_num_queries):
    client = signed_in(bea)
    clock(1)
    client.post("/account/sessions/stay/")
    with django_assert_num_queries(2):  # the session and the person
        client.post("/account/sessions/stay/")


def test_writing_into_a_session_is_no_activity(clock, bea):
    client = signed_in(bea)
    clock(10)
    session = client.session
    session["something"] = 1
    session.save()
    assert Session.objects.get().last_active_at.minute == 0


def test_the_time_spent_on_the_form_is_not_counted(clock, bea):
    bea.set_password(PASSWORD)
    bea.save()
    client = Client()
    client.get("/sign-in/sso/")
    clock(10)
    attempt(client)
    assert Session.objects.get(user=bea).started_at.minute == 10


def two_browsers(user: User) -> tuple[Client, Client]:
    user.set_password(PASSWORD)
    user.save()
    here, there = Client(), Client(headers={"User-Agent": FIREFOX}, REMOTE_ADDR="10.1.2.3")
    attempt(here, user.username)
    attempt(there, user.username)
    return here, there


def test_the_other_browser_is_known_by_name_and_address(bea):
    here, _ = two_browsers(bea)
    page = here.get(SESSIONS)
    assertContains(page, "Firefox on Windows")
    assertContains(page, "10.1.2.3")
    assertContains(page, "this one</span>", count=1)
    for session in Session.objects.all():
        assertNotContains(page, session.session_key)


def test_one_session_is_ended_and_the_others_stay(bea):
    here, there = two_browsers(bea)
    handle = Session.objects.get(agent=FIREFOX).handle
    assert here.post(f"{SESSIONS}{handle}/end/").url == SESSIONS
    assert (is_open(here), is_open(there)) == (True, False)
    assert AuditEvent.objects.filter(act=Act.SESSION_ENDED).count() == 1


def test_all_others_are_ended_at_once(bea):
    here, there = two_browsers(bea)
    here.post(f"{SESSIONS}end-others/")
    assert (is_open(here), is_open(there)) == (True, False)


def test_nobody_ends_the_session_of_somebody_else(bea, ivo):
    client, other = signed_in(bea), signed_in(ivo)
    handle = Session.objects.get(user=ivo).handle
    assert client.post(f"{SESSIONS}{handle}/end/").status_code == 404
    assert is_open(other)


def test_a_new_password_ends_every_session_but_the_one_it_was_set_in(bea):
    here, there = two_browsers(bea)
    new = "a few quiet words"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/account/password/", form).url == "/account/security/"
    assert (is_open(here), is_open(there)) == (True, False)
    assert Session.objects.filter(user=bea).count() == 1
    assert AuditEvent.objects.filter(act=Act.PASSWORD_CHANGED).count() == 1


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong", "a few quiet words", "a few quiet words", "current password"),
        (PASSWORD, "brief-one", "brief-one", "too short"),
        (PASSWORD, "a few quiet words", "other quiet words", "same password"),
    ],
)
def test_a_password_that_will_not_do_is_refused_with_the_reason(bea, old, new, again, said):
    client = signed_in(bea)
    form = {"oldpassword": old, "password1": new, "password2": again}
    page = client.post("/account/password/", form)
    assertContains(page, said)
    assertNotContains(page, new)


@pytest.mark.parametrize(
    "change",
    [
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user: User.objects.filter(pk=user.pk).update(password="!"),
        lambda user: user.delete(),
    ],
    ids=["closed", "password", "deleted"],
)
def test_by_whatever_means_an_account_changes_its_sessions_end_at_once(bea, change):
    client = signed_in(bea)
    change(bea)
    assert not Session.objects.filter(user=bea.pk).exists()
    assert not is_open(client)


def test_other_changes_of_an_account_end_nothing(bea):
    client = signed_in(bea)
    User.objects.filter(pk=bea.pk).update(first_name="Beatrice", is_active=True)
    assert is_open(client)


def test_a_session_changes_its_key_when_somebody_signs_in(bea):
    bea.set_password(PASSWORD)
    bea.save()
    client = Client()
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    client.cookies["throughline"] = before
    attempt(client)
    assert client.cookies["throughline"].value != before
    assert not Session.objects.filter(pk=before).exists()


def test_the_cookie_is_as_hard_as_it_was(bea):
    cookie = signed_in(bea).cookies["throughline"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["max-age"]


def test_rows_of_ended_sessions_are_forgotten(clock, bea):
    signed_in(bea)
    assert forget_ended_sessions() == 0
    clock(20)
    maintain()
    assert not Session.objects.exists()
