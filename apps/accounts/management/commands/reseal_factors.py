"""manage.py reseal_factors: after a new first key in THROUGHLINE_MFA_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.encryption import Unreadable
from apps.accounts.services.factors import reseal_factors


class Command(BaseCommand):
    help = "Seal the secrets of second factors with the first of THROUGHLINE_MFA_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = reseal_factors()
        except Unreadable as error:
            raise CommandError(
                f"The key {str(error)!r} is not in THROUGHLINE_MFA_KEYS. Nothing was changed."
            ) from None
        self.stdout.write(f"{count} resealed. Keys but the first are not needed for them any more.")
