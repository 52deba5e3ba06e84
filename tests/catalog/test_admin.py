"""The catalogue in Django's admin: every page opens, targets become versions, spans follow."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains

from apps.catalog.models import (
    BusinessCalendar,
    CalendarHoliday,
    CalendarSpan,
    ChangeProposal,
    Clock,
    Facility,
    FacilityAlias,
    SlaTarget,
    Stage,
    System,
)
from apps.catalog.services import (
    TargetChange,
    change_target,
    proposals,
    refresh_spans,
    rows,
    seed,
)
from tests.catalog import network as net

pytestmark = pytest.mark.slow

MODELS = sorted(
    (m for m in admin.site._registry if m._meta.app_label == "catalog"), key=lambda m: m.__name__
)
TARGETS = "/admin/catalog/slatarget/"
BY_TWO_PEOPLE = [Clock, FacilityAlias, SlaTarget]


@pytest.fixture
def as_root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_page_opens(as_root, network, model):
    base = f"/admin/catalog/{model._meta.model_name}/"
    row = model.objects.first()
    pages = [base, f"{base}?q=a"] + ([f"{base}{row.pk}/change/"] if row else [])
    pages += [] if model in BY_TWO_PEOPLE else [f"{base}add/"]
    assert [as_root.get(page).status_code for page in pages] == [200] * len(pages)


def test_a_list_costs_no_more_for_more_rows(as_root, db, django_assert_max_num_queries):
    seed()
    for model in MODELS:
        with django_assert_max_num_queries(16):
            page = as_root.get(f"/admin/catalog/{model._meta.model_name}/")
        assert page.context["cl"].result_count > 1


def test_the_tree_is_shown_as_one(as_root, network):
    rows = as_root.get("/admin/catalog/facility/").context["cl"].result_list
    codes = [place.code for place in rows]
    assert codes == ["ORG", "NORTH", "HOSPITAL", "HOSPITAL-ED", "SOUTH", "SUNNY"]
    html = as_root.get("/admin/catalog/facility/").content.decode()
    assert "\u00a0" * 8 + "Hospital<" in html


def test_a_region_filters_to_everything_below_it(as_root, network):
    rows = as_root.get("/admin/catalog/facility/", {"under": network.south.path})
    assert [f.code for f in rows.context["cl"].result_list] == ["SOUTH", "SUNNY"]


def test_places_are_found_by_what_a_system_calls_them(as_root, network):
    rows = as_root.get("/admin/catalog/facility/?q=H01").context["cl"].result_list
    assert [f.code for f in rows] == ["HOSPITAL"]


# -- targets


@pytest.mark.parametrize("model", BY_TWO_PEOPLE, ids=lambda model: model.__name__)
def test_what_takes_two_people_is_only_shown(as_root, network, model):
    base, row = f"/admin/catalog/{model._meta.model_name}/", model.objects.first()
    pages = [f"{base}add/", f"{base}{row.pk}/change/", f"{base}{row.pk}/delete/"]
    assert [as_root.post(page).status_code for page in pages] == [403] * 3
    assert 'name="_save"' not in as_root.get(pages[1]).content.decode()


def test_a_ledger_does_not_stop_being_one(as_root, network):
    """Its names take two people; those of any other system take one."""
    ledger = System.objects.create(code="ledger", name="Ledger", kind="erp")
    said = {"code": "ledger", "name": "General ledger", "kind": "ehr"}
    as_root.post(f"/admin/catalog/system/{ledger.pk}/change/", said)
    ledger.refresh_from_db()
    assert (ledger.name, ledger.kind) == ("General ledger", "erp")


def test_names_are_not_given_beside_a_facility(as_root, network):
    page = as_root.get(f"/admin/catalog/facility/{network.hospital.pk}/change/").content.decode()
    assert "H01" in page
    assert 'name="aliases-0-alias"' not in page


def test_all_versions_stand_on_the_page_of_each(as_root, network):
    change_target(
        TargetChange(
            clock=network.clock, threshold_seconds=120, objective=Decimal("0.9"), why="Faster now."
        )
    )
    html = as_root.get(f"{TARGETS}{network.target.pk}/change/").content.decode()
    assert "15 min" in html
    assert "2 min" in html
    assert "Faster now." in html


@pytest.mark.parametrize(("choice", "count"), [("", 1), ("planned", 1), ("past", 0), ("all", 2)])
def test_the_list_shows_what_is_in_force_and_the_rest_on_request(as_root, network, choice, count):
    change_target(
        TargetChange(
            clock=network.clock, threshold_seconds=60, objective=Decimal("0.9"), why="Later.",
            effective_from=now() + timedelta(days=1),
        )
    )  # fmt: skip
    rows = as_root.get(TARGETS, {"time": choice} if choice else {}).context["cl"]
    assert rows.result_count == count


@pytest.mark.parametrize(
    ("measure", "seconds", "words"),
    [
        ("elapsed", 259200, "3 d"),
        ("elapsed", 90, "90 s"),
        ("business", 32400, "9 h of open hours"),
        ("time_of_day", 21600, "by 06:00 local time"),
    ],
)
def test_thresholds_are_said_in_words(as_root, network, measure, seconds, words):
    Clock.objects.filter(pk=network.business_clock.pk).update(measure=measure)
    net.target(network.business_clock, threshold_seconds=seconds)
    assert words in as_root.get(TARGETS).content.decode()


# -- workflows and calendars


def inline(prefix, rows, initial):
    data = {
        f"{prefix}-TOTAL_FORMS": len(rows),
        f"{prefix}-INITIAL_FORMS": initial,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }
    for n, row in enumerate(rows):
        data |= {f"{prefix}-{n}-{name}": value for name, value in row.items()}
    return data


def edited(client, network, *, stages=None, clocks=None, **more):
    """The form of the workflow, sent with other values in some of its rows, by their position."""
    names = ("rank", "code", "name", "system", "phase", "terminal_outcome", "reopens", "optional")
    ends = ("kind", "name", "start_stage", "stop_stage", "measure")
    flow = network.workflow
    data = {name: getattr(flow, name) for name in ("number", "position", "name", "short_name")}
    data |= {"owner_role": "x", "expires_after_days": "", "why": "As it is done now"} | more
    for prefix, found, fields, said in (
        ("stages", flow.stages.order_by("pk"), names, stages or {}),
        ("clocks", flow.clocks.order_by("pk"), ends, clocks or {}),
    ):
        typed = [
            {"id": row.pk, "workflow": flow.pk}
            | {name: row.serializable_value(name) for name in fields}
            | said.get(n, {})
            for n, row in enumerate(found)
        ]
        typed = [{k: v for k, v in row.items() if v not in (False, None)} for row in typed]
        data |= inline(prefix, typed, len(typed))
    return client.post(f"/admin/catalog/workflow/{flow.pk}/change/", data)


def test_a_stage_does_not_move_past_the_end_of_a_clock(as_root, network):
    """Only the stage was touched, and the clock starts there."""
    response = edited(as_root, network, stages={1: {"rank": 28}})
    assertContains(response, "clock Charges: sent to posted")
    assertContains(response, "it would start at stage 28. sent and stop at stage 4. posted")
    assertContains(response, 'value="28"')  # as it was typed
    assert not ChangeProposal.objects.exists()
    network.stages["sent"].refresh_from_db()
    assert network.stages["sent"].rank == 2


def test_a_clock_is_judged_again_when_its_stages_have_moved_meanwhile(as_root, network, approve):
    edited(as_root, network, stages={1: {"rank": 10}, 3: {"rank": 20}, 0: {"rank": 9}})
    proposal = ChangeProposal.objects.get()
    told = as_root.get(f"/catalogue/changes/{proposal.pk}/")
    assertContains(told, "Start of the clock “sent to posted”")
    assertContains(told, "Stop of the clock “created to posted”")
    Clock.objects.filter(pk=network.clock.pk).update(
        start_stage=network.stages["revised"], stop_stage=network.stages["sent"]
    )
    Stage.objects.filter(pk=network.stages["revised"].pk).update(rank=11)
    with pytest.raises(rows.DoesNotFit, match="must stop at a later stage"):
        approve()
    proposal.refresh_from_db()
    assert proposal.state == "proposed"


def test_stages_change_places_and_a_clock_its_ends_with_them(as_root, network, approve):
    sent, posted = network.stages["sent"], network.stages["posted"]
    response = edited(
        as_root, network, stages={1: {"rank": 4}, 3: {"rank": 2}},
        clocks={0: {"start_stage": posted.pk, "stop_stage": sent.pk}},
    )  # fmt: skip
    assert response.status_code == 302, response.content.decode()
    approve()
    ranks = dict(network.workflow.stages.values_list("code", "rank"))
    assert (ranks["sent"], ranks["posted"]) == (4, 2)
    network.clock.refresh_from_db()
    assert network.clock.runs_forward


def test_all_stages_move_up_to_make_room(as_root, network, approve):
    edited(as_root, network, stages={n: {"rank": n + 2} for n in range(6)})
    approve()
    assert sorted(network.workflow.stages.values_list("rank", flat=True)) == [2, 3, 4, 5, 6, 7]


def test_two_that_would_end_at_the_same_place_are_refused_in_words(as_root, network, approve):
    edited(as_root, network, stages={4: {"rank": 9}})
    Stage.objects.filter(code="voided").update(rank=9)
    with pytest.raises(rows.DoesNotFit, match="Stage with this Workflow and Rank already exists"):
        approve()


def test_a_clock_must_run_forward_within_its_workflow(as_root, network):
    start, stop = network.stages["posted"].pk, network.stages["sent"].pk
    response = edited(as_root, network, clocks={0: {"start_stage": start, "stop_stage": stop}})
    assertContains(response, "must stop at a later stage")
    foreign = Stage.objects.create(
        workflow=net.Workflow.objects.create(
            code="other", number="W99", name="Other", short_name="x", owner_role="x", position=2
        ),
        rank=30, code="foreign", name="Foreign", phase="sent",
    )  # fmt: skip
    response = edited(as_root, network, clocks={0: {"stop_stage": foreign.pk}})
    assertContains(response, "not one of the available choices")
    assert not ChangeProposal.objects.exists()


def test_a_workflow_offers_its_own_stages_to_its_clocks(as_root, network):
    other = net.Workflow.objects.create(
        code="other", number="W99", name="Other", short_name="Other", owner_role="x", position=2
    )
    Stage.objects.create(workflow=other, rank=1, code="foreign", name="Foreign", phase="sent")
    html = as_root.get(f"/admin/catalog/workflow/{network.workflow.pk}/change/").content.decode()
    assert "Foreign" not in html


@pytest.fixture
def approve(network) -> Callable[[], None]:
    """A second person approves what waits."""

    def approve() -> None:
        proposal = ChangeProposal.objects.get(state="proposed")
        proposals.approve(proposal, by=get_user_model().objects.create_superuser("second"))

    return approve


def picnic(network) -> tuple[str, dict, date]:
    """The form of a calendar with another holiday."""
    calendar = network.office_hours
    day = date(now().year + 1, 6, 1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    hours = [
        {"id": h.pk, "calendar": calendar.pk, "weekday": h.weekday, "opens": "08:00:00",
         "closes": "17:00:00"}
        for h in calendar.hours.all()
    ]  # fmt: skip
    data = {"name": calendar.name, "why": "The picnic"} | inline("hours", hours, len(hours))
    data |= inline(
        "holidays", [{"calendar": calendar.pk, "date": day.isoformat(), "name": "Picnic"}], 0
    )
    return f"/admin/catalog/businesscalendar/{calendar.pk}/change/", data, day


def test_a_holiday_closes_the_day_once_a_second_person_approved_it(as_root, network, approve):
    refresh_spans()
    page, data, day = picnic(network)
    opens = CalendarSpan.objects.filter(opens_at__date=day)
    response = as_root.post(page, data)
    assert response.status_code == 302, response.content.decode()
    assert response.url.startswith("/catalogue/changes/")
    assert (CalendarHoliday.objects.count(), opens.count()) == (0, 2)  # in two zones
    told = as_root.get(response.url)
    assertContains(told, "Picnic")
    assertContains(told, "is added")
    assertNotContains(told, "would go on by themselves")
    approve()
    assert (CalendarHoliday.objects.count(), opens.count()) == (1, 0)


def test_a_change_by_two_says_why(as_root, network):
    page, data, _ = picnic(network)
    assertContains(as_root.post(page, data | {"why": ""}), "This field is required")
    assert not ChangeProposal.objects.exists()


def test_hours_changed_and_removed_are_one_proposal(as_root, network, approve):
    page, data, _ = picnic(network)
    data |= {"hours-0-opens": "06:00:00", "hours-1-DELETE": "on"}
    first, second = list(network.office_hours.hours.all())[:2]
    as_root.post(page, data)
    assert network.office_hours.hours.count() == int(data["hours-INITIAL_FORMS"])
    approve()
    first.refresh_from_db()
    assert first.opens.hour == 6
    assert not type(second).objects.filter(pk=second.pk).exists()


def test_hours_of_two_days_change_places(as_root, network, approve):
    page, data, _ = picnic(network)
    data |= {"hours-0-weekday": 1, "hours-1-weekday": 0}
    assert as_root.post(page, data).status_code == 302
    first, second = list(network.office_hours.hours.all())[:2]
    approve()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.weekday, second.weekday) == (1, 0)


def place(network, **more) -> dict:
    return {
        "name": "Hospital", "short_name": "Hospital", "kind": "hospital",
        "parent": network.north.pk, "time_zone": network.hospital.time_zone, "calendar": "",
        "active": "on", "why": "Bought by another region",
    } | more | inline("aliases", [], 0)  # fmt: skip


def test_a_facility_moves_with_its_subtree_once_approved(as_root, network, approve):
    page = f"/admin/catalog/facility/{network.hospital.pk}/change/"
    response = as_root.post(page, place(network, parent=network.south.pk, code="OTHER"))
    assert response.status_code == 302
    below = Facility.objects.filter(code="HOSPITAL-ED", path__startswith=network.south.path)
    assert not below.exists()
    assertContains(as_root.get(response.url), "South")
    approve()
    assert below.exists()
    assert Facility.objects.get(pk=network.hospital.pk).code == "HOSPITAL"  # for good


def test_a_name_is_corrected_alone(as_root, network):
    page = f"/admin/catalog/facility/{network.hospital.pk}/change/"
    current = Facility.objects.get(pk=network.hospital.pk)
    kept = {name: getattr(current, name) for name in ("kind", "short_name")}
    as_root.post(page, place(network, name="St. Jude", **kept))
    assert Facility.objects.get(pk=network.hospital.pk).name == "St. Jude"
    assert not ChangeProposal.objects.exists()


def test_a_name_that_is_corrected_takes_nothing_else_along(as_root, network):
    """What was approved between reading and writing the row stays."""
    calendar = network.office_hours
    hours = inline("hours", [], 0) | inline("holidays", [], 0)
    with CaptureQueriesContext(connection) as sent:
        as_root.post(f"/admin/catalog/businesscalendar/{calendar.pk}/change/",
                     {"name": "Weekdays", "why": "Clearer"} | hours)  # fmt: skip
    updates = [q["sql"] for q in sent if q["sql"].startswith('UPDATE "catalog_businesscalendar"')]
    assert BusinessCalendar.objects.get().name == "Weekdays"
    assert len(updates) == 1
    assert '"code"' not in updates[0]


def test_what_was_changed_meanwhile_is_not_changed_over(as_root, network, approve):
    as_root.post(f"/admin/catalog/facility/{network.hospital.pk}/change/",
                 place(network, time_zone="America/Phoenix"))  # fmt: skip
    Facility.objects.filter(pk=network.hospital.pk).update(time_zone="America/Denver")
    with pytest.raises(rows.ChangedMeanwhile):
        approve()
    assert Facility.objects.get(pk=network.hospital.pk).time_zone == "America/Denver"


def test_what_the_catalogue_does_not_allow_is_not_half_done(as_root, network, approve):
    as_root.post(f"/admin/catalog/facility/{network.hospital.pk}/change/",
                 place(network, parent=network.south.pk))  # fmt: skip
    Facility.objects.filter(pk=network.south.pk).update(parent=network.hospital)
    with pytest.raises(rows.DoesNotFit):
        approve()


@pytest.mark.parametrize("name", ["facility", "workflow", "businesscalendar"])
def test_what_decides_is_not_deleted(as_root, network, name):
    model = next(model for model in MODELS if model._meta.model_name == name)
    page = f"/admin/catalog/{name}/{model.objects.first().pk}/delete/"
    assert as_root.post(page, {"post": "yes"}).status_code == 403


def test_a_facility_does_not_go_below_itself(as_root, network):
    page = f"/admin/catalog/facility/{network.hospital.pk}/change/"
    below = Facility.objects.get(code="HOSPITAL-ED")
    response = as_root.post(page, place(network, parent=below.pk))
    assertContains(response, "A facility cannot stand below itself.")
    assert not ChangeProposal.objects.exists()


@pytest.mark.parametrize("zone", ["Chicago", "EST", "localtime"])
def test_a_time_zone_that_is_none_is_explained(as_root, network, zone):
    page = f"/admin/catalog/facility/{network.hospital.pk}/change/"
    response = as_root.post(page, place(network, time_zone=zone))
    assert "not an IANA time zone" in response.content.decode()
