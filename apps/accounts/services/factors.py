"""Second factors as rows: sealing them anew, and taking them away."""

from allauth.mfa.models import Authenticator
from django.db import transaction

from apps.accounts.encryption import is_current, seal, unseal
from apps.accounts.models import User
from apps.accounts.services.sessions import end_sessions

SEALED = ("secret", "seed")


@transaction.atomic
def reseal_factors() -> int:
    """Put every secret under the first key; afterwards the others may leave the ring."""
    # The lock keeps a code that is used meanwhile from being unmarked again.
    factors = Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN)
    return sum(_reseal(factor) for factor in factors)


def _reseal(factor: Authenticator) -> bool:
    outdated = [
        name for name in SEALED if name in factor.data and not is_current(factor.data[name])
    ]
    for name in outdated:
        factor.data[name] = seal(unseal(factor.data[name]))
    if outdated:
        factor.save(update_fields=["data"])
    return bool(outdated)


@transaction.atomic
def reset_factors(*, user: User) -> int:
    """Take all of a person's second factors away, for who lost them; their sessions end."""
    count: int = Authenticator.objects.filter(user=user).delete()[0]
    end_sessions(user=user)
    return count
