"""Links to set a password: what ends them before their day is over."""

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator

from apps.accounts.separation import SENSITIVE


class LinkGenerator(PasswordResetTokenGenerator):
    """A link ends when its owner signs in, sets a password, or gets or loses a role of two people.

    Or who made a link before a second person confirmed such a role could use it after.
    """

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        held = user.groups.filter(name__in=SENSITIVE).order_by("name")
        roles = "|".join(held.values_list("name", flat=True))
        return super()._make_hash_value(user, timestamp) + roles
