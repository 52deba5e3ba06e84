"""What somebody is told who may not open a page: what it takes, and who can give it."""

from dataclasses import dataclass

from apps.accounts.access import Denied
from apps.accounts.models import Capability
from apps.accounts.roles import roles_with

GIVE_ROLES = "accounts.manage_people"


@dataclass(frozen=True, slots=True)
class Denial:
    """Texts of the page. Nothing of what was asked for is in them but its permission."""

    what: str
    roles: str
    givers: str


def denial(error: Exception) -> Denial:
    """What an error says of the permission that was missing, if it says which."""
    missing = error.missing if isinstance(error, Denied) else ""
    words = {f"accounts.{code}": str(name) for code, name in Capability._meta.permissions}
    return Denial(words.get(missing, ""), roles_with(missing), roles_with(GIVE_ROLES))
