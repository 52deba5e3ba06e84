"""Makes people and events for the tests of pages and API."""

from datetime import timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import ensure_roles, grant_facility
from apps.pipeline import services
from apps.scorecards import compaction
from apps.telemetry.canonical import transaction_id
from tests.pipeline.network import Network, event, post

PASSWORD = "correct horse battery staple"
NORTH, SOUTH = 0, 1
numbers = count(1)


def make_person(name: str, role: str, *places: Any) -> User:
    if not Group.objects.filter(name=role).exists():
        ensure_roles()  # A committing test emptied the tables that the migrations filled.
    user = User.objects.create_user(name, password=PASSWORD, first_name=name.title())
    user.groups.add(Group.objects.get(name=role))
    for place in places:
        grant_facility(to=user, facility=place)
    return user


def ago(**span: float) -> Any:
    return timezone.now() - timedelta(**span)


def fold(network: Network, *said: dict[str, Any], compacted: bool = True) -> None:
    """Post these events as one batch and count them, overdue ones included."""
    post(network, *(event(network, **{"id": f"e-{next(numbers)}", **one}) for one in said))
    services.fold_journal()
    services.sweep_due()
    if compacted:
        compaction.compact()


def done(subject: str, *, hours_ago: float = 3, minutes: float = 5, **said: Any) -> list[dict]:
    """A transaction from its start to its end."""
    start = ago(hours=hours_ago)
    step = timedelta(minutes=minutes) / 2
    return [
        {"subject": subject, "rank": rank, "at": start + step * place, **said}
        for place, rank in enumerate((1, 3, 4))
    ]


def stuck(subject: str, *, hours_ago: float = 3, **said: Any) -> list[dict]:
    """A transaction that failed at its second stage and waits."""
    start = ago(hours=hours_ago)
    error = ("http", "503", "", "")
    return [
        {"subject": subject, "rank": 1, "at": start, **said},
        {"subject": subject, "rank": 2, "at": start + timedelta(minutes=1),
         "outcome": "retry", "error": error, **said},
        {"subject": subject, "rank": 2, "at": start + timedelta(minutes=2), "attempt": 2,
         "outcome": "failed", "error": ("erp", "NO_COSTCENTER", "line[3]", ""), **said},
    ]  # fmt: skip


def address(network: Network, subject: str, workflow: int = 0) -> str:
    """Where one transaction is shown."""
    key = transaction_id(network.workflows[workflow].pk, subject)
    return f"/transactions/{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}/"
