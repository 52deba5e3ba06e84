"""A desk to work at: people of each role, and cases in whatever state a test is about."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils.timezone import now

from apps.accounts.models import User
from apps.catalog.models import (
    ExceptionKind,
    Interface,
    Playbook,
    System,
    Team,
)
from apps.core.db import execute
from apps.triage import clocks
from apps.triage.models import Case, Group, Pend, Status
from apps.triage.services.waiting import Waits
from tests.dashboard.cast import make_person
from tests.pipeline.network import LONG_AGO, Network

ROLES = {
    "ana": "revenue_cycle_analyst",
    "bob": "revenue_cycle_analyst",
    "sue": "rcm_supervisor",
    "eli": "integration_engineer",
    "ivo": "integration_lead",
    "fay": "finance_approver",
    "cal": "compliance_auditor",
    "eve": "executive",
}

STEPS = {
    "billing": "Look.\nMend it.",
    "technical": "Look.\nMend it.",
    "money": "Fill in {place}.\nFill in {nothing} else.",
}
# What state it is in is computed by the database.
ON_ITS_WAY = """
INSERT INTO telemetry_transaction (id, workflow_id, facility_id, correlation_id, first_at, last_at,
       events, attempts, retries, manual_touches, backfill)
VALUES (%(id)s, %(workflow)s, %(facility)s, 'c', %(at)s, %(at)s, 1, 1, 0, 0, false)
"""


@dataclass
class Desk:
    """Everybody works in the north; kinds of work by name."""

    network: Network
    people: dict[str, User]
    kinds: dict[str, ExceptionKind]

    def __getattr__(self, name: str) -> User:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    def team(self, code: str) -> Team:
        return Team.objects.get(code=code)

    def case(self, status: Status = Status.OPEN, **said: Any) -> Case:
        """A failed step of a transaction in flight, as it stands in a state."""
        moment = now()
        stage = self.network.stage(0, said.pop("rank", 2))
        place = said.pop("facility", self.network.facilities[0])
        kind = said.pop("kind", self.kinds["billing"])
        ids = {"workflow": stage.workflow, "facility": place}
        transaction = said.pop("transaction_id", None) or self.transaction(**ids)
        failed = moment - timedelta(hours=1)
        group, _ = Group.objects.get_or_create(
            id=UUID(int=stage.pk), mechanism=1, workflow=stage.workflow, stage=stage, condition=1,
            error_class="internal", error_standard="", error_code="", error_location="",
        )  # fmt: skip
        state = self._state(status, moment) | said
        case = Case.objects.create(
            **ids, condition=1, transaction_id=transaction, stage=stage, rank=stage.rank,
            error_class=said.pop("error_class", "internal"), kind=kind, group=group,
            opened_at=failed, last_seen=failed, occurrences=1, dead_lettered=False,
            error_standard="", error_code="", error_location="", status=status,
            **{name: value for name, value in state.items() if name != "error_class"},
        )  # fmt: skip
        clocks.start([case.pk])
        # What a test is about holds, whatever the rules say.
        Case.objects.filter(pk=case.pk).update(version=case.version, **said)
        case.refresh_from_db()
        if status == Status.PENDING:
            Pend.objects.create(
                case=case, until=moment + timedelta(days=1), until_reply=False, events_seen=1,
                until_escalating=False, reason=Waits.LATER, pauses=False, at=moment,
            )  # fmt: skip
        return case

    def _state(self, status: Status, moment: Any) -> dict[str, Any]:
        match status:
            case Status.OPEN:
                return {"substatus": "new"}
            case Status.IN_PROGRESS:
                lease = {"leased_by": self.ana, "leased_until": moment + timedelta(minutes=20)}
                return {"assignee": self.ana, "substatus": "", **lease}
            case Status.VERIFYING:
                fixed = {"fixed_at": moment, "late_until": moment + timedelta(minutes=5)}
                return {"verify_until": moment + timedelta(hours=1), **fixed}
            case Status.RESOLVED:
                return {"resolved_at": moment, "resolved_by": "user", "late_until": moment}
            case Status.DISMISSED:
                return {"resolved_at": moment, "dismissal": "this_case", "late_until": moment}
            case Status.MERGED:
                return {"resolved_at": moment, "merged_into": self.case(rank=3)}
        return {"substatus": ""}

    def transaction(self, *, workflow: Any, facility: Any) -> UUID:
        """One that is still on its way."""
        made = uuid4()
        asked = {"id": made, "workflow": workflow.pk, "facility": facility.pk}
        execute(ON_ITS_WAY, asked | {"at": now() - timedelta(hours=2)})
        return made


def open_desk(network: Network) -> Desk:
    north = network.facilities[0]
    people = {name: make_person(name, role, north) for name, role in ROLES.items()}
    people["zoe"] = make_person("zoe", "revenue_cycle_analyst", network.facilities[1])
    return Desk(network, people, kinds(network))


def kinds(network: Network) -> dict[str, ExceptionKind]:
    """A kind for billing, one for those who run interfaces, one about money."""
    system = System.objects.create(code="engine", name="Engine", kind="engine")
    teams = {code: Team.objects.create(code=code, name=code.title()) for code in ("desk", "wires")}
    Interface.objects.create(
        code="wire", name="Wire", protocol="rest", pattern="event", source=system, target=system,
        workflow=network.workflows[0], technical_owner=teams["wires"],
    )  # fmt: skip
    made = {}
    for position, (name, code, team) in enumerate(
        [
            ("billing", "CLM-02", "desk"),
            ("technical", "TRN-02", "wires"),
            ("money", "PAY-01", "desk"),
        ]
    ):
        made[name] = ExceptionKind.objects.create(code=code, position=position)
        Playbook.objects.create(
            kind=made[name], title=f"About {name}", happened="It failed at “{step}”.",
            matters="It waits.", steps=STEPS[name], owner=teams[team], replay="fixed",
            severity=2, due_seconds=5 * 86_400, due_measure="elapsed", effective_from=LONG_AGO,
            why="for the test",
        )  # fmt: skip
    return made
