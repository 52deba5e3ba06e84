"""What can be done to many cases at once: the same deeds as to one, by what the form said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString

from apps.accounts.models import User
from apps.catalog.models import Team
from apps.triage.models import Dismissal, Verb
from apps.triage.services.acting import Deed, Kind
from apps.triage.services.closing import Resolution, dismissing, reopening, resolving
from apps.triage.services.remarks import noting
from apps.triage.services.waiting import Until, Waits, bringing_back, pending
from apps.triage.services.working import assigning, deescalating, escalating, transferring
from apps.triage.transitions import Trigger

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Way:
    """How a verb is done: what history calls it, where it leads from, what does it to a case.

    `unless` says in SQL of which cases it is known beforehand that they will refuse, and why.
    """

    kind: Kind
    trigger: Trigger
    deed: Callable[[Params], Deed]
    can_be_undone: bool = True
    unless: LiteralString = ""


def _person(number: int | None) -> User | None:
    return User.objects.get(pk=number) if number else None


def _assign(said: Params) -> Deed:
    return partial(assigning, to=_person(said["to"]))


def _transfer(said: Params) -> Deed:
    team = Team.objects.get(pk=said["team"]) if said.get("team") else None
    return partial(transferring, to=_person(said.get("to")), team=team, reason=said["reason"])


def _pend(said: Params) -> Deed:
    wait = Waits(said["waits_for"]), Until(said["until"])
    return partial(pending, wait=wait, reason=said["reason"])


def _resolve(said: Params) -> Deed:
    return partial(resolving, resolution=Resolution(said["resolution"]), comment=said["reason"])


def _dismiss(said: Params) -> Deed:
    return partial(dismissing, scope=Dismissal(said["scope"]), reason=said["reason"])


def _with_reason(deed: Callable[..., object]) -> Callable[[Params], Deed]:
    return lambda said: partial(deed, reason=said["reason"])


MONEY_IS_NEAR: LiteralString = "WHEN c.money_due_at <= now() + interval '24 hours' THEN 'money'"
IS_OVER: LiteralString = (
    "WHEN c.succeeded_at IS NOT NULL OR c.ended_at IS NOT NULL"
    " OR c.status = 'resolved' AND c.resolved_by <> 'user' THEN 'over'"
)  # fmt: skip
WAYS: Mapping[Verb, Way] = {
    Verb.ASSIGN: Way(Kind.ASSIGNED, Trigger.ASSIGN, _assign),
    Verb.TRANSFER: Way(Kind.TRANSFERRED, Trigger.ASSIGN, _transfer),
    Verb.PEND: Way(Kind.PENDED, Trigger.PEND, _pend, unless=MONEY_IS_NEAR),
    Verb.BRING_BACK: Way(Kind.RETURNED, Trigger.RETURN, lambda _: bringing_back),
    Verb.RESOLVE: Way(Kind.RESOLVED, Trigger.RESOLVE, _resolve),
    Verb.DISMISS: Way(Kind.DISMISSED, Trigger.DISMISS, _dismiss),
    Verb.REOPEN: Way(
        Kind.REOPENED, Trigger.REOPEN, _with_reason(reopening), can_be_undone=False, unless=IS_OVER
    ),
    Verb.ESCALATE: Way(Kind.ESCALATED, Trigger.ESCALATE, _with_reason(escalating)),
    Verb.DEESCALATE: Way(
        Kind.DEESCALATED, Trigger.ASSIGN, _with_reason(deescalating),
        unless="WHEN c.escalation = 0 THEN 'not_escalated'",
    ),
    Verb.NOTE: Way(
        Kind.NOTED, Trigger.ASSIGN, lambda said: partial(noting, text=said["reason"]),
        can_be_undone=False,
    ),
}  # fmt: skip
