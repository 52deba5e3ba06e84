"""Keys: issued, listed, revoked; signed requests."""

import io
import time

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.telemetry.management.commands.issue_key import Command
from apps.telemetry.models import IngestBatch, Source, SourceKey
from apps.telemetry.services import signatures
from apps.telemetry.services.keys import signing_secret
from tests.telemetry.wire import Sender, event, rows


def run(*arguments: str) -> tuple[list[str], str]:
    """A run of issue_key: lines of its output, and what it said beside it."""
    out, err = io.StringIO(), io.StringIO()
    call_command("issue_key", *arguments, stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue()


def test_issue_key_prints_only_the_key(network):
    [key], said = run("lab")

    assert "New source lab" in said
    assert key.startswith("src_")
    assert len(key.split("_", 2)[2]) == 43
    assert Sender(key).post([event()]).status_code == 202


def test_only_a_hash_of_the_key_is_kept(network):
    [key], _ = run("lab")

    secret = key.split("_", 2)[2]
    assert secret not in str(rows("SELECT * FROM telemetry_sourcekey"))


@pytest.mark.parametrize("source", ["", " ", "two words", "-lab", "a/b", "x" * 61, "caf\xe9"])
def test_a_source_needs_a_code_that_is_a_word(network, source):
    for command in (["issue_key", "--", source], ["ingest", f"--source={source}", "/dev/null"]):
        with pytest.raises(CommandError, match="A source's code"):
            call_command(*command)
    assert not Source.objects.exists()


@pytest.mark.parametrize("moment", ["0", "2020-01-31", "2026-01-01T00:00:00+00:00"])
def test_a_key_that_has_expired_already_is_not_issued(network, moment):
    with pytest.raises(CommandError, match="not in the future"):
        run("lab", "--expires", moment)
    assert not SourceKey.objects.exists()


def test_a_source_named_like_a_system_speaks_as_that_system(network):
    run("ehr")

    assert Source.objects.get(code="ehr").system == network.ehr


def test_a_key_is_scoped_to_facilities(network):
    [key], _ = run("lab", "--facility", "NORTH", "--facility", "SUNNY")

    assert SourceKey.objects.get().facility_ids == sorted(
        [network.north.pk, network.southern_hospital.pk]
    )
    assert Sender(key).post([event()]).status_code == 202


def test_an_unknown_facility_issues_nothing(network):
    with pytest.raises(CommandError, match="no facility NOWHERE"):
        run("lab", "--facility", "NOWHERE")
    assert not SourceKey.objects.exists()
    assert not Source.objects.exists()


@pytest.mark.parametrize("expires", ["90", "2099-01-31", "2099-01-31T10:00:00+01:00"])
def test_a_key_may_expire(network, expires):
    run("lab", "--expires", expires)

    assert SourceKey.objects.get().expires_at is not None


@pytest.mark.parametrize("expires", ["soon", "9" * 30])
def test_a_key_cannot_expire_at_no_time(network, expires):
    with pytest.raises(CommandError, match="not a number of days nor a date"):
        run("lab", "--expires", expires)


def test_a_key_is_revoked_by_its_prefix(network):
    [key], _ = run("lab")
    prefix = SourceKey.objects.get().prefix

    with pytest.raises(CommandError, match=f"The source ehr has no live key {prefix}"):
        run("ehr", "--revoke", prefix)
    assert Sender(key).post([event()]).status_code == 202

    _, said = run("lab", "--revoke", prefix)

    assert f"Revoked {prefix}" in said
    assert Sender(key).post([event()]).status_code == 401
    with pytest.raises(CommandError, match="no live key"):
        run("lab", "--revoke", prefix)


def test_the_help_says_how_keys_are_listed_and_revoked():
    said = Command().create_parser("manage.py", "issue_key").format_help()

    assert "--list" in said
    assert "--revoke PREFIX" in said


def test_the_list_shows_keys_and_never_secrets(network):
    [key], _ = run("lab")

    [line], _ = run("lab", "--list")

    assert line.split()[:2] == [SourceKey.objects.get().prefix, "live"]
    assert key not in line


# -- Signed requests -----------------------------------------------------------------------------


@pytest.fixture
def signer(network):
    """A sender whose key must sign, and its signing secret."""
    (key, secret), _ = run("lab", "--sign")
    return Sender(key), secret


def signed(sender, secret, body=b"[]", *, at: float | None = None, sent: bytes | None = None):
    header = signatures.sign(body, secret=secret, at=int(time.time() if at is None else at))
    return sender.post(body if sent is None else sent, Throughline_Signature=header)


def test_a_signed_request_is_accepted(signer):
    sender, secret = signer

    assert secret == signing_secret(SourceKey.objects.get().prefix)
    assert signed(sender, secret).status_code == 202


def test_a_key_that_must_sign_is_refused_without_a_signature(signer):
    answer = signer[0].post([])

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")


def test_a_changed_body_is_refused(signer):
    assert signed(*signer, sent=b"[ ]").status_code == 401


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_outside_its_window_is_refused(signer, seconds):
    answer = signed(*signer, at=time.time() + seconds)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")


def test_a_signature_is_good_once(signer):
    at = time.time()

    assert signed(*signer, at=at).status_code == 202
    again = signed(*signer, at=at)

    assert (again.status_code, again.json()["code"]) == (401, "invalid_signature")
    assert IngestBatch.objects.count() == 1


def test_one_of_several_signatures_is_enough(signer):
    sender, secret = signer
    good = signatures.sign(b"[]", secret=secret, at=int(time.time()))

    assert sender.post(b"[]", Throughline_Signature=f"{good},v1=00").status_code == 202


@pytest.mark.parametrize(
    "header",
    [
        "x",
        "t=1",
        "t=,v1=",
        "t=x,v1=00",
        "v1=00",
        "t=1,t=2,v1=00",
        "t=²,v1=é",
        f"t={'9' * 5000},v1=0",
    ],
)
def test_a_malformed_signature_is_refused(signer, header):
    answer = Client().post(
        "/api/v1/events", b"[]", content_type="application/cloudevents-batch+json",
        HTTP_AUTHORIZATION=f"Bearer {signer[0].key}", HTTP_THROUGHLINE_SIGNATURE=header,
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")


def test_any_key_may_sign(sender):
    secret = signing_secret(SourceKey.objects.get().prefix)

    assert signed(sender, secret).status_code == 202
    assert signed(sender, "sig_wrong").status_code == 401


def test_signatures_are_forgotten_after_their_window(signer):
    signed(*signer)
    assert signatures.forget_signatures() == 0

    rows("UPDATE telemetry_usedsignature SET used_at = used_at - interval '1 hour' RETURNING 1")

    assert signatures.forget_signatures() == 1
