"""Single sign-on against a real provider in its own process, the whole flow over HTTP."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django.asserts import assertContains

from apps.accounts.acts import Act
from apps.accounts.models import AuditEvent, User
from apps.accounts.oidc import Adapter, person_of
from apps.accounts.separation import SENSITIVE
from config.env import oidc, providers
from tests.accounts.provider.__main__ import CLIENT_ID, PASSWORD, SECRET
from tests.accounts.signing_in import signed_in, with_app

# A provider is started, and speaks over real connections.
pytestmark = pytest.mark.slow

CALLBACK = "http://testserver/sign-in/sso/answer/"
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("provider")
    words = [sys.executable, "-m", "tests.accounts.provider", str(folder), CALLBACK]
    process = subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture
def sso(provider: str, settings, monkeypatch) -> Callable[..., None]:
    """Set single sign-on up as the environment would."""

    def configure(**more: str) -> None:
        said = {"ISSUER": provider, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": SECRET,
                "NAME": "Quillhaven SSO", **more}  # fmt: skip
        for name, value in said.items():
            monkeypatch.setenv(f"THROUGHLINE_OIDC_{name}", value)
        settings.SINGLE_SIGN_ON = oidc()
        settings.SOCIALACCOUNT_PROVIDERS = providers(settings.SINGLE_SIGN_ON)

    configure()
    return configure


@pytest.fixture
def bea(bea: User) -> User:
    bea.email = "Bea@Quillhaven.example"
    bea.save()
    return bea


def over_there(question: str, name: str) -> str:
    """Sign in at the provider, as a browser would; returns where it sends the browser back to."""
    with requests.Session() as browser:
        page = browser.get(question, allow_redirects=False).headers["Location"]
        host = "{0.scheme}://{0.netloc}".format(urlsplit(question))
        form = {"name": name, "password": PASSWORD}
        answer = browser.post(host + page, data=form, allow_redirects=False)
        return browser.get(host + answer.headers["Location"], allow_redirects=False).headers[
            "Location"
        ]


def come_in(client: Client, name: str, query: str = ""):
    question = client.get(f"/sign-in/sso/{query}").url
    return client.get(over_there(question, name).removeprefix("http://testserver"))


def test_the_page_offers_it_first_and_by_name(sso, db):
    page = Client().get("/sign-in/?next=/flow/").content.decode()
    assert 'href="/sign-in/sso/?next=/flow/"' in page
    assert page.index("Continue with Quillhaven SSO") < page.index('name="username"')


def test_who_has_the_verified_address_of_an_account_opens_it_and_is_linked(sso, bea):
    client = Client()
    assert come_in(client, "bea", "?next=/flow/%3Fwindow%3D7d").url == "/flow/?window=7d"
    assert client.get("/flow/").status_code == 200
    link = SocialAccount.objects.get(user=bea)
    assert link.extra_data == {"iss": link.extra_data["iss"]} and ":" in link.uid
    assert AuditEvent.objects.filter(act=Act.SSO_LINKED, actor_id=bea.pk).count() == 1


def test_from_then_on_the_link_counts_and_not_the_address(sso, bea):
    come_in(Client(), "bea")
    bea.email = "another@quillhaven.example"
    bea.save()
    assert come_in(Client(), "bea").url == "/"
    assert SocialAccount.objects.count() == 1


def test_an_address_that_nobody_verified_opens_nothing(sso, ivo):
    ivo.email = "ivo@quillhaven.example"
    ivo.save()
    response = come_in(Client(), "unsure")
    assertContains(response, "You have no account here", status_code=403)
    assert not SocialAccount.objects.exists()
    assert AuditEvent.objects.filter(act=Act.SIGN_IN_FAILED).exists()


def test_who_is_unknown_is_refused_and_no_account_is_made(sso, bea):
    before = User.objects.count()
    assertContains(come_in(Client(), "new"), "You have no account here", status_code=403)
    assert User.objects.count() == before


def test_a_superuser_and_a_closed_account_are_not_linked(sso, bea):
    User.objects.create_superuser("root", "root@quillhaven.example")
    assert come_in(Client(), "root").status_code == 403
    User.objects.filter(pk=bea.pk).update(is_active=False)
    assert come_in(Client(), "bea").status_code == 403


def test_an_account_that_is_closed_later_stays_closed_to_its_link(sso, bea):
    come_in(Client(), "bea")
    User.objects.filter(pk=bea.pk).update(is_active=False)
    client = Client()
    assertContains(come_in(client, "bea"), "Your account is closed", status_code=403)
    assert client.get("/flow/").url.startswith("/sign-in/")


def test_two_accounts_with_one_address_are_no_account(sso, bea, ivo):
    User.objects.update(email="bea@quillhaven.example")
    assert come_in(Client(), "bea").status_code == 403


@pytest.mark.parametrize("role", SENSITIVE)
@pytest.mark.parametrize("claim", ["", "preferred_username"])
def test_the_provider_alone_opens_no_account_of_a_second_person(sso, bea, role, claim):
    sso(USERNAME_CLAIM=claim)
    bea.groups.set(Group.objects.filter(name=role))
    assertContains(come_in(Client(), "bea"), "You have no account here", status_code=403)
    assert not SocialAccount.objects.exists()


def test_a_second_person_links_it_themselves_and_comes_in_by_it_afterwards(sso, bea):
    bea.groups.set(Group.objects.filter(name="finance_approver"))
    client = signed_in(bea)
    assertContains(client.get("/account/security/"), "/sign-in/sso/?next=/account/security/")
    assert come_in(client, "bea", "?next=/account/security/").url == "/account/security/"
    assertContains(client.get("/account/security/"), "Linked")
    assert come_in(Client(), "bea").url == "/"


def test_nobody_links_an_identity_of_somebody_else_to_the_account_they_are_in(sso, ivo, bea):
    client = signed_in(ivo)
    assert come_in(client, "bea").status_code == 403
    assert come_in(client, "new").status_code == 403
    assert not SocialAccount.objects.exists()


def test_rights_that_the_provider_speaks_of_are_nobodys(sso, bea):
    client = Client()
    come_in(client, "bea")
    bea.refresh_from_db()
    assert (bea.is_staff, bea.is_superuser) == (False, False)
    assert [group.name for group in bea.groups.all()] == ["revenue_cycle_analyst"]
    assert client.get("/people/").status_code == 403


def test_an_address_that_only_looks_alike_is_another_one(sso, bea):
    assert User.objects.filter(email__iexact="bea@qu\u0131llhaven.example").exists()
    assertContains(come_in(Client(), "alike"), "You have no account here", status_code=403)


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=x&state=", "?error=x",
                                   "?state=a&state=b&code=c"])  # fmt: skip
def test_an_answer_without_a_question_is_refused(sso, db, query):
    response = Client().get(f"/sign-in/sso/answer/{query}")
    assertContains(response, "Single sign-on did not work", status_code=403)


def test_a_state_of_another_question_of_the_same_browser_takes_its_nonce_along(sso, bea):
    client = Client()
    first, second = (client.get("/sign-in/sso/").url for _ in range(2))
    answer = over_there(first, "bea").removeprefix("http://testserver")
    state = {url: parse_qs(urlsplit(url).query)["state"][0] for url in (first, second)}
    assert client.get(answer.replace(state[first], state[second])).status_code == 403


@pytest.fixture
def other_provider(sso) -> Iterator[Callable[[bytes], None]]:
    """One that answers every question with the same words, or never."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        said: list[bytes] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = door.accept()
                    asked.append(caller)
                    if said:
                        caller.recv(10_000)
                        caller.sendall(said[0])
                        caller.close()

        asked: list[socket.socket] = []
        Thread(target=serve, daemon=True).start()
        sso(ISSUER=f"http://127.0.0.1:{door.getsockname()[1]}")
        yield said.append
        for caller in asked:
            caller.close()
        door.shutdown(socket.SHUT_RDWR)


