"""The one door: who sees which facilities."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import assign_perm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.access import facilities_for
from apps.accounts.models import FacilityGroupGrant, FacilityUserGrant, User
from apps.accounts.services import grant_facility, revoke_facility
from apps.catalog.models import Facility


def codes(user) -> list[str]:
    found = Facility.objects.in_bulk(facilities_for(user))
    return sorted(place.code for place in found.values())


def test_a_grant_covers_the_place_and_everything_below(bea):
    assert codes(bea) == ["HOSPITAL", "HOSPITAL-ED", "NORTH"]


def test_a_stranger_sees_nothing(sam):
    assert facilities_for(sam) == ()


def test_nobody_in_particular_sees_nothing(network):
    assert facilities_for(AnonymousUser()) == ()


def test_a_superuser_sees_everything(network):
    root = User.objects.create_superuser("root")
    assert len(facilities_for(root)) == Facility.objects.count()


@pytest.mark.parametrize("superuser", [True, False])
def test_who_left_sees_nothing(bea, superuser):
    bea.is_active, bea.is_superuser = False, superuser
    assert facilities_for(bea) == ()


def test_a_group_carries_grants_too(sam, network):
    group = Group.objects.create(name="Night shift")
    grant_facility(to=group, facility=network.southern_hospital)
    assert codes(sam) == []
    sam.groups.add(group)
    assert codes(sam) == ["SUNNY"]


def test_overlapping_grants_are_one_view(bea, network):
    grant_facility(to=bea, facility=network.hospital)
    grant_facility(to=bea, facility=network.org)
    assert len(facilities_for(bea)) == Facility.objects.count()
    revoke_facility(of=bea, facility=network.org)
    assert codes(bea) == ["HOSPITAL", "HOSPITAL-ED", "NORTH"]


def test_a_moved_facility_takes_its_visibility_along(bea, network):
    network.hospital.parent = network.south
    network.hospital.save()
    assert codes(bea) == ["NORTH"]


def test_another_permission_on_a_facility_is_not_a_view(sam, network):
    assign_perm("catalog.change_facility", sam, network.org)
    assert facilities_for(sam) == ()


def test_a_role_permission_without_a_grant_shows_no_facility(network):
    user = User.objects.create_user("cal")
    assign_perm("catalog.view_facility", user)
    assert facilities_for(user) == ()


def test_grants_lie_in_our_own_tables_and_go_with_the_facility(bea, network):
    grant_facility(to=Group.objects.create(name="g"), facility=network.department)
    assert (FacilityUserGrant.objects.count(), FacilityGroupGrant.objects.count()) == (1, 1)
    assert not UserObjectPermission.objects.exists()
    assert not GroupObjectPermission.objects.exists()
    network.department.delete()
    assert not FacilityGroupGrant.objects.exists()


def test_granting_twice_is_granting_once(bea, network):
    grant_facility(to=bea, facility=network.north)
    assert FacilityUserGrant.objects.count() == 1


def test_it_is_one_query(bea, django_assert_num_queries):
    with django_assert_num_queries(1):
        facilities_for(bea)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 11), max_size=12), st.sets(st.integers(0, 12), max_size=4))
def test_any_tree_shows_exactly_the_granted_subtrees(network, parents, granted):
    Facility.objects.filter(code__startswith="T-").delete()
    FacilityUserGrant.objects.all().delete()
    user, _ = User.objects.get_or_create(username="anyone")
    nodes, above = [network.org], {0: None}
    for n, parent in enumerate(parents, start=1):
        above[n] = parent % n
        nodes.append(
            Facility.objects.create(
                code=f"T-{n}", name="x", short_name="x", kind="clinic", time_zone="UTC",
                parent=nodes[above[n]],
            )
        )  # fmt: skip
    chosen = {n % len(nodes) for n in granted} - {0}
    for n in chosen:
        grant_facility(to=user, facility=nodes[n])

    def lineage(n):
        while n is not None:
            yield n
            n = above[n]

    expected = {nodes[n].pk for n in range(len(nodes)) if chosen & set(lineage(n))}
    assert set(facilities_for(user)) == expected
    for place in reversed(nodes[1:]):
        place.delete()
