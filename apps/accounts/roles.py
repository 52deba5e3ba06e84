"""The eight roles and what each may do (docs/catalog.md, after the role matrix of the product).

Groups carry these permissions; which facilities they hold for is a grant on the facility tree.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SCORECARDS = ("accounts.view_scorecards",)
TRANSACTIONS = (*SCORECARDS, "accounts.view_transactions", "accounts.view_quarantine")
RESOLVE = (*TRANSACTIONS, "accounts.resolve_quarantine")
SEE_CASES = "accounts.view_cases"
WORK = (SEE_CASES, "accounts.work_cases")
WORK_TECHNICAL = (SEE_CASES, "accounts.work_technical_cases")
WORK_FINANCIAL = ("accounts.work_financial_cases",)
LEAD = ("accounts.assign_cases", "accounts.dismiss_for_good")
EXPORT = "accounts.export_tables"
EXPORT_MANY = (EXPORT, "accounts.export_many_rows")
EXPORT_ALL = (*EXPORT_MANY, "accounts.export_money")
OPERATE = "accounts.view_system_status"
LOOK_UP = "accounts.view_catalogue"
PROPOSE = "accounts.propose_changes"
RETRY = "accounts.retry_batches"
AUDIT = "accounts.view_audit"

EXCEPTIONS = ("exceptionkind", "playbook", "errorsignal")
RULES = ("routingrule", "deadlinerule")
STRUCTURE = (
    "facility",
    "facilityalias",
    "system",
    "interface",
    "team",
    "workflow",
    "stage",
    *EXCEPTIONS,
    *RULES,
)
PROMISES = (
    "clock",
    "slatarget",
    "businesscalendar",
    "calendarhours",
    "calendarholiday",
)


def on_models(app: str, names: Sequence[str], *verbs: str) -> tuple[str, ...]:
    """Django's own permissions on some models."""
    return tuple(f"{app}.{verb}_{name}" for name in names for verb in verbs)


READ_CATALOGUE = on_models("catalog", STRUCTURE + PROMISES, "view")
EDIT_STRUCTURE = on_models("catalog", STRUCTURE, "add", "change", "delete")
EDIT_PROMISES = on_models("catalog", PROMISES, "add", "change", "delete")
# The pages of people change them; the administration only shows them.
READ_PEOPLE = (
    *on_models("accounts", ("user", "apitoken", "facilityusergrant", "facilitygroupgrant"), "view"),
    "auth.view_group",
)
WATCH_PEOPLE = ("accounts.view_people", "accounts.confirm_roles", "accounts.review_access")


@dataclass(frozen=True)
class Role:
    """A role: the group's name, and what it may do wherever it was granted facilities."""

    name: str
    permissions: tuple[str, ...]
    works_in_admin: bool = False


ROLES: Mapping[str, Role] = {
    "revenue_cycle_analyst": Role(
        "Revenue-cycle analyst", (*RESOLVE, *WORK, EXPORT, "accounts.export_money", LOOK_UP)
    ),
    "rcm_supervisor": Role(
        "Revenue-cycle supervisor",
        (
            *RESOLVE,
            *WORK,
            *LEAD,
            *EXPORT_ALL,
            LOOK_UP,
            PROPOSE,
            *on_models("catalog", RULES, "add"),
        ),
    ),
    "integration_engineer": Role(
        "Integration engineer",
        (
            *RESOLVE,
            *WORK_TECHNICAL,
            *EXPORT_MANY,
            "accounts.rotate_source_keys",
            OPERATE,
            RETRY,
            LOOK_UP,
            PROPOSE,
            *READ_CATALOGUE,
            *EDIT_STRUCTURE,
        ),
        works_in_admin=True,
    ),
    "integration_lead": Role(
        "Integration lead",
        (
            *RESOLVE,
            *WORK_TECHNICAL,
            *LEAD,
            *EXPORT_MANY,
            OPERATE,
            RETRY,
            LOOK_UP,
            PROPOSE,
            "accounts.approve_changes",
            *READ_CATALOGUE,
            *EDIT_STRUCTURE,
            *EDIT_PROMISES,
        ),
        works_in_admin=True,
    ),
    "finance_approver": Role(
        "Finance approver", (*TRANSACTIONS, *WORK_FINANCIAL, *EXPORT_ALL, LOOK_UP)
    ),
    "executive": Role("Executive", (*SCORECARDS, *EXPORT_ALL)),
    "compliance_auditor": Role(
        "Compliance auditor",
        (
            *TRANSACTIONS,
            SEE_CASES,
            *EXPORT_ALL,
            OPERATE,
            AUDIT,
            LOOK_UP,
            *WATCH_PEOPLE,
            *READ_CATALOGUE,
        ),
        works_in_admin=True,
    ),
    "administrator": Role(
        "Administrator",
        (
            *WATCH_PEOPLE,
            "accounts.manage_people",
            *READ_PEOPLE,
            *READ_CATALOGUE,
            "accounts.rotate_source_keys",
            "accounts.administer_network",
            OPERATE,
            LOOK_UP,
            AUDIT,
        ),
        works_in_admin=True,
    ),
}


def roles_with(permission: str) -> str:
    """The roles that include a permission, as people say it."""
    names = [role.name for role in ROLES.values() if permission in role.permissions]
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def every_permission() -> Iterator[str]:
    """All permissions that some role names."""
    for role in ROLES.values():
        yield from role.permissions
