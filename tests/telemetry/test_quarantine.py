"""The quarantine: correct and resubmit, discard, re-drive; by page and by API."""

import json
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from apps.catalog.models import ChangeProposal, FacilityAlias, Stage, System
from apps.catalog.services import proposals
from apps.catalog.snapshot import forget_snapshot
from apps.telemetry.canonical import decode_journal
from apps.telemetry.models import IngestBatch, Quarantine, Source
from apps.telemetry.services import redrive_quarantine
from apps.telemetry.services.keys import issue_key
from tests.telemetry.wire import Sender, event, moment

pytestmark = pytest.mark.slow

LIST = "/quarantine/"
API = "/api/v1/quarantine"


def refused(sender, **changes) -> Quarantine:
    """A quarantined event, refused for its stage unless told otherwise."""
    sender.post([event(**{"data__stage": "nowhere", **changes})])
    return Quarantine.objects.order_by("-id")[0]


def last_event():
    return decode_journal(bytes(IngestBatch.objects.order_by("-id")[0].body))[-1]


def page(item: Quarantine, name: str = "quarantined") -> str:
    return reverse(f"telemetry:{name}", args=[item.pk])


def form(item: Quarantine, **changes: str) -> dict[str, str]:
    """What a browser would send for an item's correction form, with some fields changed."""
    kept = item.view["event"]
    data = {f"data.{name}": str(value) for name, value in kept.get("data", {}).items()}
    top = {name: value for name, value in kept.items() if name not in ("data", "specversion")}
    return top | data | {name.replace("__", "."): value for name, value in changes.items()}


# -- What is kept and shown ----------------------------------------------------------------------


def test_only_named_fields_are_kept_and_business_keys_masked(sender):
    item = refused(
        sender,
        data__business_keys={"account": "8812345678", "ssn": "1"},
        data__error={"code": "AE", "message": "Jane Doe"},
        data__payer=["Jane", "Doe"],
        secret="Jane",
    )

    assert item.view["event"]["data"]["error"] == {"code": "AE"}
    assert [(kind, masked) for kind, _, masked in item.view["business_keys"]] == [
        ("account", "••••5678")
    ]
    assert "Jane" not in str(item.view)
    assert "8812345678" not in str(item.view)


def test_what_looks_like_a_persons_number_is_not_even_quarantined(sender):
    item = refused(sender, subject="123-45-6789", data__stage="posted")

    assert item.code == "phi_suspected"
    assert "subject" not in item.view["event"]


def test_the_list_shows_reason_place_and_facility(signed_in, ivo, sender):
    item = refused(sender)

    answer = signed_in(ivo).get(LIST)

    assertContains(answer, "Unknown stage")
    assertContains(answer, page(item))
    assertContains(answer, "Hospital")


def test_the_list_is_filtered_and_swapped_as_a_part(signed_in, ivo, sender):
    known, other = refused(sender), refused(sender, time=moment(days=500))

    answer = signed_in(ivo).get(LIST, {"code": "time_too_old"}, headers={"HX-Request": "true"})

    assertContains(answer, page(other))
    assertNotContains(answer, page(known))
    assertNotContains(answer, "<html")


def test_the_filter_offers_the_sources_of_what_one_sees(signed_in, bea, ivo, sender, network):
    elsewhere = Sender(issue_key(source="elsewhere").bearer)
    refused(elsewhere, data__facility=network.southern_hospital.code)
    refused(sender)
    issue_key(source="idle")

    def offered(user) -> set[str]:
        field = signed_in(user).get(LIST).context["form"].fields["source"]
        return {source.code for source in field.queryset}

    assert offered(bea) == {"ehr"}
    assert offered(ivo) == {"ehr", "elsewhere"}


@pytest.mark.parametrize("query", ["state=nothing", "source=%ff", "page=-1", "page=x"])
def test_filters_that_make_no_sense_are_as_good_as_none(signed_in, ivo, sender, query):
    assert signed_in(ivo).get(f"{LIST}?{query}").status_code == 200


def test_the_detail_says_why_and_what_to_do(signed_in, ivo, sender):
    answer = signed_in(ivo).get(page(refused(sender)))

    assertContains(answer, "This workflow has no stage of this code.")
    assertContains(answer, "Goes on by itself once it exists.")
    assertContains(answer, "Send it on")


