"""Read tokens: shown once, kept as a hash, refused when they should be."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from django.utils.timezone import now

from apps.accounts.access import user_for_bearer
from apps.accounts.models import ApiToken
from apps.accounts.services import issue_token, revoke_tokens


def request(header: str | None):
    headers = {} if header is None else {"Authorization": header}
    return RequestFactory().get("/", headers=headers)


def test_a_token_stands_for_its_user(bea):
    assert user_for_bearer(request(f"Bearer {issue_token(user=bea)}")) == bea


def test_the_secret_is_not_in_the_database(bea):
    bearer = issue_token(user=bea)
    token = ApiToken.objects.get()
    secret = bearer.removeprefix(token.prefix + "_")
    assert len(secret) >= 43
    assert secret.encode() not in bytes(token.sha256)
    assert bearer.startswith(token.prefix)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwdw==", "Bearer usr_", "Bearer usr_x_",
     "Bearer src_abcdefgh_secret", "Bearer usr_abc%00_x", "Bearer usr_ünïcöde_x", "usr_a_b"],
)  # fmt: skip
def test_anything_else_stands_for_nobody(bea, header):
    issue_token(user=bea)
    assert user_for_bearer(request(header)) is None


def test_a_wrong_secret_behind_a_right_prefix_is_refused(bea):
    bearer = issue_token(user=bea)
    assert (
        user_for_bearer(request(f"Bearer {bearer[:-1]}{'A' if bearer[-1] != 'A' else 'B'}")) is None
    )


def test_a_revoked_token_and_one_of_somebody_who_left_are_refused(bea):
    bearer, other = issue_token(user=bea), issue_token(user=bea)
    prefix = "_".join(bearer.split("_")[:2])
    assert revoke_tokens(user=bea, prefix=prefix) == 1
    assert user_for_bearer(request(f"Bearer {bearer}")) is None
    assert user_for_bearer(request(f"Bearer {other}")) == bea
    bea.is_active = False
    bea.save()
    assert user_for_bearer(request(f"Bearer {other}")) is None


def test_its_use_is_noted_at_most_once_a_minute(bea, django_assert_num_queries):
    bearer = request(f"Bearer {issue_token(user=bea)}")
    with django_assert_num_queries(2):
        user_for_bearer(bearer)
    first = ApiToken.objects.get().last_used_at
    assert abs(first - now()) < timedelta(minutes=1)
    with django_assert_num_queries(1):
        user_for_bearer(bearer)
    assert ApiToken.objects.get().last_used_at == first


def test_the_command_prints_the_secret_and_nothing_else(bea):
    out, err = StringIO(), StringIO()
    call_command("issue_token", "bea", stdout=out, stderr=err)
    [line] = out.getvalue().splitlines()
    assert user_for_bearer(request(f"Bearer {line}")) == bea
    assert err.getvalue() == ""


def test_the_command_revokes_one_or_all(bea):
    tokens = [issue_token(user=bea) for _ in range(3)]
    out, err = StringIO(), StringIO()
    prefix = "_".join(tokens[0].split("_")[:2])
    call_command("issue_token", "bea", "--revoke", prefix, stdout=out, stderr=err)
    call_command("issue_token", "bea", "--revoke", stdout=out, stderr=err)
    assert out.getvalue() == ""
    assert err.getvalue().split("\n")[:2] == ["1 token revoked.", "2 tokens revoked."]
    assert not ApiToken.objects.filter(revoked_at=None).exists()


def test_the_command_knows_its_people(bea):
    bea.is_active = False
    bea.save()
    for name in ("bea", "nobody"):
        with pytest.raises(CommandError, match="no active user"):
            call_command("issue_token", name)
