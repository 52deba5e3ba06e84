"""What roles let somebody do, in plain words."""

from collections.abc import Collection

from apps.accounts.models import Capability
from apps.accounts.roles import EDIT_PROMISES, EDIT_STRUCTURE, READ_CATALOGUE, ROLES

IN_WORDS = {
    **{f"accounts.{code}": str(words) for code, words in Capability._meta.permissions},
}
BUNDLES = (
    (READ_CATALOGUE, "Read the catalogue: facilities, systems, workflows, targets"),
    (EDIT_STRUCTURE, "Change facilities, systems, interfaces, workflows and kinds of exceptions"),
    (EDIT_PROMISES, "Change targets, clocks and calendars"),
)


def permissions_of(roles: Collection[str]) -> set[str]:
    """All permissions of some roles together."""
    return {one for code in roles if code in ROLES for one in ROLES[code].permissions}


def abilities(roles: Collection[str]) -> list[str]:
    """What these roles allow, one sentence each."""
    held = permissions_of(roles)
    said = [words for permission, words in IN_WORDS.items() if permission in held]
    return said + [words for bundle, words in BUNDLES if held.issuperset(bundle)]


def sources_of(ability: str, roles: Collection[str]) -> list[str]:
    """Which of these roles include an ability."""
    return [ROLES[code].name for code in ROLES if code in roles and ability in abilities([code])]