def test_a_provider_that_never_answers_is_waited_for_no_longer_than_said(
    other_provider, settings, db
):
    assert settings.SOCIALACCOUNT_REQUESTS_TIMEOUT == 5
    settings.SOCIALACCOUNT_REQUESTS_TIMEOUT = 0.3
    assertContains(Client().get("/sign-in/sso/"), "did not work", status_code=403)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"<html>", b"\xff\xfe", b'"x"', b"7"])
def test_a_provider_that_talks_nonsense_is_a_page_and_not_an_error(other_provider, db, body):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    other_provider(head % len(body) + body)
    assertContains(Client().get("/sign-in/sso/"), "did not work", status_code=403)


@pytest.mark.parametrize("address", [None, 7, ["bea@quillhaven.example"], {"a": 1}, "", "bea\0"])
def test_a_claim_of_another_form_names_nobody(sso, bea, address):
    claims = {"email": address, "email_verified": True}
    assert person_of(claims, bea) is None


@pytest.mark.parametrize("verified", [None, False, "true", 1, "false"])
def test_only_a_plain_yes_is_a_verified_address(sso, bea, verified):
    assert person_of({"email": bea.email, "email_verified": verified}, bea) is None


def test_an_account_that_has_a_link_gets_no_second_one(sso, bea):
    SocialAccount.objects.create(user=bea, provider="sso", uid="another:subject")
    assert come_in(Client(), "bea").status_code == 403


def test_a_user_name_counts_where_somebody_says_so(sso, bea):
    sso(USERNAME_CLAIM="preferred_username")
    User.objects.update(email="")
    assert come_in(Client(), "bea").url == "/"


