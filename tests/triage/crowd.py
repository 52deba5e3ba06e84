"""Many cases at once, as varied as chance makes them: what lists are tried on."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.timezone import now

from apps.accounts.models import User
from apps.catalog.models import ExceptionKind, Team
from apps.triage.models import CLOSED, Case, Group
from tests.pipeline.network import Network

SUBSTATES = ["new", "", "", "regressed", "unconfirmed"]


def crowd(
    network: Network,
    count: int,
    *,
    seed: int,
    owner: User | None = None,
    facility: int | None = None,
    born_minutes_ago: int = 0,
) -> list[Case]:
    """Open cases of both facilities, many with the same score, dollars and deadlines."""
    luck, moment = random.Random(seed), now()
    milliseconds = int(moment.timestamp() * 1000) - 60_000 * born_minutes_ago
    kinds = [ExceptionKind.objects.get_or_create(code=f"TST-{10 + n}", defaults={"position": n})[0]
             for n in range(3)]  # fmt: skip
    team, _ = Team.objects.get_or_create(code="billing", defaults={"name": "Billing"})
    groups = [_group(network, n) for n in range(4)]

    def one() -> Case:
        work = luck.randint(0, 1)
        opened = moment - timedelta(hours=luck.choice([0, 1, 5, 30, 100, 1000]))
        status = luck.choice(["open", "open", "open", "pending", "in_progress"])
        money = luck.choice([None, moment + timedelta(days=luck.randint(-2, 20))])
        return Case(
            id=UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | luck.getrandbits(60)),
            condition=1, transaction_id=UUID(int=luck.getrandbits(128)),
            stage=network.stage(work, 2), rank=2, workflow=network.workflows[work],
            error_class=luck.choice(["transport", "missing_data"]),
            facility=network.facilities[luck.randint(0, 1) if facility is None else facility],
            kind=luck.choice([None, *kinds]), group=luck.choice(groups),
            payer=luck.choice([None, "ACME, Inc.", "Aster"]),
            amount_minor=luck.choice([None, 0, 5_000, 99_900, 5_000_000]),
            opened_at=opened, last_seen=opened, occurrences=luck.randint(1, 3),
            dead_lettered=False, error_standard="http", error_code="503", error_location="",
            status=status, substatus=luck.choice(SUBSTATES) if status == "open" else "",
            severity=luck.randint(1, 4), score=luck.choice([0, 0, 10, 500, 90_000]),
            team=luck.choice([None, team]), assignee=luck.choice([None, owner]),
            money_due_at=money, money_due_kind="filing" if money else "",
            resolve_by=luck.choice([None, moment + timedelta(hours=luck.randint(-30, 300))]),
        )  # fmt: skip

    made: list[Case] = Case.objects.bulk_create([one() for _ in range(count)])
    return made


def open_cases() -> list[Case]:
    return list(Case.objects.exclude(status__in=CLOSED).select_related("workflow", "facility"))


def _group(network: Network, number: int) -> Group:
    told: dict[str, Any] = {
        "mechanism": 1, "workflow": network.workflows[0], "stage": network.stage(0, 2),
        "condition": 1, "error_class": "transport", "error_standard": "http",
        "error_code": str(500 + number), "error_location": "",
    }  # fmt: skip
    return Group.objects.get_or_create(id=UUID(int=number + 1), defaults=told)[0]