@pytest.mark.parametrize("code", ["conflict", "foreign_transaction"])
def test_what_was_refused_when_counted_can_only_be_looked_at_or_given_up(
    signed_in, ivo, sender, code
):
    item = refused(sender)
    Quarantine.objects.update(code=code, view={}, first_digest="0a", second_digest="0b")

    answer = signed_in(ivo).get(page(item))

    assertContains(answer, "0b")
    assertContains(answer, "Nothing of it was kept")
    assertContains(answer, "Give it up")
    assertNotContains(answer, "Send it on")


# -- Correct and resubmit ------------------------------------------------------------------------


def test_a_corrected_event_goes_on_with_its_keys(signed_in, ivo, sender, network):
    item = refused(sender, data__business_keys={"account": "8812345678"}, data__amount="12.50")

    answer = signed_in(ivo).post(page(item, "resubmit"), form(item, data__stage="posted"))

    assert answer.status_code == 302
    item.refresh_from_db()
    assert (item.state, item.resolved_by, item.reason) == (
        "resubmitted",
        ivo,
        "Changed: /data/stage",
    )
    sent = last_event()
    assert (sent.event_id, sent.rank, sent.amount_minor) == (item.event_id, 4, 1250)
    assert [masked for _, _, masked in sent.business_keys] == ["••••5678"]
    assert IngestBatch.objects.order_by("-id")[0].source.code == "ehr"


def test_a_corrected_event_is_the_event_its_sender_would_have_sent(signed_in, ivo, sender):
    good = event(data__business_keys={"account": "8812345678"})
    sender.post([good])
    sent = last_event()
    item = refused(sender, id=good["id"], subject=good["subject"], time=good["time"],
                   data__business_keys={"account": "8812345678"})  # fmt: skip

    signed_in(ivo).post(page(item, "resubmit"), form(item, data__stage="posted"))

    assert last_event() == sent


def test_an_event_still_refused_stays_and_says_where(signed_in, ivo, sender):
    item = refused(sender)

    answer = signed_in(ivo).post(page(item, "resubmit"), form(item, data__stage="nowhere either"))

    assertContains(answer, "This workflow has no stage of this code.")
    assertContains(answer, 'aria-invalid="true"')
    item.refresh_from_db()
    assert item.state == "open"


def test_an_event_goes_on_once(signed_in, ivo, sender):
    item = refused(sender)
    for _ in range(2):
        signed_in(ivo).post(page(item, "resubmit"), form(item, data__stage="posted"))

    assert IngestBatch.objects.filter(events=1).count() == 1


def test_a_correction_cannot_leave_the_scope_of_the_key(signed_in, ivo, network):
    northern = Sender(issue_key(source="ehr", facilities=["NORTH"]).bearer)
    northern.post([event(), event(data__facility="SUNNY")])
    item = Quarantine.objects.get(code="facility_forbidden")

    answer = signed_in(ivo).post(page(item, "resubmit"), form(item))
    assertContains(answer, "may not speak for this facility")

    answer = signed_in(ivo).post(page(item, "resubmit"), form(item, data__facility="HOSPITAL"))
    assert answer.status_code == 302


def test_a_correction_cannot_leave_the_scope_of_the_person(signed_in, bea, sender):
    item = refused(sender)

    answer = signed_in(bea).post(
        page(item, "resubmit"), form(item, data__stage="posted", data__facility="SUNNY")
    )

    assertContains(answer, "may not speak for this facility")


def test_an_event_without_an_id_can_be_given_one(signed_in, ivo, sender):
    sender.post([event(id=...)])
    item = Quarantine.objects.get()

    answer = signed_in(ivo).post(page(item, "resubmit"), form(item, id="found-out"))

    assert answer.status_code == 302
    assert last_event().event_id == "found-out"


# -- Discard -------------------------------------------------------------------------------------


def test_a_discarded_event_keeps_the_reason(signed_in, ivo, sender):
    item = refused(sender)

    signed_in(ivo).post(page(item, "discard"), {"reason": "A test system sent it"})

    item.refresh_from_db()
    assert (item.state, item.reason, item.resolved_by) == (
        "discarded",
        "A test system sent it",
        ivo,
    )
    assertContains(signed_in(ivo).get(page(item)), "A test system sent it")


