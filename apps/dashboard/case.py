"""The page of one case in words: its card, its history, how its like went, and what may be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.accounts.models import User
from apps.catalog.models import MoneyDeadline
from apps.dashboard import wording
from apps.dashboard.deeds import DEEDS, Deed, Offer
from apps.dashboard.forms.cases import ActForm
from apps.dashboard.troubles import trouble
from apps.telemetry.models import AmountKind
from apps.triage import page
from apps.triage.lines import DEADLINES, PROMISE, state
from apps.triage.models import Case, CaseEvent, Pend
from apps.triage.offers import Asker, offers
from apps.triage.outcomes import Outcomes
from apps.triage.services.acting import BESIDE, full_name
from apps.triage.services.closing import Resolution
from apps.triage.services.undoing import UNDO_FOR
from apps.triage.services.waiting import Waits

PRODUCT = "Throughline"
# What the product's own acts are for, where the history has a code.
REASONS = {
    "success_event": "A later success healed it.",
    "ended": "The transaction ended.",
    "source": "It is no longer so.",
    "time": "Its time had come.",
    "money": "Its money deadline is a day away.",
    "reply": "Something new about it arrived.",
    "amount": "It reached the amount it waited for.",
    "escalated": "Its cause escalates.",
    "review": "It was dismissed for good 90 days ago.",
    "followed": "The case it was merged into is closed.",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the history."""

    who: str
    initials: str
    did: str
    why: str
    at: datetime
    named: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment that something is due at, and how far away it is."""

    name: str
    at: datetime
    left: str
    is_past: bool


@dataclass(frozen=True, slots=True)
class RelatedRow:
    """Another case of the same thing."""

    id: UUID
    title: str
    amount: int | None
    state: str
    is_open: bool


def deadlines(case: Case, now: datetime) -> list[Deadline]:
    """The money's and our own, the sooner first; of a closed case none runs."""
    if not case.is_open:
        return []
    found = []
    if case.money_due_at:
        named = DEADLINES.get(MoneyDeadline(case.money_due_kind), "money")
        found.append(_deadline(named, case.money_due_at, now))
    if case.respond_by and not case.responded_at:
        found.append(_deadline("respond", case.respond_by, now))
    if case.resolve_by and not case.paused_at:
        found.append(_deadline(PROMISE, case.resolve_by, now))
    return sorted(found, key=lambda one: one.at)


def _deadline(name: str, at: datetime, now: datetime) -> Deadline:
    return Deadline(name.capitalize(), at, wording.duration(abs(at - now)), at <= now)


def history(events: Sequence[CaseEvent]) -> list[Happening]:
    return [_happening(event) for event in events]


def _happening(event: CaseEvent) -> Happening:
    who = full_name(event.actor) if event.actor else PRODUCT
    words = who.replace(".", " ").split()
    did = event.get_kind_display()
    return Happening(
        who=who,
        initials="".join(word[0] for word in words[:2]).upper(),
        did=did + _to_whom(event),
        why=REASONS.get(event.reason, event.reason) if event.actor is None else _said(event),
        at=event.at,
        named=", ".join(full_name(one.person) for one in event.mentions.all()),
        url=event.facts.get("url", ""),
    )


def _to_whom(event: CaseEvent) -> str:
    if event.kind not in ("assigned", "transferred") or not event.assignee_after:
        team = event.facts.get("team") if event.kind == "transferred" else ""
        return f" to {team}" if team else ""
    return f" to {full_name(event.assignee_after)}"


def _said(event: CaseEvent) -> str:
    """A person's reason, with what they chose."""
    chosen = event.facts.get("resolution")
    if chosen in Resolution.values:
        return f"{Resolution(chosen).label}: {event.reason}"
    waits_for = event.facts.get("waits_for")
    if waits_for in Waits.values:
        return f"Waits for {_inside(Waits(waits_for).label)}: {event.reason}"
    return event.reason


def _inside(text: str) -> str:
    return text[:1].lower() + text[1:]


