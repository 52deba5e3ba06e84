"""What somebody may do to a case now, and of the rest why not: said before anybody tries.

The services decide; this only spares the way there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from apps.accounts.models import User
from apps.triage.models import Case, Status
from apps.triage.realms import Realm
from apps.triage.services.acting import LEAD, full_name
from apps.triage.services.closing import LEAD_DISMISSES_FROM_MINOR
from apps.triage.services.waiting import BEFORE_MONEY
from apps.triage.services.working import CALLED, FREE_TRANSFERS
from apps.triage.transitions import Trigger, may

TRIGGERS: Mapping[str, Trigger] = {
    "take": Trigger.TAKE,
    "release": Trigger.RELEASE,
    "assign": Trigger.ASSIGN,
    "transfer": Trigger.ASSIGN,
    "escalate": Trigger.ESCALATE,
    "deescalate": Trigger.ASSIGN,
    "pend": Trigger.PEND,
    "bring-back": Trigger.RETURN,
    "resolve": Trigger.RESOLVE,
    "dismiss": Trigger.DISMISS,
    "reopen": Trigger.REOPEN,
    "merge": Trigger.MERGE,
    "unmerge": Trigger.UNMERGE,
}
# What anybody who works such cases may add, whatever its state and whoever works it.
ALWAYS = ("note", "link")


@dataclass(frozen=True)
class Asker:
    """Who looks at a case, and when."""

    user: User
    facilities: tuple[int, ...]
    realm: Realm
    now: datetime
    zone: ZoneInfo

    @property
    def is_lead(self) -> bool:
        return self.user.has_perm(LEAD)


def offers(case: Case, asker: Asker) -> dict[str, str]:
    """Every act that its state allows, each with the reason why it is refused, or nothing."""
    found = {verb: one for verb, one in TRIGGERS.items() if may(case, one) and _fits(verb, case)}
    verbs = [*found, *ALWAYS]
    if not asker.realm.includes(case):
        return dict.fromkeys(verbs, "Your role does not work this kind of case.")
    return {verb: _refusal(verb, case, asker) for verb in verbs}


def _fits(verb: str, case: Case) -> bool:
    """What the table allows and yet makes no sense."""
    return verb != "deescalate" or bool(case.escalation)


def _refusal(verb: str, case: Case, asker: Asker) -> str:
    if verb in ALWAYS:
        return ""
    if asker.is_lead:
        return _for_everybody(verb, case, asker)
    return (
        _held(case, asker)
        or _for_leads(verb, case, asker)
        or _for_everybody(verb, case, asker)
    )  # fmt: skip


def _held(case: Case, asker: Asker) -> str:
    holder, until = case.leased_by, case.leased_until
    if holder is None or until is None or until <= asker.now or holder == asker.user:
        return ""
    return f"{full_name(holder)} is working on it until {until.astimezone(asker.zone):%H:%M}."


def _for_leads(verb: str, case: Case, asker: Asker) -> str:
    check = LEADS.get(verb)
    return check(case, asker) if check else ""


def _for_everybody(verb: str, case: Case, asker: Asker) -> str:
    money = case.money_due_at
    if verb == "pend" and money and money - BEFORE_MONEY <= asker.now:
        return "Its money deadline is less than a day away."
    if verb == "reopen" and case.status != Status.MERGED and case.is_over:
        return "Telemetry shows that it is over."
    return ""


def _take(case: Case, asker: Asker) -> str:
    if case.escalation >= CALLED:
        return "It was escalated: a lead decides."
    if case.is_assigned_by_hand and case.assignee and case.assignee != asker.user:
        return f"It was given to {full_name(case.assignee)}."
    return ""


def _pend(case: Case, asker: Asker) -> str:
    is_late = case.resolve_by is not None and case.resolve_by <= asker.now
    return "It is past due: a lead may put it aside." if is_late else ""


def _dismiss(case: Case, asker: Asker) -> str:
    is_dear = (case.amount_minor or 0) >= LEAD_DISMISSES_FROM_MINOR
    return f"From ${LEAD_DISMISSES_FROM_MINOR // 100:,} a lead dismisses." if is_dear else ""


def _transfer(case: Case, asker: Asker) -> str:
    is_enough = case.transfers >= FREE_TRANSFERS
    return f"It changed hands {case.transfers} times: a lead decides." if is_enough else ""


LEADS: Mapping[str, Callable[[Case, Asker], str]] = {
    "take": _take,
    "pend": _pend,
    "dismiss": _dismiss,
    "transfer": _transfer,
    "assign": lambda case, asker: "A lead gives work to others.",
    "deescalate": lambda case, asker: "A lead ends it.",
    "reopen": lambda case, asker: "A lead reopens.",
}