def test_a_reason_is_needed_to_discard(signed_in, ivo, sender):
    item = refused(sender)

    signed_in(ivo).post(page(item, "discard"), {"reason": "x" * 501})
    answer = signed_in(ivo).post(page(item, "discard"), {"reason": "no"})

    assertContains(answer, "at least 5 characters")
    item.refresh_from_db()
    assert item.state == "open"


# -- Re-drive ------------------------------------------------------------------------------------


def test_an_alias_sends_waiting_events_on_by_itself(sender, network):
    item = refused(sender, data__stage="posted", data__facility="H02",
                   data__business_keys={"account": "8812345678"})  # fmt: skip
    assert redrive_quarantine() == 0

    FacilityAlias.objects.create(system=network.ehr, alias="H02", facility=network.hospital)
    forget_snapshot()

    assert redrive_quarantine() == 1
    item.refresh_from_db()
    assert (item.state, item.resolved_by) == ("redriven", None)
    assert last_event().facility_id == network.hospital.pk
    assert last_event().business_keys
    assert redrive_quarantine() == 0


def test_an_event_mended_only_in_part_says_what_still_misses(sender, network):
    item = refused(sender, data__facility="H02")
    assert item.code == "unknown_stage"

    Stage.objects.create(workflow=network.workflow, rank=7, code="nowhere", name="x", phase="sent")
    forget_snapshot()

    assert redrive_quarantine() == 0
    item.refresh_from_db()
    assert (item.state, item.code, item.pointer) == ("open", "unknown_facility", "/data/facility")


def test_redriving_stays_within_the_scope_of_the_key(network):
    northern = Sender(issue_key(source="ehr", facilities=["NORTH"]).bearer)
    northern.post([event(), event(data__facility="S02")])
    FacilityAlias.objects.create(system=None, alias="S02", facility=network.southern_hospital)
    forget_snapshot()

    assert redrive_quarantine() == 0
    item = Quarantine.objects.get()
    assert (item.code, item.facility_id) == ("facility_forbidden", network.southern_hospital.pk)


def test_an_unchanged_catalogue_is_not_asked_twice(sender, django_assert_max_num_queries):
    refused(sender)
    redrive_quarantine()

    with django_assert_max_num_queries(8):
        assert redrive_quarantine() == 0


def test_many_are_sent_on_in_few_batches(sender, network):
    sender.post([event(data__facility="H02") for _ in range(120)])
    FacilityAlias.objects.create(system=None, alias="H02", facility=network.hospital)
    forget_snapshot()
    before = IngestBatch.objects.count()

    assert redrive_quarantine() == 120
    assert IngestBatch.objects.count() == before + 1


# -- Who may what --------------------------------------------------------------------------------


def test_people_see_the_quarantine_of_their_facilities_only(signed_in, bea, sender):
    mine, foreign = refused(sender), refused(sender, data__facility="SUNNY")
    nowhere = refused(sender, data__facility="NOPE", data__stage="posted")

    answer = signed_in(bea).get(LIST)

    assertContains(answer, page(mine))
    for hidden in (foreign, nowhere):
        assertNotContains(answer, page(hidden))
        assert signed_in(bea).get(page(hidden)).status_code == 404
        assert (
            signed_in(bea).post(page(hidden, "discard"), {"reason": "because"}).status_code == 404
        )


def test_events_of_no_known_facility_are_for_people_who_see_all(signed_in, ivo, sender):
    item = refused(sender, data__facility="NOPE", data__stage="posted")

    assert signed_in(ivo).get(page(item)).status_code == 200


def test_a_stranger_sees_nothing(signed_in, sam, sender):
    item = refused(sender)

    assertNotContains(signed_in(sam).get(LIST), page(item))
    assertContains(signed_in(sam).get(LIST), "No facility has been granted to you yet")
    assert signed_in(sam).get(page(item)).status_code == 404


