"""Tokens for programs that read on a person's behalf."""

import hashlib
import secrets

from django.db import transaction
from django.utils.timezone import now

from apps.accounts.acts import Act
from apps.accounts.models import ApiToken, User
from apps.accounts.services import audit

# Without the letters and digits that are mistaken for each other when read aloud.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def issue_token(*, user: User, by: User | None = None) -> str:
    """Make a token and return it; it exists nowhere else, the table keeps a hash."""
    prefix = "usr_" + "".join(secrets.choice(ALPHABET) for _ in range(8))
    bearer = f"{prefix}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(bearer.encode()).digest()
    with transaction.atomic():
        ApiToken.objects.create(user=user, prefix=prefix, sha256=digest)
        audit.record(by, Act.TOKEN_ISSUED, on=f"user:{user.pk}", facts={"token": prefix})
    return bearer


@transaction.atomic
def revoke_tokens(*, user: User, prefix: str | None = None, by: User | None = None) -> int:
    """Revoke a person's live tokens, or one of them; return how many."""
    tokens = ApiToken.objects.filter(user=user, revoked_at=None)
    if prefix:
        tokens = tokens.filter(prefix=prefix)
    ended = tokens.update(revoked_at=now())
    if ended:
        facts = {"tokens": ended} | ({"token": prefix} if prefix else {})
        audit.record(by, Act.TOKEN_REVOKED, on=f"user:{user.pk}", facts=facts)
    return ended
