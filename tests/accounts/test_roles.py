"""Roles are groups with permissions; facilities are granted beside them."""

import pytest
from django.contrib.auth.models import Group, Permission

from apps.accounts.models import User
from apps.accounts.roles import ROLES, every_permission
from apps.accounts.services import ensure_roles

CODES = [
    "revenue_cycle_analyst", "rcm_supervisor", "integration_engineer", "integration_lead",
    "finance_approver", "executive", "compliance_auditor", "administrator",
]  # fmt: skip


def held(role: str) -> set[str]:
    permissions = Permission.objects.filter(group__name=role).select_related("content_type")
    return {f"{p.content_type.app_label}.{p.codename}" for p in permissions}


@pytest.fixture
def roles(db):
    ensure_roles()


def test_there_are_eight(roles):
    assert list(ROLES) == CODES
    assert set(CODES) <= set(Group.objects.values_list("name", flat=True))


@pytest.mark.parametrize("role", CODES)
def test_the_groups_hold_what_the_roles_say(roles, role):
    assert held(role) == set(ROLES[role].permissions)


def test_every_permission_named_exists(roles):
    known = {
        f"{app}.{codename}"
        for app, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }
    assert set(every_permission()) <= known


def test_only_who_reads_figures_but_no_items_is_the_executive(roles):
    readers = {role for role in CODES if "accounts.view_scorecards" in held(role)}
    items = {role for role in CODES if "accounts.view_transactions" in held(role)}
    assert readers - items == {"executive"}
    assert set(CODES) - readers == {"administrator"}


def test_who_manages_people_edits_no_promises_and_the_auditor_edits_nothing(roles):
    assert not {p for p in held("administrator") if "slatarget" in p} - {"catalog.view_slatarget"}
    others = {p for p in held("compliance_auditor") if ".view_" not in p}
    assert {p.partition("_")[0] for p in others} == {
        "accounts.export",
        "accounts.confirm",
        "accounts.review",
    }


def test_a_second_run_takes_back_what_was_added_by_hand(roles):
    group = Group.objects.get(name="executive")
    group.permissions.add(Permission.objects.get(codename="delete_user"))
    ensure_roles()
    assert held("executive") == set(ROLES["executive"].permissions)
    assert not User.objects.exists()
