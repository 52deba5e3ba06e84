"""Who reads: their roles, asked for once a request."""

from collections.abc import Sequence

from apps.accounts.models import User
from apps.accounts.roles import ROLES


def role_codes(user: User) -> Sequence[str]:
    """The names of a person's groups; roles first, in the order of the matrix."""
    found: list[str] | None = getattr(user, "known_roles", None)
    if found is None:
        names = set(user.groups.values_list("name", flat=True))
        found = [*(code for code in ROLES if code in names), *sorted(names - ROLES.keys())]
        user.known_roles = found  # type: ignore[attr-defined]
    return found


def role_names(user: User) -> list[str]:
    """The same in words."""
    return [ROLES[code].name if code in ROLES else code for code in role_codes(user)]
