"""Facilities: paths kept by the database, and what it refuses."""

from threading import Barrier, Thread

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from apps.catalog.models import Facility, FacilityAlias
from tests.catalog import network as net


def path_of(facility: Facility) -> str:
    return Facility.objects.values_list("path", flat=True).get(pk=facility.pk)


def test_a_path_names_everything_from_the_root_down(network):
    place = network.department
    ids = [network.org, network.north, network.hospital, place]
    assert place.path == "/" + "/".join(str(f.pk) for f in ids) + "/"
    assert place.depth == 3
    assert place.ancestor_ids == tuple(f.pk for f in ids[:-1])


def test_moving_a_facility_moves_everything_below_it(network):
    network.hospital.parent = network.south
    network.hospital.save()

    assert path_of(network.hospital) == f"{path_of(network.south)}{network.hospital.pk}/"
    assert path_of(network.department) == f"{path_of(network.hospital)}{network.department.pk}/"


def test_a_move_by_sql_counts_as_well_and_a_path_written_by_hand_does_not(network):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_facility SET parent_id = %s, path = '/mine/' WHERE id = %s",
            [network.south.pk, network.north.pk],
        )

    assert path_of(network.north) == f"{path_of(network.south)}{network.north.pk}/"
    assert path_of(network.department).startswith(path_of(network.north))


@pytest.mark.parametrize("below", ["org", "hospital", "department"])
def test_nothing_stands_below_itself(network, below):
    org = Facility.objects.get(code="ORG")
    org.kind, org.parent = "region", getattr(network, below)
    with pytest.raises(IntegrityError, match="cannot stand below itself"):
        org.save()


def test_children_that_arrive_before_their_parent_get_their_place_with_it(network):
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO catalog_facility
                      (id, code, name, short_name, kind, parent_id, path, time_zone, active)
               VALUES (9002, 'LATE', 'x', 'x', 'clinic', 9001, '', 'UTC', true);
               INSERT INTO catalog_facility
                      (id, code, name, short_name, kind, parent_id, path, time_zone, active)
               VALUES (9001, 'LATER', 'x', 'x', 'region', %s, '', 'UTC', true)""",
            [network.org.pk],
        )
    assert Facility.objects.get(pk=9002).path == f"{network.org.path}9001/9002/"


@pytest.mark.django_db(transaction=True)
def test_two_moves_at_once_cannot_close_a_circle():
    network = net.build()
    barrier, refused = Barrier(2), []

    def move(facility: Facility, below: Facility) -> None:
        try:
            barrier.wait()
            Facility.objects.filter(pk=facility.pk).update(parent=below)
        except IntegrityError as error:
            refused.append(str(error))
        finally:
            connection.close()

    moves = [(network.north, network.south), (network.south, network.north)]
    threads = [Thread(target=move, args=pair) for pair in moves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    paths = {f.pk: f.path for f in Facility.objects.all()}
    assert all(path.startswith(network.org.path) for path in paths.values())


@pytest.mark.parametrize(
    ("kind", "parent", "constraint"),
    [
        ("region", None, "facility_root_is_organization"),
        ("organization", "north", "facility_root_is_organization"),
        ("organization", None, "facility_root_has_calendar"),
    ],
)
def test_the_database_refuses_a_tree_that_makes_no_sense(network, kind, parent, constraint):
    above = getattr(network, parent) if parent else None
    calendar = None if constraint.endswith("calendar") else network.office_hours
    with pytest.raises(IntegrityError, match=constraint):
        net.facility("WRONG", kind, above, calendar=calendar)


@pytest.mark.parametrize("zone", ["EST", "EST5EDT", "US", "", "<+03>-3"])
def test_the_database_refuses_time_zones_that_are_not_places(network, zone):
    with pytest.raises(IntegrityError, match="facility_time_zone_known"):
        net.facility("WRONG", "clinic", network.north, time_zone=zone)


def test_the_database_refuses_a_place_it_does_not_know(network):
    with pytest.raises((IntegrityError, DataError), match="not recognized"):
        net.facility("WRONG", "clinic", network.north, time_zone="America/Atlantis")


def test_a_name_means_one_place_per_system_and_one_among_the_open_ones(network):
    for system in (network.ehr, None):
        taken = "H01" if system else "everybody-says"
        with (
            pytest.raises(IntegrityError, match="facilityalias_once"),
            transaction.atomic(),
        ):
            FacilityAlias.objects.create(
                system=system, alias=taken, facility=network.southern_hospital
            )
    FacilityAlias.objects.create(system=network.billing, alias="H01", facility=network.hospital)