def test_a_second_factor_is_asked_for_here_as_well(sso, bea):
    with_app(bea)
    assert come_in(Client(), "bea").url == "/sign-in/code/"


def test_a_provider_that_asks_for_two_factors_spares_the_set_up(sso, bea, settings):
    settings.THROUGHLINE_MFA_ROLES = ["revenue_cycle_analyst"]
    client = Client()
    come_in(client, "bea")
    assert client.get("/flow/").url == "/account/security/"
    settings.THROUGHLINE_OIDC_IS_MFA = True
    assert client.get("/flow/").status_code == 200


def test_somebody_else_who_is_signed_in_stays_so(sso, bea, ivo):
    client = Client()
    client.force_login(ivo)
    assertContains(come_in(client, "bea"), "This is another account", status_code=403)
    assert client.get("/api/v1/scorecards?window=24h").status_code == 200


def test_who_has_no_password_confirms_at_the_provider(sso, bea, time_machine):
    client = Client()
    come_in(client, "bea")
    assertContains(client.get("/account/app/add/"), "Scan the picture")
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    assertContains(
        client.get("/account/app/add/"), "/sign-in/sso/?again=1&amp;next=/account/app/add/"
    )
    question = client.get("/sign-in/sso/?again=1&next=/account/app/add/").url
    assert parse_qs(urlsplit(question).query)["prompt"] == ["login"]


def test_the_question_carries_state_nonce_and_a_challenge(sso, db):
    asked = parse_qs(urlsplit(Client().get("/sign-in/sso/").url).query)
    assert asked["response_type"] == ["code"] and asked["code_challenge_method"] == ["S256"]
    assert all(len(asked[name][0]) >= 16 for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize(
    "page", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_another_site_afterwards(sso, bea, page):
    assert come_in(Client(), "bea", f"?next={page}").url == "/"


def test_an_answer_to_the_question_of_another_browser_is_refused(sso, bea):
    answer = over_there(Client().get("/sign-in/sso/").url, "bea")
    response = Client().get(answer.removeprefix("http://testserver"))
    assertContains(response, "Single sign-on did not work", status_code=403)


def test_an_answer_is_taken_once(sso, bea):
    client = Client()
    answer = over_there(client.get("/sign-in/sso/").url, "bea").removeprefix("http://testserver")
    assert client.get(answer).status_code == 302
    assert client.get(answer).status_code == 403


def test_cancelling_says_so(sso, db):
    client = Client()
    state = parse_qs(urlsplit(client.get("/sign-in/sso/").url).query)["state"][0]
    response = client.get(f"/sign-in/sso/answer/?error=access_denied&state={state}")
    assertContains(response, "You did not sign in", status_code=403)


def test_a_provider_that_is_away_is_a_page_and_not_an_error(sso, db):
    sso(ISSUER="http://127.0.0.1:1")
    assertContains(Client().get("/sign-in/sso/"), "did not work", status_code=403)


# -- the id token ----------------------------------------------------------------------------------


@pytest.fixture
def check(db, provider, sso, rf, monkeypatch) -> Callable[..., dict]:
    """Verify a token that a key we know signed, published under the provider's own address."""
    from allauth.core import context

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signing = {"mine": key, "foreign": rsa.generate_private_key(65537, 2048)}
    document = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k1"}
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda _: {"keys": [document]})
    request = rf.get("/")
    adapter = Adapter(request, "sso")
    adapter.sent = {"nonce": "n-1", "again": False}

    def run(*, by: str = "mine", algorithm: str = "RS256", **claims) -> dict:
        moment = int(jwt.api_jwt.datetime.now(jwt.api_jwt.timezone.utc).timestamp())
        said = {"iss": provider, "aud": CLIENT_ID, "sub": "7", "iat": moment, "exp": moment + 300,
                "nonce": "n-1", **claims}  # fmt: skip
        said = {name: value for name, value in said.items() if value is not None}
        secret = SECRET if algorithm.startswith("HS") else signing[by]
        token = jwt.encode(said, None if algorithm == "none" else secret, algorithm, {"kid": "k1"})
        with context.request_context(request):
            return adapter.verified(adapter.get_provider().app, token)

    return run


def test_a_good_token_is_taken(check):
    assert check()["sub"] == "7"


@pytest.mark.parametrize(
    "fault",
    [
        {"by": "foreign"},
        {"algorithm": "none"},
        {"algorithm": "HS256"},
        {"iss": "https://another.example"},
        {"aud": "another-client"},
        {"nonce": "n-2"},
        {"nonce": None},
        {"exp": 1_700_000_000},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": 7},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"nbf": 4_000_000_000},
        {"exp": None},
    ],
    ids=str,
)
def test_a_token_with_any_fault_is_refused(check, fault):
    with pytest.raises(OAuth2Error):
        check(**fault)
