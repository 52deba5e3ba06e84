"""The process's copy of the catalogue."""

import pytest
import time_machine
from django.db import connection, transaction

from apps.catalog import snapshot as module
from apps.catalog.models import Facility, System
from apps.catalog.snapshot import load_snapshot, snapshot


def test_names_lead_to_ids_without_the_database(network, django_assert_num_queries):
    found = snapshot()
    with django_assert_num_queries(0):
        assert found.facilities["HOSPITAL"].id == network.hospital.pk
        assert found.workflows["charge"].id == network.workflow.pk
        assert found.stages[network.workflow.pk, "posted"].rank == 4
        assert found.stages_by_id[network.stages["posted"].pk].terminal_outcome == "completed"
        assert found.interfaces["charges"].source_id == network.ehr.pk
        assert found.systems["ehr"].id == network.ehr.pk


def test_a_facility_is_found_by_code_by_the_senders_own_name_and_by_open_names(network):
    found = snapshot()
    resolve = found.resolve_facility
    assert resolve("HOSPITAL") == resolve("H01", network.ehr.pk) == found.facilities["HOSPITAL"]
    assert resolve("everybody-says") == resolve("everybody-says", network.ehr.pk)
    assert resolve("H01") is None
    assert resolve("H01", network.billing.pk) is None
    assert resolve("nowhere") is None


def test_inactive_places_are_known_but_accept_nothing(network):
    Facility.objects.filter(code="HOSPITAL").update(active=False)
    found = snapshot()
    assert found.facilities_by_id[network.hospital.pk].name == "Hospital"
    assert found.resolve_facility("HOSPITAL") is None
    assert "HOSPITAL" not in found.facility_names(network.ehr.pk)


def test_all_names_of_a_sender_at_once(network):
    names = snapshot().facility_names(network.ehr.pk)
    assert names["H01"] == names["HOSPITAL"] == network.hospital.pk
    assert names["everybody-says"] == network.southern_hospital.pk
    assert "H01" not in snapshot().facility_names()


def test_subtrees_hold_the_place_itself_and_everything_below(network):
    below = snapshot().subtrees
    assert below[network.north.pk] == {
        network.north.pk, network.hospital.pk, network.department.pk
    }  # fmt: skip
    assert below[network.department.pk] == {network.department.pk}


def test_the_first_look_costs_one_query_and_the_next_second_none(
    network, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr(module, "_kept", module._Kept())
    with django_assert_num_queries(1):
        snapshot()
    with django_assert_num_queries(0):
        snapshot()


def test_after_a_second_the_version_is_asked_and_only_a_change_is_loaded(
    network, django_assert_num_queries
):
    first = snapshot()
    module.forget_snapshot()
    with django_assert_num_queries(1):
        assert snapshot() is first

    System.objects.create(code="new", name="New", kind="erp")
    assert snapshot() is first  # within the second
    module.forget_snapshot()
    with django_assert_num_queries(2):
        assert "new" in snapshot().systems


def test_the_second_is_counted_on_a_clock_nobody_sets(network):
    first = snapshot()
    with time_machine.travel("2020-01-01", tick=True):
        assert snapshot() is first


@pytest.mark.django_db(transaction=True)
def test_what_a_failed_transaction_saw_is_not_kept(db):
    class Undo(Exception):
        pass

    with pytest.raises(Undo), transaction.atomic():
        System.objects.create(code="gone", name="Gone", kind="erp")
        module.forget_snapshot()
        assert "gone" in snapshot().systems
        raise Undo
    System.objects.create(code="real", name="Real", kind="erp")
    module.forget_snapshot()
    assert set(snapshot().systems) == {"real"}


def test_it_cannot_be_changed(network):
    with pytest.raises(AttributeError):
        snapshot().version = 0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        snapshot().facilities["HOSPITAL"].name = "x"  # type: ignore[misc]


def test_an_empty_catalogue_is_a_catalogue(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM catalog_facility")
    assert load_snapshot().facilities == {}
