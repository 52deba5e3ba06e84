"""manage.py seed_demo_users: one sign-in per role, in demo mode only."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.accounts.services import NotADemo, seed_demo_users


class Command(BaseCommand):
    help = (
        "Create the demo's people. THROUGHLINE_DEMO_PASSWORD (or secrets.env) sets their password; "
        "without it one is made and printed the first time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            users = seed_demo_users(password=settings.THROUGHLINE_DEMO_PASSWORD or None)
        except NotADemo:
            raise CommandError(
                "Demo users exist in demo mode only: set THROUGHLINE_DEMO=1."
            ) from None
        for person in users.sign_ins:
            self.stdout.write(f"  {person.username:<5} {person.role:<24} sees {person.sees}")
        self.stdout.write(f"Password: {users.password or 'as printed the first time'}")
