"""manage.py issue_token USER: a read token for a program; prints only the secret."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import User
from apps.accounts.services import issue_token, revoke_tokens


class Command(BaseCommand):
    help = "Issue a token that reads what USER may read, or revoke USER's tokens."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="username")
        parser.add_argument(
            "--revoke",
            nargs="?",
            const="all",
            metavar="PREFIX",
            help="revoke the token that starts with PREFIX (usr_…), or all of them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']!r}.")
        if options["revoke"] is None:
            self.stdout.write(issue_token(user=user))
            return
        prefix = None if options["revoke"] == "all" else options["revoke"]
        count = revoke_tokens(user=user, prefix=prefix)
        self.stderr.write(f"{count} token{'' if count == 1 else 's'} revoked.")
