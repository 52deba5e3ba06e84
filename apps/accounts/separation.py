"""Duties that must stay apart: roles that one person may not hold together, and why."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from apps.accounts.roles import ROLES

# What takes two people is worth as much as the second: whoever may be one is made so by two.
DECIDES = {"accounts.approve_changes", "accounts.confirm_roles"}
DECIDES_ON_MONEY = "finance_approver"
# Given only when a second person, who neither asked nor profits, confirms it.
SENSITIVE = tuple(
    code
    for code, role in ROLES.items()
    if code == DECIDES_ON_MONEY or DECIDES.intersection(role.permissions)
)
# Everybody but who only reads.
WRITERS = tuple(code for code in ROLES if code not in ("executive", "compliance_auditor"))


@dataclass(frozen=True, slots=True)
class Combination:
    """Two roles, and what one person could do with both."""

    roles: frozenset[str]
    why: str

    @property
    def names(self) -> str:
        return " and ".join(role.name for code, role in ROLES.items() if code in self.roles)

    def __str__(self) -> str:
        return f"{self.names} do not go together: {self.why}"


def _apart(one: str, others: Collection[str], why: str) -> list[Combination]:
    return [Combination(frozenset((one, other)), why) for other in others if other != one]


TOXIC = (
    *_apart(
        "finance_approver",
        ("revenue_cycle_analyst",),
        "whoever asks for a refund or a write-off could approve it as well.",
    ),
    *_apart(
        "finance_approver",
        ("integration_engineer",),
        "whoever replays messages that move money could approve that as well.",
    ),
    *_apart(
        "administrator",
        ("finance_approver", "rcm_supervisor"),
        "whoever gives access could give themselves the facilities whose money they decide on.",
    ),
    *_apart(
        "administrator",
        ("integration_lead",),
        "whoever makes accounts could make the one that proposes what they approve.",
    ),
    *_apart(
        "compliance_auditor",
        WRITERS,
        "an auditor would examine what they did themselves.",
    ),
)
# Allowed, and refused for each item later: nobody approves what they asked for.
DELICATE = _apart(
    "finance_approver",
    ("rcm_supervisor",),
    "they will not be able to approve what they requested or approved before.",
)


def toxic(roles: Collection[str]) -> list[Combination]:
    """The combinations among these roles that are refused."""
    return [one for one in TOXIC if one.roles <= set(roles)]


def delicate(roles: Collection[str]) -> list[Combination]:
    """The combinations among these roles that deserve a warning."""
    return [one for one in DELICATE if one.roles <= set(roles)]


def named(codes: Collection[str]) -> Iterator[str]:
    """Roles by name, in the order of the list."""
    return (role.name for code, role in ROLES.items() if code in codes)
