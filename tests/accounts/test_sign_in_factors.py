"""Second factors: set up, used, sealed at rest, and demanded of the roles that must have one."""

import json
import re
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django.asserts import (
    assertContains,
    assertNotContains,
    assertRedirects,
    assertTemplateUsed,
)

from apps.accounts.acts import Act
from apps.accounts.encryption import Unreadable, is_current, seal, unseal
from apps.accounts.models import AuditEvent, Session
from apps.accounts.services import issue_token
from tests.accounts.signing_in import (
    PASSWORD,
    attempt,
    code_of,
    recovery_codes_of,
    signed_in,
    with_app,
)

pytestmark = pytest.mark.slow

SECURITY, CODE = "/account/security/", "/sign-in/code/"
ADD, REMOVE, CODES = "/account/app/add/", "/account/app/remove/", "/account/recovery-codes/"


@pytest.fixture
def demanded(settings):
    """As in production: some roles must have a second factor."""
    settings.THROUGHLINE_MFA_ROLES = ["integration_lead"]


def set_up(client: Client) -> str:
    """Go through the page; returns the secret."""
    secret = re.search(r'id="key">(\w+)<', client.get(ADD).content.decode())[1]
    response = client.post(ADD, {"code": code_of(secret)})
    assertRedirects(response, CODES, fetch_redirect_response=False)
    return secret


def test_an_app_is_set_up_by_its_picture_or_key_and_the_code_it_shows(bea):
    client = signed_in(bea)
    page = client.get(ADD)
    assertContains(page, 'src="data:image/svg+xml;base64,')
    assertNotContains(page, "style=")
    set_up(client)
    assertContains(client.get(SECURITY), "On since")
    assert AuditEvent.objects.filter(act=Act.FACTOR_ADDED).count() == 1


def test_a_wrong_code_sets_nothing_up(bea):
    client = signed_in(bea)
    client.get(ADD)
    assertContains(client.post(ADD, {"code": "000000"}), "This code is not valid")
    assert not Authenticator.objects.exists()


def test_signing_in_takes_two_steps_from_then_on(bea):
    secret = set_up(signed_in(bea))
    client = Client()
    assert attempt(client, next="/flow/?window=7d").url == CODE
    assert client.get("/flow/").url.startswith("/sign-in/")
    assertTemplateUsed(client.get(CODE), "accounts/second_factor.html")
    assertContains(client.post(CODE, {"code": "000000"}), "This code is not valid")
    assert client.post(CODE, {"code": code_of(secret, periods=1)}).url == "/flow/?window=7d"
    assert client.get("/flow/").status_code == 200


def test_a_code_is_taken_once(bea):
    show = with_app(bea)
    bea.set_password(PASSWORD)
    bea.save()
    code = show()
    first, second = Client(), Client()
    attempt(first)
    attempt(second)
    assert first.post(CODE, {"code": code}).status_code == 302
    assertContains(second.post(CODE, {"code": code}), "not valid")


def test_codes_cannot_be_tried_for_long(bea):
    with_app(bea)
    bea.set_password(PASSWORD)
    bea.save()
    client = Client()
    attempt(client)
    for _ in range(5):
        client.post(CODE, {"code": "000000"})
    assertContains(client.post(CODE, {"code": "000000"}), "Too many attempts")


def test_recovery_codes_are_shown_once_and_each_works_once(bea):
    client = signed_in(bea)
    set_up(client)
    page = client.get(CODES).content.decode()
    codes = re.findall(r"<li>(\d{8})</li>", page)
    assert len(codes) == 10
    assert f"{codes[0]}%0A" in page  # the file to save
    assertNotContains(client.get(CODES), codes[0])
    for code, status in ((codes[0], 302), (codes[0], 200), (codes[1], 302)):
        other = Client()
        attempt(other)
        assert other.post(CODE, {"code": code}).status_code == status
    assertContains(client.get(SECURITY), "8 left")


def test_new_recovery_codes_replace_the_old(bea):
    client = signed_in(bea)
    with_app(bea)
    old = recovery_codes_of(bea)
    assert client.post(CODES).url == CODES
    new = re.findall(r"<li>(\d{8})</li>", client.get(CODES).content.decode())
    assert len(new) == 10 and not set(new) & set(old)
    assert AuditEvent.objects.filter(act=Act.RECOVERY_CODES_MADE).count() == 1


