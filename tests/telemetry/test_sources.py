"""Sources: their page, their clocks, their place in the administration."""

import pytest
from django.test import Client
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains, assertTemplateUsed

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
    [report] = source_reports(facilities=(), everywhere=True)
    assert (report.live_keys, report.quarantined) == (1, 1)
    assert report.last_used_at


def test_a_clock_that_runs_ahead_is_told_by_how_much(signed_in, ivo, sender):
    sender.post([event(time=moment(seconds=-240)), event()])

    assertContains(signed_in(ivo).get(PAGE), "Ahead by 2")


def test_a_clock_so_far_ahead_that_its_events_are_refused_is_told_too(sender):
    assert sender.refusals(event(time=moment(seconds=-600))) == ["time_in_future"]

    [report] = source_reports(facilities=(), everywhere=True)
    assert report.runs_ahead


def test_the_fastest_delivery_of_the_hour_stands(network):
    for seconds in (30, 5, 60):
        Sender(issue_key(source="ehr").bearer).post([event(time=moment(seconds=seconds))])

    [(fastest,)] = rows("SELECT fastest_ms FROM telemetry_sourceclock")
    assert 5_000 <= fastest < 30_000


def test_history_and_garbage_say_nothing_about_a_clock(sender):
    sender.post([event(time=moment(days=30)), event(time="9999-01-01T00:00:00Z")])

    assert source_reports(facilities=(), everywhere=True)[0].fastest_ms is None


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


def test_the_hint_without_sources_is_a_command_for_this_instance(
    signed_in, ivo, settings, tmp_path
):
    settings.VAR = tmp_path / "a dir"
    elsewhere = signed_in(ivo).get(PAGE)
    settings.VAR = settings.BASE_DIR / "var"
    here = signed_in(ivo).get(PAGE)

    command = ".venv/bin/python manage.py issue_key my-ehr"
    assertContains(elsewhere, escape(f"THROUGHLINE_VAR='{tmp_path}/a dir' {command}"))
    assertContains(here, f">{command}<")
    assertContains(here, 'href="/api/"')


# -- Scope ---------------------------------------------------------------------------------------


@pytest.fixture
def keys(network):
    """A source for each part of the network, and one for all of it."""
    places = {"up": [network.north.code], "down": [network.south.code], "all": []}
    return {
        code: issue_key(source=code, facilities=facilities).key
        for code, facilities in places.items()
    }


@pytest.fixture
def as_noor(network, person, signed_in):
    """Looks after the interfaces of the north."""
    noor = person("noor", "integration_engineer", network.north)
    noor.is_staff = True
    noor.save()
    return signed_in(noor)


def test_sources_and_keys_are_those_that_speak_for_ones_facilities_only(as_noor, keys):
    for model in ("source", "sourcekey"):
        page = as_noor.get(f"/admin/telemetry/{model}/")
        assert page.context["cl"].result_count == 1
        assertNotContains(page, "down")
    assert [report.code for report in as_noor.get(PAGE).context["sources"]] == ["up"]


@pytest.mark.parametrize("code", ["down", "all"])
def test_a_source_and_a_key_out_of_scope_are_404(as_noor, keys, code):
    key = keys[code]
    for page in (f"source/{key.source_id}", f"sourcekey/{key.pk}"):
        assert as_noor.get(f"/admin/telemetry/{page}/change/").status_code == 404

    said = {"action": "revoke", "_selected_action": [key.pk]}
    as_noor.post("/admin/telemetry/sourcekey/", said)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_source_that_also_speaks_for_others_is_not_ones_own(as_noor, keys, network):
    issue_key(source="up", facilities=[network.south.code])

    assert as_noor.get("/admin/telemetry/source/").context["cl"].result_count == 0
    assert as_noor.get("/admin/telemetry/sourcekey/").context["cl"].result_count == 1


def test_who_sees_part_of_the_network_makes_no_source(as_noor, signed_in, ivo):
    assert as_noor.get("/admin/telemetry/source/add/").status_code == 403
    ivo.is_staff = True
    ivo.save()
    assert signed_in(ivo).get("/admin/telemetry/source/add/").status_code == 200


def test_counts_of_the_quarantine_are_of_ones_facilities(as_noor, keys, network):
    Sender(issue_key(source="up", facilities=[network.north.code]).bearer).post(
        [event(data__stage="nowhere"), event(data__facility="NOWHERE")]
    )

    [report] = as_noor.get(PAGE).context["sources"]
    assert report.quarantined == 1


# -- Keys on the page of a source ----------------------------------------------------------------

