"""manage.py reset_factors USER: for who lost every second factor."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services.audit import record
from apps.accounts.services.factors import reset_factors


class Command(BaseCommand):
    help = "Take all second factors of USER away and end their sessions. Be sure who asks for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        count = reset_factors(user=user)
        record(None, Act.FACTOR_RESET, on=f"user:{user.pk}")
        self.stdout.write(f"{count} taken away. The next sign-in takes the password alone.")