def test_who_sees_a_part_is_not_told_that_nothing_is_refused(signed_in, bea, ivo, sender):
    assertContains(signed_in(ivo).get(LIST), "Every event that was sent could be used.")
    refused(sender, data__facility="NOPE")

    answer = signed_in(bea).get(LIST)

    assertContains(answer, "Nothing at your facilities is refused")
    assertNotContains(answer, "Every event that was sent could be used.")


def test_the_wrong_role_is_forbidden(signed_in, eve, sender):
    item = refused(sender)

    assert signed_in(eve).get(LIST).status_code == 403
    assert signed_in(eve).post(page(item, "discard"), {"reason": "because"}).status_code == 403


def test_who_may_only_look_cannot_resolve(signed_in, with_token, person, network, sender):
    auditor = person("ada", "compliance_auditor", network.org)
    item = refused(sender)

    assertNotContains(signed_in(auditor).get(page(item)), "Send it on")
    assert signed_in(auditor).post(page(item, "resubmit"), form(item)).status_code == 403
    answer = with_token(auditor).post(
        f"{API}/{item.pk}/discard", {}, content_type="application/json"
    )
    assert answer.status_code == 403


def test_anonymous_people_are_sent_to_sign_in(sender):
    answer = Client().get(LIST)

    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/sign-in/")


# -- The API -------------------------------------------------------------------------------------


def test_the_api_lists_open_items_in_pages(with_token, ivo, sender, monkeypatch):
    monkeypatch.setattr("apps.telemetry.views.quarantine_api.PAGE_SIZE", 2)
    items = [refused(sender) for _ in range(3)]

    first = with_token(ivo).get(API).json()
    second = with_token(ivo).get(API, {"before": first["next"]}).json()

    assert [one["id"] for one in first["items"] + second["items"]] == [
        str(item.pk) for item in reversed(items)
    ]
    assert second["next"] is None
    assert first["items"][0] | {"code": "", "source": ""} != {}
    assert first["items"][0]["facility"] == "HOSPITAL"


@pytest.mark.parametrize("query", [{"before": "x"}, {"code": "x"}, {"state": "x"}, {"page": "2"}])
def test_the_api_refuses_parameters_that_make_no_sense(with_token, ivo, query):
    assert with_token(ivo).get(API, query).json()["code"] == "bad_parameter"


def post(client, item, verb, body):
    return client.post(f"{API}/{item.pk}/{verb}", json.dumps(body), content_type="application/json")


def test_the_api_resubmits_with_a_merge_patch(with_token, ivo, sender):
    item = refused(sender)

    answer = post(with_token(ivo), item, "resubmit", {"data": {"stage": "posted", "payer": None}})

    assert answer.status_code == 200
    assert IngestBatch.objects.get(id=answer.json()["batch"]).events == 1
    assert post(with_token(ivo), item, "resubmit", {}).status_code == 409


def test_the_api_says_what_is_still_wrong(with_token, ivo, sender):
    answer = post(with_token(ivo), refused(sender), "resubmit", {})

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_stage")
    assert answer.json()["pointer"] == "/data/stage"


@pytest.mark.parametrize(
    "patch",
    [{"data": 5}, {"id": {}}, {"time": "\x00"}, {"data": {"x": [[]]}}, {"subject": "\ud800"}],
)
def test_the_api_survives_any_patch(with_token, ivo, sender, patch):
    assert post(with_token(ivo), refused(sender), "resubmit", patch).status_code in (400, 422)


def test_the_api_discards_with_a_reason(with_token, ivo, sender):
    item = refused(sender)

    assert post(with_token(ivo), item, "discard", {"reason": "x"}).status_code == 400
    assert post(with_token(ivo), item, "discard", {"reason": "x" * 501}).status_code == 400
    assert post(with_token(ivo), item, "discard", []).status_code == 400
    answer = post(with_token(ivo), item, "discard", {"reason": "A test system"})
    assert (answer.status_code, answer.json()["state"]) == (200, "discarded")


def test_the_api_climbs_the_same_ladder(with_token, bea, sam, eve, sender):
    item = refused(sender, data__facility="SUNNY")

    assert with_token(bea).get(API).json()["items"] == []
    assert with_token(eve).get(API).status_code == 403
    for person in (bea, sam):
        assert post(with_token(person), item, "discard", {"reason": "because"}).status_code == 404
    assert Client().get(API).status_code == 401
    assert post(Client(), item, "discard", {"reason": "because"}).status_code == 401


