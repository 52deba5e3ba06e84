"""The administration keeps to the facilities of who looks: elsewhere there is nothing."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts.models import User
from apps.catalog.models import FacilityAlias, SlaTarget
from tests.accounts.conftest import person

pytestmark = pytest.mark.slow

FACILITIES = "/admin/catalog/facility/"
ALIASES = "/admin/catalog/facilityalias/"
TARGETS = "/admin/catalog/slatarget/"
SEARCH = "/admin/autocomplete/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def staff(name: str, role: str, facility=None) -> Client:
    user = person(name, role, facility)
    user.is_staff = True
    user.save()
    return signed_in(user)


@pytest.fixture
def as_noor(network) -> Client:
    """Integration lead of the north."""
    return staff("noor", "integration_lead", network.north)


@pytest.fixture
def aliases(network) -> dict[str, FacilityAlias]:
    return {
        name: FacilityAlias.objects.create(system=network.billing, alias=name, facility=place)
        for name, place in (("up", network.hospital), ("down", network.southern_hospital))
    }


def test_the_list_of_facilities_is_that_of_ones_scope(as_noor, network):
    shown = {facility.code for facility in as_noor.get(FACILITIES).context["cl"].result_list}

    assert shown == {network.north.code, network.hospital.code, network.department.code}


@pytest.mark.parametrize("action", ["change", "delete", "history"])
def test_a_facility_out_of_scope_is_404(as_noor, network, action):
    assert as_noor.get(f"{FACILITIES}{network.hospital.pk}/{action}/").status_code != 404
    assert as_noor.get(f"{FACILITIES}{network.southern_hospital.pk}/{action}/").status_code == 404
    assert as_noor.post(f"{FACILITIES}{network.southern_hospital.pk}/{action}/").status_code == 404


def test_filters_and_searches_name_nothing_out_of_scope(as_noor, network):
    assertNotContains(as_noor.get(FACILITIES), network.south.name)
    search = {"app_label": "catalog", "model_name": "facility", "field_name": "parent", "term": ""}
    texts = [found["text"] for found in as_noor.get(SEARCH, search).json()["results"]]
    assert len(texts) == 3
    assert not any(network.southern_hospital.code in text for text in texts)


def test_aliases_are_those_of_ones_facilities(as_noor, network, aliases):
    page = as_noor.get(ALIASES)

    assertContains(page, "up")
    places = {alias.facility_id for alias in page.context["cl"].result_list}
    assert places <= {network.north.pk, network.hospital.pk, network.department.pk}
    assert as_noor.get(f"{ALIASES}{aliases['down'].pk}/change/").status_code == 404


def test_the_top_of_ones_scope_stays_where_it_is(as_noor, network):
    def form(facility):
        page = as_noor.get(f"{FACILITIES}{facility.pk}/change/")
        return page.context["adminform"].form.fields

    assert "parent" not in form(network.north)
    assert "parent" in form(network.hospital)


def test_targets_are_those_that_hold_in_ones_facilities(as_noor, network):
    override = SlaTarget.objects.create(
        clock=network.clock, facility=network.southern_hospital, threshold_seconds=60,
        objective="0.95", effective_from=now() + timedelta(hours=1), why="Test",
    )  # fmt: skip

    assert as_noor.get(f"{TARGETS}{network.target.pk}/change/").status_code == 200
    assert as_noor.get(f"{TARGETS}{override.pk}/change/").status_code == 404


def test_a_superuser_sees_all(network, aliases):
    client = signed_in(User.objects.create_superuser("root"))

    assert client.get(FACILITIES).context["cl"].result_count == 6
    assert client.get(ALIASES).context["cl"].result_count == len(FacilityAlias.objects.all())
    assert client.get(f"{FACILITIES}{network.southern_hospital.pk}/change/").status_code == 200


def test_without_facilities_there_is_nothing_to_administer(network, aliases):
    client = staff("sol", "integration_lead")

    assert client.get(FACILITIES).context["cl"].result_count == 0
    assert client.get(ALIASES).context["cl"].result_count == 0


def test_an_administrator_keeps_people_and_keys_of_every_facility_and_sees_no_work(network):
    ada = staff("ada", "administrator")

    assert ada.get(FACILITIES).context["cl"].result_count == 6
    assert ada.get("/sources/").status_code == 200
    assert ada.get("/api/v1/scorecards").status_code == 403
