"""Sources: their page, their clocks, their place in the administration."""

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from apps.telemetry.models import Source, SourceKey
from apps.telemetry.queries import source_reports
from apps.telemetry.services.keys import issue_key
from tests.telemetry.wire import Sender, event, moment, rows

PAGE = "/sources/"


def test_the_page_shows_keys_use_and_quarantine(signed_in, ivo, sender):
    sender.post([event(), event(data__stage="nowhere")])

    answer = signed_in(ivo).get(PAGE)

    assertContains(answer, "Fastest delivery 1.")
    assertContains(answer, "/quarantine/?source=ehr")
    [report] = source_reports()
    assert (report.live_keys, report.quarantined) == (1, 1)
    assert report.last_used_at


def test_a_clock_that_runs_ahead_is_told_by_how_much(signed_in, ivo, sender):
    sender.post([event(time=moment(seconds=-240)), event()])

    assertContains(signed_in(ivo).get(PAGE), "Ahead by 2")


def test_a_clock_so_far_ahead_that_its_events_are_refused_is_told_too(sender):
    assert sender.refusals(event(time=moment(seconds=-600))) == ["time_in_future"]

    [report] = source_reports()
    assert report.runs_ahead


def test_the_fastest_delivery_of_the_hour_stands(network):
    for seconds in (30, 5, 60):
        Sender(issue_key(source="ehr").bearer).post([event(time=moment(seconds=seconds))])

    [(fastest,)] = rows("SELECT fastest_ms FROM telemetry_sourceclock")
    assert 5_000 <= fastest < 30_000


def test_history_and_garbage_say_nothing_about_a_clock(sender):
    sender.post([event(time=moment(days=30)), event(time="9999-01-01T00:00:00Z")])

    assert source_reports()[0].fastest_ms is None


@pytest.mark.parametrize("name", ["bea", "eve", "sam"])
def test_the_page_is_for_those_who_rotate_keys(signed_in, request, name):
    assert signed_in(request.getfixturevalue(name)).get(PAGE).status_code == 403


def test_anonymous_people_are_sent_to_sign_in(db):
    assert Client().get(PAGE).status_code == 302


def test_the_administration_shows_no_secret_and_ends_keys(signed_in, ivo, sender):
    ivo.is_staff = True
    ivo.save()
    client, key = signed_in(ivo), SourceKey.objects.get()

    page = client.get(f"/admin/telemetry/sourcekey/{key.pk}/change/")
    assertContains(page, key.prefix)
    assertNotContains(page, bytes(key.secret_sha256).hex())
    assertContains(client.get(f"/admin/telemetry/source/{key.source_id}/change/"), key.prefix)

    client.post("/admin/telemetry/sourcekey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert sender.post([event()]).status_code == 401


def test_switching_a_source_off_in_the_administration_refuses_its_keys(signed_in, ivo, sender):
    ivo.is_staff = True
    ivo.save()
    source = Source.objects.get()

    answer = signed_in(ivo).post(
        f"/admin/telemetry/source/{source.pk}/change/",
        {
            "code": "ehr",
            "name": "EHR",
            "system": "",
            "keys-TOTAL_FORMS": 0,
            "keys-INITIAL_FORMS": 0,
        },
    )

    assert answer.status_code == 302
    assert sender.post([event()]).status_code == 401