def test_a_session_does_not_write_through_the_api(signed_in, ivo, sender):
    answer = post(signed_in(ivo), refused(sender), "discard", {"reason": "because"})

    assert answer.status_code == 401


def test_an_event_the_catalogue_mended_says_so_and_leads_to_its_transaction(
    signed_in, ivo, sender, network
):
    item = refused(sender, data__stage="posted", data__facility="H-99")
    FacilityAlias.objects.create(system=None, alias="H-99", facility=network.hospital)
    forget_snapshot()
    redrive_quarantine()

    answer = signed_in(ivo).get(page(item))

    assertContains(answer, "by the catalogue")
    assertContains(answer, "Open the transaction")


def test_what_was_given_up_by_mistake_is_taken_back(signed_in, ivo, sender):
    item = refused(sender)
    client = signed_in(ivo)
    client.post(page(item, "discard"), {"reason": "A test system"})
    assertContains(client.get(page(item)), "Take it back")

    client.post(page(item, "reopen"))

    item.refresh_from_db()
    assert (item.state, item.reason, item.resolved_by) == ("open", "", None)


def test_the_faulty_place_is_marked_and_the_next_step_is_prefilled(signed_in, ivo, sender):
    item = refused(sender, data__stage="posted", data__facility="H-99")

    answer = signed_in(ivo).get(page(item))

    assertContains(answer, "<mark>    &quot;facility&quot;: &quot;H-99&quot;")
    assertContains(answer, "/catalogue/alias/?alias=H-99")
    assertContains(answer, "Add the alias")
    System.objects.update(kind=System.Kind.ERP)
    answer = signed_in(ivo).get(page(item))
    assertContains(answer, "Propose the alias")
    assertContains(answer, "Once an integration lead approves it")


def test_a_name_that_is_proposed_already_is_not_offered_again(signed_in, ivo, sender, network):
    item = refused(sender, data__stage="posted", data__facility="H-99")
    name = FacilityAlias(facility=network.hospital, system=None, alias="H-99")
    kind = ChangeProposal.Kind.ALIAS_ADDED
    waiting = proposals.propose_alias(kind, name, why="Its billing name.", by=ivo)

    answer = signed_in(ivo).get(page(item))

    assertContains(answer, f"/catalogue/changes/{waiting.pk}/")
    assertNotContains(answer, "/catalogue/alias/")
    proposals.withdraw(waiting, by=ivo)
    assertContains(signed_in(ivo).get(page(item)), "/catalogue/alias/?alias=H-99")


# -- Names that nobody knew ----------------------------------------------------------------------


@pytest.fixture
def strange_names(sender) -> None:
    """Three events of two pieces of business at one place nobody knows, and one at another."""
    for subject, amount in (("a", "12.50"), ("a", "10"), ("b", "1000")):
        refused(
            sender,
            data__stage="posted",
            data__facility="H-99",
            subject=subject,
            data__amount=amount,
        )
    refused(sender, data__stage="posted", data__facility="H-42")


def names_of(client: Client, code: str = "unknown_facility") -> list[tuple]:
    rows = client.get(LIST, {"code": code}).context["names"]
    return [(row.of.name, row.of.open, row.of.amount_minor) for row in rows]


def test_what_nobody_knows_is_counted_by_its_name(signed_in, ivo, strange_names):
    assert names_of(signed_in(ivo)) == [("H-99", 3, 101_250), ("H-42", 1, None)]
    assert names_of(signed_in(ivo), "time_too_old") == []


def test_the_list_shows_one_name_alone_and_works_no_other_with_it(signed_in, ivo, strange_names):
    query = {"code": "unknown_facility", "name": "H-99"}
    answer = signed_in(ivo).get(LIST, query)
    assert [item.named for item in answer.context["items"]] == ["H-99"] * 3
    assertNotContains(answer, "Work all of these")
    assert signed_in(ivo).get("/quarantine/all/", query).url == LIST


