"""What went wrong with a transaction, in words: each case with what its playbook says of it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.timezone import now

from apps.catalog.models import Playbook
from apps.catalog.models.exceptions import fills_in
from apps.dashboard.looks import Look, Status
from apps.triage.models import Case, Condition


@dataclass(frozen=True, slots=True)
class Trouble:
    """One case. Without a kind nobody has said yet what its code means."""

    title: str
    kind: str
    happened: str
    steps: list[str]
    book: Playbook | None
    look: Look
    native: str
    since: datetime
    times: int
    over_at: datetime | None
    over: str


def trouble(case: Case) -> Trouble:
    """A case in words, as `cases_of` reads it."""
    book = _words(case, case.resolved_at or now())
    native = (case.error_standard, case.error_code, case.error_location)
    return Trouble(
        title=book.title if book else _unexplained(case),
        kind=case.kind.code if case.kind else "",
        happened=book.happened.format_map(_blanks(case)) if book else "",
        steps=_steps(book, case) if book else [],
        book=book,
        look=Status.OPEN if case.is_open else Status.RESOLVED,
        native=" ".join(filter(None, native)),
        since=case.opened_at,
        times=case.occurrences,
        over_at=case.resolved_at,
        over=case.get_resolved_by_display(),
    )


def _steps(book: Playbook, case: Case) -> list[str]:
    """What to do, filled in like the first line; braces that mean nothing stay as they are."""
    blanks = _blanks(case)
    return [one.format_map(blanks) if fills_in(one) else one for one in book.to_do]


def _words(case: Case, at: datetime) -> Playbook | None:
    """What was in force then: what is over was worked under the words of its day."""
    versions: list[Playbook] = getattr(case.kind, "versions", [])
    held = (
        one
        for one in versions
        if one.effective_from <= at and (one.effective_to is None or one.effective_to > at)
    )
    return next(held, None)


def _unexplained(case: Case) -> str:
    if case.condition != Condition.FAILED:
        return "Overdue"
    return "Nobody has said what this code means"


def _blanks(case: Case) -> dict[str, str]:
    """What the first line of a playbook may name."""
    target = case.interface.target if case.interface else case.stage.system
    return {
        "step": case.stage.name,
        "target": target.name if target else "The receiving system",
        "payer": case.payer or "The payer",
        "place": case.error_location or "a place it did not name",
        "facility": case.facility.name,
    }
