"""GET /api/v1/catalogue, up the ladder of permissions."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.services import issue_token
from apps.catalog.models import System
from apps.core import openapi

pytestmark = pytest.mark.slow

CATALOGUE = "/api/v1/catalogue"


def places(response) -> list[str]:
    assert response.status_code == 200
    return [place["code"] for place in response.json()["facilities"]]


@pytest.fixture
def with_token(bea):
    bearer = issue_token(user=bea)
    return lambda **headers: Client().get(
        CATALOGUE, headers={"Authorization": f"Bearer {bearer}", **headers}
    )


def test_it_lives_where_clients_expect_it():
    assert reverse("accounts:catalogue") == CATALOGUE


def test_a_token_reads_what_its_user_may_see(with_token):
    response = with_token()
    assert places(response) == ["NORTH", "HOSPITAL", "HOSPITAL-ED"]
    assert response.json()["workflows"][0]["stages"][3]["terminal_outcome"] == "completed"
    assert response.headers["Content-Type"] == "application/json"


def test_who_is_signed_in_reads_it_as_well(as_bea):
    assert places(as_bea.get(CATALOGUE)) == ["NORTH", "HOSPITAL", "HOSPITAL-ED"]


def test_a_stranger_gets_the_workflows_and_no_facility(as_sam):
    response = as_sam.get(CATALOGUE)
    assert places(response) == []
    assert "HOSPITAL" not in response.content.decode()


def test_a_superuser_reads_everything(network):
    root = User.objects.create_superuser("root")
    client = Client()
    client.force_login(root)
    assert len(places(client.get(CATALOGUE))) == 6


@pytest.mark.parametrize("header", [None, "Bearer usr_abcdefgh_wrong", "Basic Zm9vOmJhcg==", ""])
def test_without_a_valid_token_it_is_a_401_problem(network, header):
    headers = {} if header is None else {"Authorization": header}
    response = Client().get(CATALOGUE, headers=headers)
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["code"] == "unauthenticated"


def test_a_wrong_token_is_not_saved_by_a_session(as_bea):
    assert as_bea.get(CATALOGUE, headers={"Authorization": "Bearer usr_x_y"}).status_code == 401


def test_it_is_described_for_clients(network):
    described = openapi.document()["paths"][CATALOGUE]["get"]
    assert described["security"] == [{"sourceKey": []}, {"userToken": []}]
    assert set(described["responses"]) == {"200", "304", "401"}


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_only_read(as_bea, method):
    assert getattr(as_bea, method)(CATALOGUE).status_code == 405


def test_nothing_new_is_a_304_without_a_body(with_token):
    etag = with_token().headers["ETag"]
    response = with_token(**{"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["ETag"] == etag
    assert response.headers["Cache-Control"] == "private, no-cache"


def test_a_change_of_the_catalogue_is_a_new_document(with_token):
    etag = with_token().headers["ETag"]
    System.objects.create(code="new", name="New", kind="erp")
    response = with_token(**{"If-None-Match": etag})
    assert response.status_code == 200
    assert response.headers["ETag"] != etag


def test_somebody_elses_document_is_another_one(as_bea, as_sam):
    assert as_bea.get(CATALOGUE).headers["ETag"] != as_sam.get(CATALOGUE).headers["ETag"]


def test_shared_caches_keep_their_hands_off(with_token):
    headers = with_token().headers
    assert headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= set(headers["Vary"].replace(" ", "").split(","))


def test_it_costs_four_queries_and_three_when_nothing_is_new(with_token, django_assert_num_queries):
    etag = with_token().headers["ETag"]  # and the token's use is noted
    with django_assert_num_queries(4):  # token, facilities, version, document
        with_token()
    with django_assert_num_queries(3):
        with_token(**{"If-None-Match": etag})