@pytest.mark.parametrize("name", ["'; --", '{"a": 1}', "%s", "x" * 300])
def test_a_name_that_nothing_says_shows_nothing(signed_in, ivo, strange_names, name):
    answer = signed_in(ivo).get(LIST, {"code": "unknown_facility", "name": name})
    assert answer.status_code == 200
    assert not answer.context["items"] or len(name) > 256


def test_one_alias_is_offered_for_all_of_a_name(signed_in, ivo, strange_names, network):
    assertContains(signed_in(ivo).get(LIST, {"code": "unknown_facility"}), "Add the alias", count=2)
    name = FacilityAlias(facility=network.hospital, system=None, alias="H-99")
    proposals.propose_alias(ChangeProposal.Kind.ALIAS_ADDED, name, why="Its name.", by=ivo)
    answer = signed_in(ivo).get(LIST, {"code": "unknown_facility"})
    assertContains(answer, "Add the alias", count=1)
    assertContains(answer, "Open the proposal", count=1)


def test_what_says_no_name_leads_to_no_list_of_every_name(signed_in, ivo, strange_names):
    Quarantine.objects.filter(view__event__data__facility="H-42").update(view={"event": {}})
    answer = signed_in(ivo).get(LIST, {"code": "unknown_facility"})
    assertContains(answer, '<th scope="row">No name at all</th>')
    assertContains(answer, "name=H-99")
    assertNotContains(answer, '&amp;name="')


def propose(name: str, place, *, by, system: System | None = None) -> ChangeProposal:
    alias = FacilityAlias(facility=place, system=system, alias=name)
    kind = ChangeProposal.Kind.ALIAS_ADDED
    return proposals.propose_alias(kind, alias, why="Its name.", by=by)


def test_a_name_of_another_system_is_another_name(signed_in, ivo, strange_names, network):
    own = Source.objects.get(code="ehr").system
    other = System.objects.exclude(pk=own.pk)[0]
    propose("H-99", network.hospital, by=ivo, system=other)
    answer = signed_in(ivo).get(LIST, {"code": "unknown_facility"})
    assertContains(answer, "Add the alias", count=2)
    propose("H-99", network.hospital, by=ivo, system=own)
    answer = signed_in(ivo).get(LIST, {"code": "unknown_facility"})
    assertContains(answer, "Open the proposal", count=1)


def test_proposals_of_many_names_are_read_at_once(signed_in, ivo, strange_names, network):
    client = signed_in(ivo)
    propose("H-99", network.hospital, by=ivo)
    client.get(LIST, {"code": "unknown_facility"})
    with CaptureQueriesContext(connection) as one:
        client.get(LIST, {"code": "unknown_facility"})
    propose("H-42", network.north, by=ivo)
    with CaptureQueriesContext(connection) as two:
        assertContains(client.get(LIST, {"code": "unknown_facility"}), "Open the proposal", count=2)
    assert len(one) == len(two)


def test_names_are_counted_and_listed_within_the_filters(signed_in, ivo, strange_names, network):
    other = Sender(issue_key(source="erp").bearer)
    refused(other, source="erp", data__stage="posted", data__facility="H-99")
    Quarantine.objects.filter(view__event__data__facility="H-42").update(
        received_at=moment(hours=30)
    )
    query = {"code": "unknown_facility", "source": "ehr", "period": "24"}
    for narrowed in (query, query | {"name": "H-99"}):
        answer = signed_in(ivo).get(LIST, narrowed)
        [row] = answer.context["names"]
        assert (row.of.name, row.of.open) == ("H-99", 3)
        assert dict(parse_qsl(row.query)) == query | {"name": "H-99"}
    assert len(answer.context["items"]) == 3
    assert names_of(signed_in(ivo))[0][:2] == ("H-99", 4)


def test_who_may_not_add_an_alias_is_told_who_may(signed_in, person, network, strange_names):
    ann = person("ann", "revenue_cycle_analyst", network.org)
    item = Quarantine.objects.filter(code="unknown_facility")[0]
    for address in (page(item), f"{LIST}?code=unknown_facility"):
        answer = signed_in(ann).get(address)
        assertContains(answer, "Takes the role of Integration engineer or Integration lead")
        assertContains(answer, "disabled>Add the alias")
        assertNotContains(answer, "/catalogue/alias/")
