"""Writes about people and their access."""

from apps.accounts.services.demo import DEMO_CAST, NotADemo, SignIn, seed_demo_users
from apps.accounts.services.grants import ensure_roles, grant_facility, revoke_facility
from apps.accounts.services.tokens import issue_token, revoke_tokens

__all__ = [
    "DEMO_CAST",
    "NotADemo",
    "SignIn",
    "ensure_roles",
    "grant_facility",
    "issue_token",
    "revoke_facility",
    "revoke_tokens",
    "seed_demo_users",
]
