"""People in Django's admin: what an administrator can do, and what not even they can."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from apps.accounts.access import facilities_for
from apps.accounts.models import ApiToken, FacilityUserGrant, User
from apps.accounts.services import issue_token
from tests.accounts.conftest import person


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


def change_page(user: User) -> str:
    return f"/admin/accounts/user/{user.pk}/change/"


def fields_of(user: User, **more) -> dict:
    grants = list(user.facilityusergrant_set.all())
    data = {
        "username": user.username, "first_name": "", "last_name": "", "email": "",
        "is_active": "on", "groups": [group.pk for group in user.groups.all()],
        "facilityusergrant_set-TOTAL_FORMS": len(grants),
        "facilityusergrant_set-INITIAL_FORMS": len(grants),
    }  # fmt: skip
    for n, grant in enumerate(grants):
        data |= {
            f"facilityusergrant_set-{n}-id": grant.pk,
            f"facilityusergrant_set-{n}-user": user.pk,
            f"facilityusergrant_set-{n}-content_object": grant.content_object_id,
            f"facilityusergrant_set-{n}-permission": grant.permission_id,
        }
    return data | more


@pytest.mark.parametrize("page", ["user/", "apitoken/", "user/add/"])
def test_the_pages_of_people_open(as_ada, bea, page):
    issue_token(user=bea)
    assert as_ada.get(f"/admin/accounts/{page}").status_code == 200


def test_an_administrator_grants_a_facility(as_ada, bea, network):
    permission = FacilityUserGrant.objects.get(user=bea).permission_id
    more = {
        "facilityusergrant_set-TOTAL_FORMS": 2,
        "facilityusergrant_set-1-user": bea.pk,
        "facilityusergrant_set-1-content_object": network.south.pk,
        "facilityusergrant_set-1-permission": permission,
    }
    response = as_ada.post(change_page(bea), fields_of(bea, **more))
    assert response.status_code == 302, response.context["errors"]
    assert network.southern_hospital.pk in facilities_for(bea)


def test_the_same_facility_twice_is_explained(as_ada, bea, network):
    grant = FacilityUserGrant.objects.get(user=bea)
    more = {
        "facilityusergrant_set-TOTAL_FORMS": 2,
        "facilityusergrant_set-1-user": bea.pk,
        "facilityusergrant_set-1-content_object": network.north.pk,
        "facilityusergrant_set-1-permission": grant.permission_id,
    }
    response = as_ada.post(change_page(bea), fields_of(bea, **more))
    assert response.status_code == 200
    assert "User, Permission and Facility already exists" in response.content.decode()
    assert FacilityUserGrant.objects.count() == 1


def test_an_administrator_takes_a_facility_back(as_ada, bea):
    response = as_ada.post(
        change_page(bea), fields_of(bea, **{"facilityusergrant_set-0-DELETE": "on"})
    )
    assert response.status_code == 302
    assert facilities_for(bea) == ()


def test_an_administrator_makes_no_superuser(as_ada, ada, bea):
    for user in (bea, ada):
        more = {"is_superuser": "on"} | ({"is_staff": "on"} if user == ada else {})
        as_ada.post(change_page(user), fields_of(user, **more))
        user.refresh_from_db()
        assert not user.is_superuser


def test_an_administrator_does_not_touch_a_superuser(as_ada, network):
    root = User.objects.create_superuser("root")
    assert as_ada.post(change_page(root), fields_of(root)).status_code == 403
    assert as_ada.post(f"/admin/accounts/user/{root.pk}/password/", {}).status_code == 403


def test_an_administrator_reads_the_catalogue_and_changes_none_of_it(as_ada, network):
    assert as_ada.get("/admin/catalog/facility/").status_code == 200
    assert as_ada.get("/admin/catalog/facility/add/").status_code == 403
    assert as_ada.get("/admin/catalog/slatarget/add/").status_code == 403


def test_an_integration_lead_changes_promises_and_no_people(ivo, network):
    client = Client()
    client.force_login(ivo)
    assert client.get("/admin/catalog/slatarget/add/").status_code == 200
    assert client.get("/admin/accounts/user/").status_code == 403


def test_an_analyst_does_not_get_in_at_all(as_bea):
    response = as_bea.get("/admin/")
    assert response.status_code == 302
    assert "/admin/login/" in response.headers["Location"]


def test_tokens_are_revoked_and_never_made_here(as_ada, bea):
    issue_token(user=bea)
    token = ApiToken.objects.get()
    as_ada.post("/admin/accounts/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert as_ada.get("/admin/accounts/apitoken/add/").status_code == 403
    page = as_ada.get(f"/admin/accounts/apitoken/{token.pk}/change/").content.decode()
    assert bytes(token.sha256).hex() not in page


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
    assert "facilitygroupgrant_set-TOTAL_FORMS" in page.content.decode()
