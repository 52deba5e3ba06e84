"""Roles and facility grants."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.models import Group
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.catalog.models import Facility

VIEW_FACILITY = "catalog.view_facility"


@transaction.atomic
def ensure_roles(registry: Any = installed) -> None:
    """Bring every role's group to what roles.py says. Migrations pass their own registry."""
    group_model = registry.get_model("auth", "Group")
    permission_model = registry.get_model("auth", "Permission")
    known = {
        f"{app}.{codename}": pk
        for pk, app, codename in permission_model.objects.values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    for code, role in ROLES.items():
        group, _ = group_model.objects.get_or_create(name=code)
        # A permission that a later migration creates is given by that migration.
        group.permissions.set(known[name] for name in role.permissions if name in known)


def grant_facility(*, to: User | Group, facility: Facility) -> None:
    """Let a person or a group see a facility and everything below it."""
    assign_perm(VIEW_FACILITY, to, facility)


def revoke_facility(*, of: User | Group, facility: Facility) -> None:
    """Take that back; grants further up or down stay."""
    remove_perm(VIEW_FACILITY, of, facility)
