"""The demo's people: one per role, a second lead, one stranger, in demo mode only."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from apps.accounts.access import facilities_for
from apps.accounts.models import FacilityUserGrant, User
from apps.accounts.roles import ROLES
from apps.accounts.services import DEMO_CAST, NotADemo, seed_demo_users
from apps.catalog.models import Facility, Team
from tests.catalog import network as net


@pytest.fixture
def quillhaven(db, settings):
    """The part of the seeded network that the cast is granted."""
    settings.THROUGHLINE_DEMO = True
    settings.THROUGHLINE_DEMO_PASSWORD = ""
    org = net.facility("QH", "organization", None, calendar=net.office_hours())
    for code in ("QH-EAST", "QH-CENTRAL"):
        net.facility(code, "region", org)


def test_there_is_one_for_each_role_a_second_lead_and_a_stranger(quillhaven):
    seed_demo_users(password="for-the-demo")
    roles = [
        group for user in User.objects.all() for group in user.groups.values_list("name", flat=True)
    ]
    assert set(roles) == set(ROLES)
    assert len(roles) == len(ROLES) + 2
    assert roles.count("integration_lead") == 2
    assert facilities_for(User.objects.get(username="sam")) == ()
    assert len(facilities_for(User.objects.get(username="ivo"))) == 3
    east = Facility.objects.get(code="QH-EAST")
    assert facilities_for(User.objects.get(username="bea")) == (east.pk,)
    assert not User.objects.filter(is_superuser=True).exists()


def test_they_all_sign_in_with_the_given_password_also_after_it_changed(quillhaven):
    for password in ("for-the-demo", "another-one"):
        seed_demo_users(password=password)
        for person in DEMO_CAST:
            assert authenticate(username=person.username, password=password)


def test_without_one_a_password_is_made_once_and_kept(quillhaven):
    first = seed_demo_users()
    assert authenticate(username="ivo", password=first.password)
    assert seed_demo_users().password is None
    assert authenticate(username="ivo", password=first.password)


def test_who_works_cases_is_in_a_team_and_nobody_else(quillhaven):
    for code in {code for person in DEMO_CAST for code in person.teams}:
        Team.objects.create(code=code, name=code)
    seed_demo_users(password="for-the-demo")
    members = set(User.objects.exclude(teams=None).values_list("username", flat=True))
    assert members == {"bea", "rosa", "eli", "ivo", "lea", "fay"}
    bea = User.objects.get(username="bea").teams.values_list("code", flat=True)
    assert set(bea) == {"billing_office", "follow_up", "denials"}


def test_a_second_run_adds_nobody_and_takes_nothing_back(quillhaven):
    seed_demo_users(password="for-the-demo")
    User.objects.filter(username="eve").update(first_name="Evelyn")
    FacilityUserGrant.objects.filter(user__username="bea").delete()
    seed_demo_users(password="for-the-demo")
    assert User.objects.count() == len(DEMO_CAST)
    assert User.objects.get(username="eve").first_name == "Evelyn"
    assert facilities_for(User.objects.get(username="bea")) == ()


def test_outside_demo_mode_there_are_none(quillhaven, settings):
    settings.THROUGHLINE_DEMO = False
    with pytest.raises(NotADemo):
        seed_demo_users(password="x")
    with pytest.raises(CommandError, match="demo mode only"):
        call_command("seed_demo_users")
    assert not User.objects.exists()


def test_the_command_prints_who_and_the_password(quillhaven, settings):
    settings.THROUGHLINE_DEMO_PASSWORD = "from-the-environment"
    out = StringIO()
    call_command("seed_demo_users", stdout=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == len(DEMO_CAST) + 1
    assert lines[0].split() == ["bea", "Revenue-cycle", "analyst", "sees", "QH-EAST"]
    assert lines[-1] == "Password: from-the-environment"
