"""Roles and facility grants."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.models import Group
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from apps.accounts.acts import Act
from apps.accounts.models import FacilityGroupGrant, FacilityUserGrant, User
from apps.accounts.roles import ROLES
from apps.accounts.services import audit
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


def grant_facility(*, to: User | Group, facility: Facility, by: User | None = None) -> None:
    """Let a person or a group see a facility and everything below it."""
    if not _holds(to, facility):
        assign_perm(VIEW_FACILITY, to, facility)
        audit.record(by, Act.FACILITY_GRANTED, **_about(to, facility))


def revoke_facility(*, of: User | Group, facility: Facility, by: User | None = None) -> None:
    """Take that back; grants further up or down stay."""
    if _holds(of, facility):
        remove_perm(VIEW_FACILITY, of, facility)
        audit.record(by, Act.FACILITY_REVOKED, **_about(of, facility))


def _holds(holder: User | Group, facility: Facility) -> bool:
    codename = VIEW_FACILITY.partition(".")[2]
    grants = (
        FacilityUserGrant.objects.filter(user=holder)
        if isinstance(holder, User)
        else FacilityGroupGrant.objects.filter(group=holder)
    )
    return grants.filter(content_object=facility, permission__codename=codename).exists()


def _about(holder: User | Group, facility: Facility) -> dict[str, Any]:
    kind = "user" if isinstance(holder, User) else "group"
    return {
        "on": f"{kind}:{holder.pk}",
        "facility": facility,
        "facts": {"facility": facility.code},
    }
