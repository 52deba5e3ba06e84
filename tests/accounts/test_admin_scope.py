"""The administration keeps to the facilities of who looks: elsewhere there is nothing."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts.models import FacilityUserGrant, User
from apps.accounts.services import access
from apps.catalog.models import ChangeProposal, FacilityAlias, SlaTarget, Team
from apps.catalog.services import TargetChange, proposals, rows
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


@pytest.mark.parametrize("model", ["workflow", "businesscalendar", "system", "interface", "team"])
def test_what_all_share_is_added_by_who_sees_the_whole_network(as_noor, network, model):
    page = f"/admin/catalog/{model}/add/"
    assert (as_noor.get(page).status_code, as_noor.post(page).status_code) == (403, 403)
    lea = staff("lea", "integration_lead", network.org)
    assert lea.get(page).status_code == 200


def test_who_sees_a_part_proposes_another_name_for_what_all_share(as_noor, network):
    page, said = f"/admin/catalog/system/{network.billing.pk}/change/", {"name": "RCM"}
    assertContains(as_noor.post(page, said | {"kind": "billing"}), "This field is required")
    as_noor.post(page, said | {"kind": "billing", "why": "As all call it"})
    network.billing.refresh_from_db()
    assert network.billing.name == "Billing"
    lea = staff("lea", "integration_lead", network.org)
    proposals.approve(ChangeProposal.objects.get(), by=User.objects.get(username="lea"))
    network.billing.refresh_from_db()
    assert network.billing.name == "RCM"
    lea.post(page, {"name": "Billing again", "kind": "billing"})
    network.billing.refresh_from_db()
    assert network.billing.name == "Billing again"
    assert as_noor.get(page.replace("change", "delete")).status_code == 403


def test_who_sees_a_part_proposes_another_name_for_a_calendar(as_noor, network):
    calendar = network.office_hours
    inlines = {f"{name}-{count}_FORMS": 0 for name in ("hours", "holidays")
               for count in ("TOTAL", "INITIAL")}  # fmt: skip
    said = {"name": "Weekdays", "why": "Clearer"} | inlines
    as_noor.post(f"/admin/catalog/businesscalendar/{calendar.pk}/change/", said)
    assert ChangeProposal.objects.get().subject == "Office hours"
    calendar.refresh_from_db()
    assert calendar.name == "Office hours"


def test_a_team_keeps_its_name_where_a_part_is_seen(as_noor, network):
    team = Team.objects.create(code="interfaces", name="Interfaces")
    page = f"/admin/catalog/team/{team.pk}/change/"
    as_noor.post(page, {"name": "Mine", "members": [User.objects.get(username="noor").pk]})
    team.refresh_from_db()
    assert (team.name, team.members.count()) == ("Interfaces", 1)


def test_who_lost_a_facility_does_not_stand_for_its_change_any_more(network):
    noor, lea = (person(name, "integration_lead", place)
                 for name, place in (("noor", network.north), ("lea", network.org)))  # fmt: skip
    changes = []
    for place in (network.hospital, network.north):
        place.refresh_from_db()
        place.short_name = f"{place.short_name} 2"
        said = {"about": str(place), "facility": place, "why": "Shorter", "by": noor}
        changes.append(proposals.propose_rows([rows.changed(place)], **said))
    inside, top = (ChangeProposal.objects.get(pk=one.pk) for one in changes)
    assert proposals.author_stands(inside)
    proposals.approve(top, by=lea)
    FacilityUserGrant.objects.filter(user=noor).delete()
    inside = ChangeProposal.objects.get(pk=inside.pk)
    with pytest.raises(proposals.AuthorMayNot):
        proposals.approve(inside, by=lea)


@pytest.mark.parametrize(("saw", "stands"), [("org", False), ("north", True)])
def test_what_was_asked_for_the_network_takes_who_still_sees_all_of_it(network, saw, stands):
    noor = person("noor", "integration_lead", getattr(network, saw))
    calendar = network.office_hours
    calendar.name = "Weekdays"
    proposal = proposals.propose_rows(
        [rows.changed(calendar, "name")],
        about="x", facility=None, why="Clearer", by=noor, sees_all=saw == "org",
    )  # fmt: skip
    assert proposals.author_stands(proposal)
    moved = replace(access.access_of(noor), facilities=frozenset([network.south.pk]))
    access.change_access(noor, moved, by=person("ada", "administrator"), why="Moved south")
    proposal.refresh_from_db()
    assert (proposal.state == "proposed") is stands


def test_a_promise_to_the_network_takes_who_still_sees_all_of_it(network):
    noor, lea = (person(name, "integration_lead", network.org) for name in ("noor", "lea"))
    change = TargetChange(
        clock=network.clock, facility=None, threshold_seconds=60, objective=Decimal("0.9"),
        effective_from=None, why="Faster",
    )  # fmt: skip
    proposal = proposals.propose_target(change, by=noor)
    FacilityUserGrant.objects.filter(user=noor).delete()
    proposal = ChangeProposal.objects.get(pk=proposal.pk)
    with pytest.raises(proposals.AuthorMayNot):
        proposals.approve(proposal, by=lea)


def test_a_proposal_ends_with_the_grant_that_it_stood_on(network):
    noor = person("noor", "integration_lead", network.north)
    network.hospital.short_name = "Other"
    proposal = proposals.propose_rows(
        [rows.changed(network.hospital, "short_name")],
        about="x", facility=network.hospital, why="Shorter", by=noor,
    )  # fmt: skip
    held = access.access_of(noor)
    moved = replace(held, facilities=frozenset([network.south.pk]))
    access.change_access(noor, moved, by=person("ada", "administrator"), why="Moved south")
    proposal.refresh_from_db()
    assert proposal.state == "lapsed"


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