def waiting(pend: Pend | None) -> str:
    """What a pending case waits for, in words without its moment."""
    if pend is None:
        return ""
    also = [
        "anything new about it" if pend.until_reply else "",
        f"{wording.money(pend.until_amount_minor)}" if pend.until_amount_minor else "",
        "an escalation of its cause" if pend.until_escalating else "",
    ]
    name = _inside(Waits(pend.reason).label) if pend.reason in Waits.values else pend.reason
    more = " or ".join(filter(None, also))
    return f"{name}, or earlier for {more}" if more else name


def went(found: Outcomes) -> list[tuple[str, str]]:
    """Figures about closed cases of the kind; nothing when there were none."""
    if not found.closed:
        return []
    told = [
        (str(found.fixed), "fixed by people"),
        (str(found.by_itself), "over by themselves"),
        (str(found.dismissed), "dismissed"),
        (str(found.came_back), "came back"),
    ]
    shown = [(number, what) for number, what in told if number != "0"]
    if found.median is not None:
        shown.append((wording.duration(found.median), "median to fix"))
    return shown


def related(found: Sequence[Case]) -> list[RelatedRow]:
    return [
        RelatedRow(one.pk, trouble(one).title, one.amount_minor, state(one), one.is_open)
        for one in found
    ]


def amount_in_words(case: Case) -> str:
    """What it is about in dollars, and which dollars those are: never gross added to net."""
    if case.amount_minor is None:
        return ""
    kind = AmountKind(case.amount_kind).label.lower() if case.amount_kind else "kind not said"
    return f"{wording.money(case.amount_minor)} ({kind})"


def offered(
    case: Case,
    asker: Asker,
    *,
    people: Sequence[User],
    related: Sequence[RelatedRow],
    tried: Mapping[str, ActForm],
) -> list[Offer]:
    """What may be done, in the order of the page; what is refused stays, with the reason."""
    found = offers(case, asker)
    targets = [(one.id, one.title) for one in related if one.is_open]
    if not targets:
        found.pop("merge", None)
    return [
        _offer(deed, found[verb], case, people, targets, tried.get(verb))
        for verb, deed in DEEDS.items()
        if verb in found
    ]  # fmt: skip


def _offer(
    deed: Deed, refused: str, case: Case, people: Sequence[User],
    targets: Sequence[tuple[UUID, str]], tried: ActForm | None,
) -> Offer:  # fmt: skip
    if refused:
        return Offer(deed, None, refused)
    fresh = deed.form(case=case, people=people, related=targets, verb=deed.verb)
    return Offer(deed, tried or fresh)


def refused_alike(found: Sequence[Offer]) -> str:
    """The one reason for which nothing can be done, to be said once."""
    reasons = {one.refused for one in found}
    return reasons.pop() if len(reasons) == 1 else ""


def can_undo(
    events: Sequence[CaseEvent], case: Case, user: User, now: datetime
) -> CaseEvent | None:
    """One's own act of just now that nothing followed."""
    last = next((one for one in events if one.kind not in BESIDE), None)
    if last is None or last.undo is None or last.actor_id != user.pk or case.is_over:
        return None
    return last if last.at > now - UNDO_FOR else None


def lease_left(case: Case, now: datetime) -> timedelta | None:
    """How long somebody still has it for themselves."""
    if case.leased_until is None or case.leased_until <= now:
        return None
    return case.leased_until - now


def context_of(case: Case, asker: Asker, *, tried: Mapping[str, ActForm]) -> dict[str, Any]:
    """All that is said about a case itself."""
    facilities = asker.facilities
    events = list(page.history_of(case))
    others = related(page.related_to(case, asker.user, facilities=facilities))
    may_give = asker.realm.includes(case)
    people = page.able_to_work(case) if may_give else []
    found = offered(case, asker, people=people, related=others, tried=tried)
    return {
        "case": case,
        "case_state": state(case),
        "trouble": trouble(case),
        "deadlines": deadlines(case, asker.now),
        "lease": lease_left(case, asker.now),
        "amount_words": amount_in_words(case),
        "history": history(events),
        "undo": can_undo(events, case, asker.user, asker.now),
        "related": others,
        "of_cause": page.open_of_cause(case, asker.user, facilities=facilities),
        "waits": waiting(getattr(case, "pend", None)),
        "offers": found,
        "all_refused": refused_alike(found),
    }
