"""People in Django's admin: what an administrator can do, and what not even they can."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from apps.accounts.models import ApiToken, User
from apps.accounts.services import issue_token
from tests.accounts.conftest import person

pytestmark = pytest.mark.slow


@pytest.fixture
def ada(network) -> User:
    user = person("ada", "administrator")
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def as_ada(ada) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def test_the_administration_has_the_icon_of_the_product(as_ada):
    for path in ("/admin/", "/admin/accounts/user/"):
        assert 'rel="icon" href="/static/img/favicon' in as_ada.get(path).content.decode()


@pytest.mark.parametrize("page", ["user/", "apitoken/"])
def test_the_pages_of_people_open(as_ada, bea, page):
    issue_token(user=bea)
    assert as_ada.get(f"/admin/accounts/{page}").status_code == 200


@pytest.mark.parametrize("who", ["ada", "root"])
def test_nobody_changes_people_here_past_the_second_person(ada, bea, who):
    """Roles, facilities and passwords have pages of their own: this would be a way around."""
    User.objects.create_superuser("root")
    client = Client()
    client.force_login(User.objects.get(username=who))
    group = Group.objects.get(name="finance_approver")
    page = f"/admin/accounts/user/{bea.pk}/"
    for path in (
        f"{page}change/",
        f"{page}delete/",
        f"{page}password/",
        "/admin/accounts/user/add/",
        f"/admin/auth/group/{group.pk}/change/",
        f"/admin/auth/group/{group.pk}/delete/",
    ):
        said = {"username": "bea", "groups": [group.pk], "is_superuser": "on", "is_staff": "on"}
        assert client.post(path, said).status_code == 403, path
    bea.refresh_from_db()
    assert not bea.is_superuser
    assert [group.name for group in bea.groups.all()] == ["revenue_cycle_analyst"]


def test_a_person_is_looked_at_with_their_facilities(as_ada, bea):
    page = as_ada.get(f"/admin/accounts/user/{bea.pk}/change/").content.decode()
    assert "NORTH" in page
    assert 'name="_save"' not in page


def test_an_administrator_reads_the_catalogue_and_changes_none_of_it(as_ada, network):
    assert as_ada.get("/admin/catalog/facility/").status_code == 200
    assert as_ada.get("/admin/catalog/facility/add/").status_code == 403
    assert as_ada.get("/admin/catalog/slatarget/add/").status_code == 403


def test_an_integration_lead_changes_hours_and_no_targets_or_people(ivo, network):
    client = Client()
    client.force_login(ivo)
    assert client.get("/admin/catalog/businesscalendar/add/").status_code == 200
    assert client.get("/admin/catalog/slatarget/add/").status_code == 403
    assert client.get("/admin/accounts/user/").status_code == 403


def test_an_analyst_does_not_get_in_at_all(as_bea):
    response = as_bea.get("/admin/")
    assert response.status_code == 302
    assert "/admin/login/" in response.headers["Location"]


def test_tokens_are_looked_at_without_their_secret(as_ada, bea):
    issue_token(user=bea)
    token = ApiToken.objects.get()
    page = as_ada.get(f"/admin/accounts/apitoken/{token.pk}/change/").content.decode()
    assert bytes(token.sha256).hex() not in page
    assert as_ada.get("/admin/accounts/apitoken/add/").status_code == 403
    action = {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"}
    as_ada.post("/admin/accounts/apitoken/", action)
    assert ApiToken.objects.exists()


def test_the_list_of_people_costs_the_same_for_more_of_them(
    as_ada, network, django_assert_max_num_queries
):
    for n in range(20):
        person(f"p{n}", "executive", network.north)
    with django_assert_max_num_queries(14):
        as_ada.get("/admin/accounts/user/")


def test_groups_carry_facilities_too(network):
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    group = Group.objects.create(name="Night shift")
    page = client.get(f"/admin/auth/group/{group.pk}/change/")
    assert page.status_code == 200
    assert "facilities (each with everything below it)" in page.content.decode().lower()
