"""The catalogue in Django's admin: every page opens, targets become versions, spans follow."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from apps.catalog.models import (
    CalendarHoliday,
    CalendarSpan,
    Clock,
    Facility,
    SlaTarget,
    Stage,
)
from apps.catalog.services import TargetChange, change_target, refresh_spans, seed
from tests.catalog import network as net

MODELS = sorted(
    (m for m in admin.site._registry if m._meta.app_label == "catalog"), key=lambda m: m.__name__
)
TARGETS = "/admin/catalog/slatarget/"


@pytest.fixture
def as_root(db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_page_opens(as_root, network, model):
    base = f"/admin/catalog/{model._meta.model_name}/"
    row = model.objects.first()
    pages = [base, f"{base}?q=a", f"{base}add/"] + ([f"{base}{row.pk}/change/"] if row else [])
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


def new_version(network, **more):
    return {
        "clock": network.clock.pk,
        "facility": "",
        "threshold_seconds": 600,
        "objective": "0.98",
        "effective_from_0": "",
        "effective_from_1": "",
        "why": "Agreed with the vendor.",
    } | more


def test_a_version_is_read_and_offers_the_next(as_root, network):
    response = as_root.get(f"{TARGETS}{network.target.pk}/change/")
    html = response.content.decode()
    assert 'name="threshold_seconds"' not in html
    address = response.context["new_version_address"]
    assert address.replace("&", "&amp;") in html
    form = as_root.get(address).context["adminform"].form
    assert form.initial["threshold_seconds"] == "900"
    assert form.initial["objective"] == "0.99"


def test_saving_makes_a_version_and_closes_the_last(as_root, network):
    response = as_root.post(f"{TARGETS}add/", new_version(network), follow=True)
    assert response.status_code == 200
    old, new = SlaTarget.objects.order_by("effective_from")
    assert (old.threshold_seconds, old.effective_to) == (900, new.effective_from)
    assert (new.threshold_seconds, new.objective) == (600, Decimal("0.98"))
    assert (new.created_by.username, new.why) == ("root", "Agreed with the vendor.")
    assert new.effective_from > now()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("why", "", "This field is required"),
        ("objective", "1", "share between 0 and 1"),
        ("threshold_seconds", "0", "slatarget_threshold_positive"),
        ("effective_from_0", "2020-01-01", "starts now or later"),
    ],
)
def test_a_mistake_is_explained_beside_the_form(as_root, network, field, value, message):
    more = {field: value}
    if field == "effective_from_0":
        more["effective_from_1"] = "00:00"
    response = as_root.post(f"{TARGETS}add/", new_version(network, **more))
    assert response.status_code == 200
    assert message in response.content.decode()
    assert SlaTarget.objects.count() == 1


def test_history_has_no_delete_and_no_edit(as_root, network):
    assert as_root.post(f"{TARGETS}{network.target.pk}/delete/").status_code == 403
    change = as_root.post(f"{TARGETS}{network.target.pk}/change/", new_version(network))
    assert change.status_code == 403
    assert SlaTarget.objects.get().threshold_seconds == 900


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


def test_a_clock_must_run_forward_within_its_workflow(as_root, network):
    page = reverse("admin:catalog_clock_change", args=[network.clock.pk])
    data = {
        "workflow": network.workflow.pk, "kind": "integration", "name": "x", "measure": "elapsed",
        "start_stage": network.stages["posted"].pk, "stop_stage": network.stages["sent"].pk,
    }  # fmt: skip
    assert "must stop at a later stage" in as_root.post(page, data).content.decode()


def test_a_workflow_offers_its_own_stages_to_its_clocks(as_root, network):
    other = net.Workflow.objects.create(
        code="other", number="W99", name="Other", short_name="Other", owner_role="x", position=2
    )
    Stage.objects.create(workflow=other, rank=1, code="foreign", name="Foreign", phase="sent")
    html = as_root.get(f"/admin/catalog/workflow/{network.workflow.pk}/change/").content.decode()
    assert "Foreign" not in html


def test_a_holiday_saved_here_closes_the_day_at_once(as_root, network):
    refresh_spans()
    calendar = network.office_hours
    day = date(now().year + 1, 6, 1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    opens = CalendarSpan.objects.filter(opens_at__date=day)
    assert opens.count() == 2  # in two zones
    hours = [
        {"id": h.pk, "calendar": calendar.pk, "weekday": h.weekday, "opens": "08:00:00",
         "closes": "17:00:00"}
        for h in calendar.hours.all()
    ]  # fmt: skip
    data = {"code": calendar.code, "name": calendar.name}
    data |= inline("hours", hours, len(hours))
    data |= inline(
        "holidays", [{"calendar": calendar.pk, "date": day.isoformat(), "name": "Picnic"}], 0
    )
    response = as_root.post(f"/admin/catalog/businesscalendar/{calendar.pk}/change/", data)
    assert response.status_code == 302, response.content.decode()
    assert CalendarHoliday.objects.count() == 1
    assert opens.count() == 0


def test_a_facility_moved_here_takes_its_subtree_along(as_root, network):
    data = {
        "code": "HOSPITAL", "name": "Hospital", "short_name": "Hospital", "kind": "hospital",
        "parent": network.south.pk, "time_zone": "America/Phoenix", "calendar": "", "active": "on",
    }  # fmt: skip
    aliases = [
        {"id": a.pk, "facility": network.hospital.pk, "system": a.system_id or "", "alias": a.alias}
        for a in network.hospital.aliases.all()
    ]
    data |= inline("aliases", aliases, len(aliases))
    response = as_root.post(f"/admin/catalog/facility/{network.hospital.pk}/change/", data)
    assert response.status_code == 302
    assert Facility.objects.get(code="HOSPITAL-ED").path.startswith(network.south.path)


def test_a_time_zone_that_is_none_is_explained(as_root, network):
    data = {
        "code": "HOSPITAL", "name": "Hospital", "short_name": "Hospital", "kind": "hospital",
        "parent": network.north.pk, "time_zone": "Chicago", "calendar": "", "active": "on",
    } | inline("aliases", [], 0)  # fmt: skip
    response = as_root.post(f"/admin/catalog/facility/{network.hospital.pk}/change/", data)
    assert "not an IANA time zone" in response.content.decode()