def test_there_are_no_recovery_codes_without_a_factor(bea):
    client = signed_in(bea)
    assert client.get(CODES).status_code == 404
    assert client.post(CODES).status_code == 404


def test_removing_the_app_ends_the_other_sessions(bea):
    client = signed_in(bea)
    with_app(bea)
    Client().force_login(bea)
    assert Session.objects.filter(user=bea).count() == 2
    assertContains(client.get(REMOVE), "Remove the authenticator app?")
    assert client.post(REMOVE).url == SECURITY
    assert not Authenticator.objects.exists()
    assert Session.objects.filter(user=bea).count() == 1
    assert AuditEvent.objects.filter(act=Act.FACTOR_REMOVED).count() == 1


def test_somebody_elses_passkey_is_not_found(bea, ivo):
    key = Authenticator.objects.create(user=ivo, type="webauthn", data={"name": "Ivo's"})
    client = signed_in(bea)
    for path in (f"/account/passkeys/{key.pk}/", f"/account/passkeys/{key.pk}/remove/"):
        assert client.get(path).status_code == 404
        assert client.post(path, {"name": "mine"}).status_code == 404
    key.refresh_from_db()
    assert key.data["name"] == "Ivo's"


@pytest.mark.parametrize("said", ["", "{}", "[]", '{"response": {}}', '{"id": "x", "rawId": "x"}'])
def test_what_is_no_passkey_opens_nothing(bea, said):
    client = Client()
    assert (
        "request_options"
        in client.get("/sign-in/passkey/", headers={"Accept": "application/json"}).json()
    )
    response = client.post("/sign-in/passkey/", {"credential": said}, follow=True)
    assertContains(response, "This passkey does not open an account here")


# -- at rest ---------------------------------------------------------------------------------------


def everything_kept() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(string_agg(data::text, ' '), '') FROM mfa_authenticator")
        return cursor.fetchone()[0]


def test_the_table_holds_no_secret_and_no_seed_in_the_clear(bea):
    secret = set_up(signed_in(bea))
    kept = everything_kept()
    assert secret not in kept
    seed = unseal(Authenticator.objects.get(type="recovery_codes").data["seed"])
    assert seed not in kept and "token." in kept


def test_after_a_rotation_old_secrets_open_and_new_ones_take_the_new_key(bea, settings):
    show = with_app(bea)
    recovery_codes_of(bea)
    settings.THROUGHLINE_MFA_KEYS = {"a2026": bytes(range(32))}
    assert Authenticator.objects.get(type="totp").wrap().validate_code(show())
    assert seal("x").startswith("a2026.")
    call_command("reseal_factors")
    sealed = [data.get("secret") or data["seed"]
              for data in Authenticator.objects.values_list("data", flat=True)]  # fmt: skip
    assert len(sealed) == 2 and all(map(is_current, sealed))


def test_a_key_that_left_the_ring_too_early_is_named(bea, settings):
    settings.THROUGHLINE_MFA_KEYS = {"first": bytes(32)}
    with_app(bea)
    settings.THROUGHLINE_MFA_KEYS = {"second": bytes(range(32))}
    before = everything_kept()
    with pytest.raises(CommandError, match="'first' is not in THROUGHLINE_MFA_KEYS"):
        call_command("reseal_factors")
    assert everything_kept() == before


@pytest.mark.parametrize("broken", ["", "token.", "token.AAAA", "nokey.AAAAAAAAAAAAAAAAAAAAAAAA"])
def test_what_was_not_sealed_here_is_refused(db, broken):
    with pytest.raises(Unreadable):
        unseal(broken)


def test_an_altered_text_is_refused_and_so_is_one_under_another_name(settings):
    settings.THROUGHLINE_MFA_KEYS = {"a": bytes(32), "b": bytes(32)}
    sealed = seal("secret")
    assert unseal(sealed) == "secret"
    for other in (sealed[:-6] + "AAAA==", "b" + sealed[1:]):
        with pytest.raises(Unreadable):
            unseal(other)


# -- demanded by role ------------------------------------------------------------------------------


def test_by_default_those_who_see_or_change_the_network_or_move_money_must_have_one():
    from config.env import chosen

    assert chosen("THROUGHLINE_NOT_SET", default=["administrator"]) == ["administrator"]


