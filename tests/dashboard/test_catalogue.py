"""The catalogue's pages: what is promised and how it changes; names of facilities."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.test import RequestFactory
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts.models import AuditEvent, User
from apps.accounts.services import access, people
from apps.accounts.services.access import Access
from apps.catalog.models import ChangeProposal, Clock, Facility, FacilityAlias, SlaTarget, System
from apps.catalog.services import proposals, rows
from apps.dashboard import deciding
from apps.scorecards.preview import preview_target
from apps.telemetry.models import Quarantine
from tests.dashboard.cast import done, stuck
from tests.dashboard.conftest import signed_in

pytestmark = pytest.mark.slow

CHANGE = "/catalogue/workflows/flow_1/integration/change/"
SAID = {"amount": "30", "unit": "60", "percent": "90", "why": "Agreed with the vendor."}


@pytest.fixture
def clock(network) -> Clock:
    return Clock.objects.get(workflow=network.workflows[0], kind="integration")


@pytest.fixture
def lea(network, person) -> User:
    """Another integration lead."""
    return person("lea", "integration_lead", network.facilities[0].parent)


@pytest.fixture
def proposed(clock, ivo) -> ChangeProposal:
    signed_in(ivo).post(CHANGE, SAID | {"propose": "1"})
    return ChangeProposal.objects.get()


# -- Reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("/interfaces/", "None silent for longer than expected"),
        ("/catalogue/facilities/", "North"),
        ("/catalogue/facilities/NORTH/", "Weekdays"),
        ("/catalogue/systems/", "No system yet"),
        ("/catalogue/workflows/", "95 % within 2\u202fh"),
        ("/catalogue/workflows/flow_1/", "In force"),
        ("/catalogue/changes/", "Nothing was proposed"),
    ],
)
def test_every_page_says_what_is_there(as_ivo, page, text):
    assertContains(as_ivo.get(page), text)


def test_targets_of_places_out_of_sight_are_not_shown(as_bea):
    page = as_bea.get("/catalogue/workflows/flow_1/")

    assertNotContains(page, "override")
    assertNotContains(page, "South")


def test_pages_cost_no_more_for_more_rows(as_ivo, network, budget):
    as_ivo.get("/interfaces/")
    with budget(14, exact=False):
        as_ivo.get("/interfaces/")


# -- A change of a target --------------------------------------------------------------------------


def test_the_preview_judges_the_last_days_by_the_new_threshold(network, clock, happened, as_ivo):
    happened(*done("quick", minutes=10), *done("slow", minutes=80))

    said = SAID | {"amount": "30", "preview": "1"}
    page = as_ivo.post(CHANGE, said)

    preview = page.context["preview"]
    assert (preview.total.met, preview.total.would_meet, preview.flips) == (2, 1, 1)
    assertContains(page, "1 met would be missed, 0 missed would be met")
    assert not ChangeProposal.objects.exists()


def test_a_place_with_a_nearer_target_keeps_it(network, clock):
    preview = preview_target(
        clock, facility=None, threshold_seconds=60, within=[f.pk for f in network.facilities]
    )
    assert [one.code for one in preview.affected] == ["NORTH"]


def test_open_work_that_would_be_late_counts_as_missed(network, clock, happened):
    happened(*stuck("waits", hours_ago=1))

    def judged(seconds: int):
        ids = [f.pk for f in network.facilities]
        return preview_target(clock, facility=None, threshold_seconds=seconds, within=ids).total

    assert judged(60).would_breach == 1
    assert (judged(36_000).would_breach, judged(36_000).would_meet) == (0, 0)


def test_more_work_than_can_be_judged_at_once_is_a_sample(network, clock, happened, monkeypatch):
    monkeypatch.setattr("apps.scorecards.preview.OTHERWISE_AT_MOST", 1)
    happened(*done("one"), *done("two"))

    ids = [f.pk for f in network.facilities]
    assert preview_target(clock, facility=None, threshold_seconds=60, within=ids).is_sample


def test_a_change_holds_once_a_second_person_approved_it(proposed, lea, clock):
    before = SlaTarget.objects.count()

    signed_in(lea).post(f"/catalogue/changes/{proposed.pk}/decide/", {"decision": "approve"})

    proposed.refresh_from_db()
    assert (proposed.state, proposed.decided_by) == ("approved", lea)
    new = SlaTarget.objects.order_by("-pk")[0]
    assert SlaTarget.objects.count() == before + 1
    assert (new.threshold_seconds, new.objective) == (1800, Decimal("0.9"))
    assert new.created_by == proposed.proposed_by
    assert new.effective_from > now()


def waits(user: User) -> int:
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=user.pk)
    return deciding.waiting_for(request)


def test_what_waits_is_counted_for_who_may_decide_it(proposed, ivo, lea, bea, person, network):
    part = person("part", "integration_lead", network.facilities[0])
    assert [waits(one) for one in (ivo, lea, bea, part)] == [0, 1, 0, 0]
    assertContains(signed_in(lea).get("/interfaces/"), '<span class="count">1<')

    ChangeProposal.objects.update(facility=network.facilities[0])
    assert waits(part) == 1
    ChangeProposal.objects.update(facility=network.facilities[1])
    assert waits(part) == 0
    ChangeProposal.objects.update(expires_at=now() - timedelta(minutes=1))
    assert waits(lea) == 0


def test_nothing_waiting_costs_every_page_nothing_more(lea, budget):
    with budget(3):  # The person and what they may do, which every page asks.
        assert waits(lea) == 0


def test_a_proposal_names_who_could_decide_it(proposed, ivo, person, network):
    page = f"/catalogue/changes/{proposed.pk}/"
    person("part", "integration_lead", network.facilities[0])
    assertContains(signed_in(ivo).get(page), "Nobody else holds this role")

    person("lea", "integration_lead", network.facilities[0].parent)
    assertContains(signed_in(ivo).get(page), "other than you decides: Lea.")

    ChangeProposal.objects.update(facility=network.facilities[0])
    assertContains(signed_in(ivo).get(page), "other than you decides: Lea, Part.")


def test_nobody_approves_their_own_change(proposed, ivo):
    signed_in(ivo).post(f"/catalogue/changes/{proposed.pk}/decide/", {"decision": "approve"})

    proposed.refresh_from_db()
    assert proposed.state == "proposed"
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        ChangeProposal.objects.update(state="approved", decided_by=ivo)


def test_refusing_takes_a_reason(proposed, lea):
    client, path = signed_in(lea), f"/catalogue/changes/{proposed.pk}/decide/"

    assertContains(client.post(path, {"decision": "refuse"}), "Say why")
    client.post(path, {"decision": "refuse", "note": "Too tight for them."})

    proposed.refresh_from_db()
    assert (proposed.state, proposed.note) == ("refused", "Too tight for them.")


def test_a_change_is_decided_once(proposed, lea):
    proposals.refuse(proposed, by=lea, note="no reason needed here")

    with pytest.raises(proposals.AlreadyDecided):
        proposals.approve(proposed, by=lea)


def test_what_nobody_decided_in_time_is_over(proposed, lea):
    ChangeProposal.objects.update(expires_at=now() - timedelta(minutes=1))

    with pytest.raises(proposals.AlreadyDecided):
        proposals.approve(ChangeProposal.objects.get(), by=lea)
    assertContains(signed_in(lea).get("/catalogue/changes/"), "Expired")


def test_a_start_that_has_passed_is_not_approved_silently(proposed, lea):
    ChangeProposal.objects.update(effective_from=now() - timedelta(minutes=1))

    with pytest.raises(proposals.StartHasPassed):
        proposals.approve(ChangeProposal.objects.get(), by=lea)


@pytest.mark.parametrize("lost", ["role", "account", "by hand"])
def test_a_proposal_ends_with_the_right_to_propose(proposed, ivo, lea, person, lost):
    ada = person("ada", "administrator")
    if lost == "role":
        access.change_access(ivo, Access(frozenset(["executive"]), frozenset()), by=ada, why="")
    elif lost == "account":
        people.close_account(ivo, by=ada)
    else:
        ivo.groups.clear()
    before = SlaTarget.objects.count()
    signed_in(lea).post(f"/catalogue/changes/{proposed.pk}/decide/", {"decision": "approve"})
    assert SlaTarget.objects.count() == before
    if lost != "by hand":
        assertContains(signed_in(lea).get("/catalogue/changes/"), "Lapsed, as its author")
        assert AuditEvent.objects.filter(act="change.lapsed").count() == 1


def test_ones_own_proposal_can_be_taken_back_by_nobody_else(proposed, ivo, lea):
    signed_in(lea).post(f"/catalogue/changes/{proposed.pk}/withdraw/")
    assert ChangeProposal.objects.get().state == "proposed"

    signed_in(ivo).post(f"/catalogue/changes/{proposed.pk}/withdraw/")
    assert ChangeProposal.objects.get().state == "withdrawn"


def test_who_sees_a_part_proposes_for_a_part_only(network, person):
    rosa = person("rosa", "rcm_supervisor", network.facilities[0])
    client = signed_in(rosa)

    assertContains(client.post(CHANGE, SAID | {"propose": "1"}), "This field is required")
    assertContains(client.post(CHANGE, SAID | {"facility": "SOUTH"}), "not one of the available")
    assert client.post(CHANGE, SAID | {"facility": "NORTH", "propose": "1"}).status_code == 302


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"why": ""}, "This field is required"),
        ({"percent": "100"}, "less than or equal to 99.999"),
        ({"amount": "0"}, "greater than or equal to 0.001"),
        ({"effective_from": "2020-01-01T00:00"}, "That has passed"),
        ({"unit": "weeks"}, "Select a valid choice"),
    ],
)
def test_a_mistake_is_explained_beside_the_field(as_ivo, said, complaint):
    assertContains(as_ivo.post(CHANGE, SAID | said | {"propose": "1"}), complaint)
    assert not ChangeProposal.objects.exists()


# -- Names of facilities ---------------------------------------------------------------------------


def test_a_name_is_added_at_once_and_said_what_for(as_ivo, network):
    System.objects.create(code="ehr", name="EHR", kind="ehr")
    said = {"alias": "N-01", "facility": "NORTH", "system": "ehr"}

    page = as_ivo.post("/catalogue/alias/", said, follow=True)

    assertContains(page, "N-01")
    assert FacilityAlias.objects.get().facility == network.facilities[0]


@pytest.mark.parametrize("field", ["alias", "system"])
def test_a_name_that_no_text_can_hold_is_explained(as_ivo, network, field):
    said = {"alias": "N-01", "facility": "NORTH", field: "\0"}
    assert as_ivo.post("/catalogue/alias/", said).status_code == 200
    assert not FacilityAlias.objects.exists()


def test_events_of_nobody_knows_where_are_counted_for_who_sees_all(as_ivo, person, network):
    moment = now()
    Quarantine.objects.create(
        id=UUID(int=1), received_at=moment, last_seen_at=moment, source=network.source,
        code="unknown_facility", message="Unknown", view={"event": {"data": {"facility": "H-77"}}},
    )  # fmt: skip
    page, said = "/catalogue/alias/?alias=H-77", "1 refused event"
    assertContains(as_ivo.get(page), said)
    noor = signed_in(person("noor", "integration_engineer", network.facilities[0]))
    assertNotContains(noor.get(page), said)


def test_a_start_is_asked_for_and_shown_in_the_readers_zone(as_ivo, network):
    Facility.objects.update(time_zone="America/Chicago")
    assertContains(as_ivo.get(CHANGE), "From (Chicago time)")
    said = SAID | {"effective_from": "2099-01-15T08:00", "propose": "1"}
    answer = as_ivo.post(CHANGE, said, follow=True)
    assert ChangeProposal.objects.get().effective_from == datetime(2099, 1, 15, 14, tzinfo=UTC)
    assertContains(answer, 'title="2099-01-15 14:00:00 UTC">15 Jan 2099 08:00 CST</time>')


def test_the_button_says_what_it_will_do(as_ivo, person, network):
    System.objects.create(code="ehr", name="EHR", kind="ehr")
    page, swap = "/catalogue/alias/?alias=N-01", {"HX-Request": "true"}
    assertContains(as_ivo.get(page), "Propose the alias")
    part = as_ivo.get(f"{page}&system=ehr", headers=swap)
    assertContains(part, "It holds at once.")
    assertContains(part, "Add the alias")
    assertNotContains(part, "<html")
    noor = signed_in(person("noor", "integration_engineer", network.facilities[0]))
    assertContains(noor.get(f"{page}&system=ehr"), "Propose the alias")


def test_a_name_that_is_taken_is_explained(as_ivo, network):
    FacilityAlias.objects.create(alias="N-01", facility=network.facilities[1])

    page = as_ivo.post("/catalogue/alias/", {"alias": "N-01", "facility": "NORTH"})

    assertContains(page, "has this name already")


@pytest.mark.parametrize("name", ["taken-in-the-south", "free"])
def test_who_sees_a_part_is_told_the_same_of_a_name_that_is_taken_elsewhere(
    person, network, name, lea
):
    """Or "taken" would tell what there is in places they may not see."""
    south = network.facilities[1]
    system = System.objects.create(code="ehr", name="EHR", kind="ehr")
    FacilityAlias.objects.create(facility=south, system=system, alias="taken-in-the-south")
    noor = person("noor", "integration_engineer", network.facilities[0])

    said = {"alias": name, "facility": "NORTH", "system": "ehr", "why": "They call it so"}
    answer = signed_in(noor).post("/catalogue/alias/", said)

    proposal = ChangeProposal.objects.get()
    assert answer.url == f"/catalogue/changes/{proposal.pk}/"
    half = person("half", "integration_lead", network.facilities[0])
    path = f"/catalogue/changes/{proposal.pk}/decide/"
    assert signed_in(half).post(path, {"decision": "approve"}).status_code == 403
    signed_in(lea).post(path, {"decision": "approve"})
    assert FacilityAlias.objects.filter(alias=name).count() == 1
    proposal.refresh_from_db()
    assert proposal.state == ("approved" if name == "free" else "proposed")


def test_who_sees_a_part_does_not_read_the_whole_of_a_move(as_ivo, ivo, person, network):
    north = network.facilities[0]
    north.short_name = "Moved elsewhere"
    row = rows.changed(north, "short_name")
    proposal = proposals.propose_rows([row], about="North", facility=north, why="Moved", by=ivo)
    noor = person("noor", "integration_lead", north)
    path = f"/catalogue/changes/{proposal.pk}/"
    assertContains(as_ivo.get(path), "Moved elsewhere")
    assertNotContains(signed_in(noor).get(path), "elsewhere")


def test_where_money_is_posted_by_a_name_it_takes_two(as_ivo, lea, network):
    System.objects.create(code="ledger", name="Ledger", kind="erp")
    said = {"alias": "CC-4410", "facility": "NORTH", "system": "ledger", "why": "New cost centre"}

    as_ivo.post("/catalogue/alias/", said)
    assert not FacilityAlias.objects.exists()

    proposal = ChangeProposal.objects.get()
    signed_in(lea).post(f"/catalogue/changes/{proposal.pk}/decide/", {"decision": "approve"})
    assert FacilityAlias.objects.get().alias == "CC-4410"


def test_a_name_that_any_sender_may_use_takes_two(as_ivo, lea, network):
    """The ledger reads it as well."""
    as_ivo.post("/catalogue/alias/", {"alias": "CC-4410", "facility": "NORTH", "why": "New"})
    assert not FacilityAlias.objects.exists()

    proposal = ChangeProposal.objects.get()
    signed_in(lea).post(f"/catalogue/changes/{proposal.pk}/decide/", {"decision": "approve"})
    alias = FacilityAlias.objects.get()

    as_ivo.post(f"/catalogue/alias/{alias.pk}/remove/")
    assert FacilityAlias.objects.exists()


def test_a_name_is_removed(as_ivo, network):
    ehr = System.objects.create(code="ehr", name="EHR", kind="ehr")
    alias = FacilityAlias.objects.create(alias="N-01", facility=network.facilities[0], system=ehr)

    as_ivo.post(f"/catalogue/alias/{alias.pk}/remove/")

    assert not FacilityAlias.objects.exists()
