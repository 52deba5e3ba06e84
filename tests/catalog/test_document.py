"""The document a client needs, within a scope of facilities."""

import msgspec
import pytest

from apps.catalog.queries import catalogue_document
from tests.catalog import network as net


def document(*places):
    found = catalogue_document(facilities=[place.pk for place in places])
    return msgspec.to_builtins(found)


def integration_targets(found):
    [workflow] = found["workflows"]
    clock = next(c for c in workflow["clocks"] if c["kind"] == "integration")
    return [(t["facility"], t["threshold_seconds"]) for t in clock["targets"]]


def test_it_says_everything_a_valid_event_needs(network):
    found = document(network.org, network.north, network.hospital)

    [workflow] = found["workflows"]
    assert workflow["code"] == "charge"
    assert [(s["code"], s["rank"], s["terminal_outcome"]) for s in workflow["stages"]] == [
        ("created", 1, None),
        ("sent", 2, None),
        ("revised", 3, None),
        ("posted", 4, "completed"),
        ("refused", 5, "rejected"),
        ("voided", 6, "cancelled"),
    ]
    clock = workflow["clocks"][0]
    assert (clock["kind"], clock["start_stage"], clock["stop_stage"], clock["measure"]) == (
        "integration", "sent", "posted", "elapsed",
    )  # fmt: skip
    assert clock["targets"] == [
        {
            "facility": None,
            "threshold_seconds": 900,
            "objective": 0.99,
            "effective_from": "2024-01-01T00:00:00Z",
            "effective_to": None,
            "why": "For the test.",
        }
    ]
    assert found["interfaces"][0]["code"] == "charges"
    assert [system["code"] for system in found["systems"]] == ["billing", "ehr"]
    assert found["facilities"][2] == {
        "code": "HOSPITAL",
        "name": "Hospital",
        "kind": "hospital",
        "parent": "NORTH",
        "time_zone": "America/Chicago",
        "active": True,
        "aliases": [{"system": "ehr", "alias": "H01"}],
    }


def test_places_come_in_tree_order(network):
    everything = document(
        network.southern_hospital, network.department, network.hospital, network.south,
        network.north, network.org,
    )  # fmt: skip
    codes = [place["code"] for place in everything["facilities"]]
    assert codes == ["ORG", "NORTH", "HOSPITAL", "HOSPITAL-ED", "SOUTH", "SUNNY"]


def test_nothing_outside_the_scope_is_named(network):
    net.target(network.business_clock, facility=network.southern_hospital)
    found = document(network.hospital, network.department)

    assert [(p["code"], p["parent"]) for p in found["facilities"]] == [
        ("HOSPITAL", None),
        ("HOSPITAL-ED", "HOSPITAL"),
    ]
    for name in ("ORG", "NORTH", "SOUTH", "SUNNY", "everybody-says"):
        assert f'"{name}"' not in str(found).replace("'", '"')


def test_a_target_inherited_from_outside_is_that_of_the_topmost_place_in_scope(network):
    net.let_history_be_written()
    net.target(network.clock, facility=network.north, threshold_seconds=600)
    net.target(network.clock, facility=network.department, threshold_seconds=300)

    whole = document(network.org, network.north, network.hospital, network.department)
    assert integration_targets(whole) == [(None, 900), ("HOSPITAL-ED", 300), ("NORTH", 600)]
    part = document(network.hospital, network.department)
    assert integration_targets(part) == [(None, 900), ("HOSPITAL", 600), ("HOSPITAL-ED", 300)]


def test_an_empty_scope_still_knows_the_workflows(network):
    found = document()
    assert found["facilities"] == []
    assert [workflow["code"] for workflow in found["workflows"]] == ["charge"]


@pytest.mark.parametrize("size", [1, 6])
def test_it_is_one_query_however_much_there_is(network, size, django_assert_num_queries):
    places = [
        network.org, network.north, network.south, network.hospital, network.department,
        network.southern_hospital,
    ]  # fmt: skip
    with django_assert_num_queries(1):
        document(*places[:size])