def test_a_role_that_must_have_one_gets_nothing_but_its_set_up(demanded, ivo):
    client = signed_in(ivo)
    for path in ("/", "/flow/", "/status/", "/admin/", "/account/sessions/"):
        assertRedirects(client.get(path), SECURITY)
    page = client.get(SECURITY)
    assertContains(page, "Your role takes a second factor")
    assertTemplateUsed(page, "bare.html")
    assert client.get("/api/v1/scorecards?window=24h").json()["code"] == "second_factor_needed"
    swap = client.get("/status/strip/", headers={"HX-Request": "true"})
    assert swap.headers["HX-Redirect"] == SECURITY
    set_up(client)
    assert client.get("/flow/").status_code == 200


def test_a_program_with_a_token_is_not_asked(demanded, ivo):
    bearer = {"Authorization": f"Bearer {issue_token(user=ivo)}"}
    assert signed_in(ivo).get("/api/v1/catalogue", headers=bearer).status_code == 200


def test_roles_that_need_none_and_public_pages_are_open(demanded, bea, ivo):
    assert signed_in(bea).get("/flow/").status_code == 200
    assert signed_in(ivo).get("/healthz").status_code == 200


def test_who_must_have_one_can_still_leave(demanded, ivo):
    client = signed_in(ivo)
    assert client.post("/sign-out/").url == "/sign-in/"


def test_the_last_factor_of_such_a_role_cannot_be_removed(demanded, ivo):
    client = signed_in(ivo)
    set_up(client)
    assertContains(client.post(REMOVE), "Your role takes a second factor. Add another one first.")
    assert Authenticator.objects.filter(type="totp").exists()


def test_a_role_given_later_is_asked_for_one_in_the_session_under_way(demanded, bea):
    from django.contrib.auth.models import Group

    client = signed_in(bea)
    assert client.get("/flow/").status_code == 200
    bea.groups.add(Group.objects.get(name="integration_lead"))
    assertRedirects(client.get("/flow/"), SECURITY)


def test_who_lost_every_factor_is_helped_from_the_console(bea, capsys):
    client = signed_in(bea)
    with_app(bea)
    call_command("reset_factors", "bea")
    assert not Authenticator.objects.exists()
    assert client.get("/flow/").url.startswith("/sign-in/")
    assert AuditEvent.objects.filter(act=Act.FACTOR_RESET).count() == 1
    with pytest.raises(CommandError, match="no user"):
        call_command("reset_factors", "nobody")


def test_the_demonstration_says_that_nobody_must(bea, settings):
    settings.THROUGHLINE_DEMO = True
    assertContains(signed_in(bea).get(SECURITY), "In this demonstration no role must")


def test_the_challenge_of_a_passkey_asks_for_the_person_and_is_new_each_time(bea):
    client = signed_in(bea)
    pages = [client.get("/account/passkeys/add/").content.decode() for _ in range(2)]
    options = [
        json.loads(re.search(r"json\">(.*?)</script>", page)[1])["publicKey"] for page in pages
    ]
    assert options[0]["challenge"] != options[1]["challenge"]
    assert options[0]["authenticatorSelection"]["userVerification"] == "required"
    assert options[0]["authenticatorSelection"]["residentKey"] == "required"


def test_no_address_of_the_api_opens_before_enrolment(demanded, ivo):
    """Those that sources call as well pass their people on, and are asked all the same."""
    client = signed_in(ivo)
    for page in ("/api/v1/catalogue", f"/api/v1/batches/{UUID(int=1)}", "/api/v1/quarantine"):
        assert client.get(page).json()["code"] == "second_factor_needed"


NONSENSE = [
    "x", "[]", "{}", '{"id": 1}', '{"rawId": "AA", "response": {}, "type": "public-key"}',
    '{"id": "AA", "rawId": "AA", "response": {"clientDataJSON": "AA", "authenticatorData": "AA",'
    ' "signature": "AA", "userHandle": "MQ"}, "type": "public-key"}',
]  # fmt: skip


@pytest.mark.parametrize("credential", NONSENSE)
def test_nonsense_of_a_passkey_is_a_wrong_answer_and_no_fault(bea, credential):
    stranger = Client()
    stranger.get("/sign-in/passkey/")
    answer = stranger.post("/sign-in/passkey/", {"credential": credential})
    assert answer.headers["Location"].endswith("?passkey=refused")
    client = signed_in(bea)
    client.get("/account/passkeys/add/")
    assert client.post("/account/passkeys/add/", {"credential": credential}).status_code == 200
    said = {"confirm_page": "1", "confirm_passkey": credential}
    assert client.post("/account/passkeys/add/", said).status_code == 200