SOURCE = "/sources/ehr/"
ASKED = {"public": "src_abcdefgh", "expires": "90"}


def test_a_key_is_shown_once_with_the_lines_to_send(signed_in, ivo, sender):
    client = signed_in(ivo)

    answer = client.post(f"{SOURCE}keys/", ASKED | {"sign": "on"})

    assertContains(answer, "curl -sS http://testserver/api/v1/events")
    assertContains(answer, "openssl dgst -sha256")
    key = SourceKey.objects.get(prefix="src_abcdefgh")
    assert (key.issued_by, key.require_signature) == (ivo, True)
    bearer = answer.context["issued"].bearer
    assertNotContains(client.get(SOURCE), bearer)
    assert answer["Cache-Control"].startswith("max-age=0")


def test_the_same_form_again_makes_no_second_key(signed_in, ivo, sender):
    client = signed_in(ivo)
    client.post(f"{SOURCE}keys/", ASKED)

    again = client.post(f"{SOURCE}keys/", ASKED, follow=True)

    assertContains(again, "This form was sent before")
    assert SourceKey.objects.count() == 2


def test_a_key_that_was_made_up_by_the_form_is_refused(signed_in, ivo, sender):
    answer = signed_in(ivo).post(f"{SOURCE}keys/", {"public": "src_<script>"})

    assertContains(answer, "this form is not one of ours")


def test_a_rotated_key_goes_on_beside_its_follower_until_its_end(signed_in, ivo, sender):
    old = SourceKey.objects.get()

    answer = signed_in(ivo).post(
        f"{SOURCE}keys/{old.prefix}/rotate/", {"public": "src_abcdefgh", "overlap": "24"}
    )

    new = Sender(answer.context["issued"].bearer)
    assert (sender.post([event()]).status_code, new.post([event()]).status_code) == (202, 202)
    old.refresh_from_db()
    assert old.expires_at is not None
    assert SourceKey.objects.get(prefix="src_abcdefgh").why == f"Follows {old.prefix}"


def test_a_revoked_key_ends_at_once_and_says_why(signed_in, ivo, sender):
    key = SourceKey.objects.get()
    client, path = signed_in(ivo), f"{SOURCE}keys/{key.prefix}/revoke/"

    assertContains(client.post(path, {"reason": "no"}), "at least 5 characters")
    client.post(path, {"reason": "Found in a repository"})

    assert sender.post([event()]).status_code == 401
    assertContains(client.get(SOURCE), "Found in a repository")


def test_who_sees_a_part_issues_keys_for_a_part_only(as_noor, keys, network):
    asked = {"public": "src_abcdefgh"}

    assertContains(as_noor.post("/sources/up/keys/", asked), "Tick the facilities")
    wide = as_noor.post("/sources/up/keys/", asked | {"facilities": [network.south.code]})
    assertContains(wide, "not one of the available choices")
    as_noor.post("/sources/up/keys/", asked | {"facilities": [network.hospital.code]})
    assert SourceKey.objects.get(prefix="src_abcdefgh").facility_ids == [network.hospital.pk]


def test_a_new_source_sends_once_it_has_a_key(signed_in, ivo, network):
    client = signed_in(ivo)

    assertContains(client.post("/new-source/", {"code": "a b"}), "beginning with a letter")
    made = client.post("/new-source/", {"code": "lab.1"})

    assert made.url == "/sources/lab.1/"
    assertContains(client.get(made.url), "No key yet")
    assertContains(client.post("/new-source/", {"code": "lab.1"}), "of this code already")


def test_switching_off_and_on(signed_in, ivo, sender):
    client = signed_in(ivo)

    client.post(f"{SOURCE}switch/", {"active": "0"})
    assert sender.post([event()]).status_code == 401
    client.post(f"{SOURCE}switch/", {"active": "1"})
    assert sender.post([event()]).status_code == 202


def test_rates_are_those_of_the_journal_and_of_what_was_counted(sender):
    sender.post([event(), event(data__stage="nowhere")])

    [fresh] = source_reports(facilities=(), everywhere=True)
    assert (fresh.events, fresh.rejected, fresh.lately, fresh.rejected_share) == (1, 1, 1, 0.5)


def test_a_session_that_was_not_confirmed_lately_is_asked_before_a_key_is_made(ivo, sender):
    client = Client()
    client.force_login(ivo)

    asked = client.post(f"{SOURCE}keys/", ASKED)

    assertTemplateUsed(asked, "accounts/confirm.html")
    assert SourceKey.objects.count() == 1
