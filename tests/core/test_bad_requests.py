"""Addresses that nothing can be found by: always the client's fault, and a problem on the API."""

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.catalog.models import BusinessCalendar, Facility

pytestmark = pytest.mark.slow

PROBLEM = "application/problem+json"
FACILITIES = "/admin/catalog/facility/"


@pytest.fixture
def as_root(db: None) -> Client:
    # Where no facility is to be seen nothing is asked of the database.
    Facility.objects.create(
        code="ORG", name="Network", short_name="Net", kind="organization", time_zone="UTC",
        calendar=BusinessCalendar.objects.create(code="always", name="Always"),
    )  # fmt: skip
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("lookup", ["name__iregex=(a", "name__regex=[", "code__regex=*"])
def test_a_broken_expression_in_the_administration_is_400(as_root: Client, lookup: str):
    answer = as_root.get(f"{FACILITIES}?{lookup}")

    assert answer.status_code == 400
    assert "makes no sense" in answer.content.decode()


@pytest.mark.parametrize("row", ["nobody", "1e999", "<b>"])
def test_a_row_that_is_named_by_no_number_is_400(as_root: Client, row: str):
    place = Facility.objects.get()
    answer = as_root.post(f"{FACILITIES}{place.pk}/change/", {"parent": row, "calendar": row})

    assert answer.status_code == 400


def test_a_sound_expression_in_the_administration_filters(as_root: Client):
    assert as_root.get(f"{FACILITIES}?name__iregex=(a)").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        f"{FACILITIES}?under=%00",
        f"{FACILITIES}?kind=%00",
        f"{FACILITIES}?q=%00",
        f"{FACILITIES}%00/change/",
        "/admin/autocomplete/?app_label=catalog&model_name=facility&field_name=parent&term=%00",
        "/admin/telemetry/sourcekey/?source__id__exact=%00",
        "/?facility=%00",
        "/%00",
        "/static/%00",
        "/sign-in/?next=%00",
        "/quarantine/?source=%00&code=%00",
        "/quarantine/?page=%00",
        "/transactions/claim/%00/",
    ],
)
def test_nul_in_an_address_is_400_on_every_page(as_root: Client, address: str):
    assert as_root.get(address).status_code == 400
    assert Client().get(address).status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/quarantine?source=%00",
        "/api/v1/scorecards?workflow=%00",
        "/api/v1/catalogue?%00=1",
        "/api/v1/batches/%00",
        "/api/v1/transactions/claim/%00",
    ],
)
def test_nul_in_an_address_is_a_problem_on_the_api(as_root: Client, address: str):
    answer = as_root.get(address)

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, PROBLEM)
    assert answer.json()["code"] == "bad_request"


def test_a_percent_sign_before_zeros_is_no_nul(as_root: Client):
    assert as_root.get(f"{FACILITIES}?q=100%2500").status_code == 200


@pytest.mark.parametrize(
    "address", ["", "/", "/nothing", "/catalogue/", "/batches/", "/quarantine/x/y", "/a/b/c/d.html"]
)
def test_an_unknown_address_of_the_api_is_a_problem(as_root: Client, address: str):
    for client in (as_root, Client()):
        answer = client.get(f"/api/v1{address}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)
        assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize(
    "address",
    ["openapi.json", "catalogue", "events", "batches/x", "quarantine", "quarantine/x/resubmit",
     "quarantine/x/discard", "scorecards", "transactions/claim/x"],
)  # fmt: skip
def test_every_error_of_the_api_is_a_problem(as_root: Client, address: str, method: str):
    for client in (as_root, Client(), Client(enforce_csrf_checks=True)):
        answer = getattr(client, method)(f"/api/v1/{address}")
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == PROBLEM
            assert answer.json()["status"] == answer.status_code
        if answer.status_code == 405:
            assert answer.headers["Allow"]
