"""What cases must be, in plain Python, from the distinct events and the judged transactions."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from apps.telemetry.canonical import CanonicalEvent
from apps.triage.models import Case
from tests.pipeline.oracle import CANCELLED, DEAD_LETTER, FAILED, OK, Judged, Rules, moment

Key = tuple[str, int, int, str]


@dataclass
class Facts:
    """A case as it must stand; who closed it only where it is closed."""

    is_open: bool
    opened_at: datetime
    last_seen: datetime
    occurrences: int
    dead_lettered: bool
    error: tuple[str, str, str]
    facility: int
    amount: int | None
    closed_at: datetime | None


def cases(
    events: Iterable[CanonicalEvent],
    judged: Mapping[str, Judged],
    rules: Rules,
    class_of: Callable[[CanonicalEvent], str],
) -> dict[Key, Facts]:
    failures, all_events = defaultdict(list), defaultdict(list)
    for one in events:
        all_events[one.transaction_id].append(one)
        if one.outcome in (FAILED, DEAD_LETTER) or _is_refusal(one, rules):
            failures[one.transaction_id, 1, one.rank, class_of(one)].append(one)
    found = {
        key: _failed(some, all_events[key[0]], judged[key[0]], rules)
        for key, some in failures.items()
    }
    for name, one in judged.items():
        for clock in (1, 2):
            _, due, _, _ = one.clocks[clock]
            if one.overdue(clock):
                rank = rules.stop_rank[one.workflow, clock]
                found[name, clock + 1, rank, "deadline"] = Facts(
                    True, due, due, 1, False, ("", "", ""), one.facility, one.amount, None
                )
    return found


def _is_refusal(event: CanonicalEvent, rules: Rules) -> bool:
    says_why = bool(event.error and event.error[1])
    return event.outcome == OK and rules.end_of[event.stage_id] == "rejected" and says_why


def _failed(some, of_transaction, judged, rules):
    first, last = min(map(moment, some)), max(map(moment, some))
    rank = some[0].rank
    ends = [moment(e) for e in of_transaction if _ends(e, rank, rules) and moment(e) > last]
    latest = max(some, key=lambda e: (moment(e), _error(e)))
    return Facts(
        is_open=not ends,
        opened_at=first,
        last_seen=last,
        occurrences=len(some),
        dead_lettered=any(e.outcome == DEAD_LETTER for e in some),
        error=_error(latest),
        facility=judged.facility,
        amount=judged.amount,
        closed_at=min(ends, default=None),
    )


def _ends(event: CanonicalEvent, rank: int, rules: Rules) -> bool:
    if event.outcome == CANCELLED:
        return True
    return event.outcome == OK and (event.rank >= rank or bool(rules.end_of[event.stage_id]))


def _error(event: CanonicalEvent) -> tuple[str, str, str]:
    return tuple((event.error or ("", "", ""))[:3])


@dataclass(frozen=True)
class Word:
    """What a person made of a case last: closed it, until it fails later than some moment, or not
    for any failure; or set it to be confirmed, which closes nothing."""

    at: datetime
    late_until: datetime
    closes: bool = True
    for_any_failure: bool = False


def after(facts: dict[Key, Facts], words: Mapping[Key, Word]) -> dict[Key, Facts]:
    """The cases as they must stand once people had their say. Their word outlasts whatever failed
    before it could show; a later failure makes it worth nothing, healed since or not."""
    said = {key: _as_said(key, one, words.get(key)) for key, one in facts.items()}
    return {key: one for key, one in said.items() if key[1] == 1 or one.is_open}


def _as_said(key: Key, facts: Facts, word: Word | None) -> Facts:
    if word is None or not word.closes:
        return facts
    refuted = key[1] == 1 and facts.last_seen > word.late_until
    if refuted and not word.for_any_failure:
        return facts
    return replace(facts, is_open=False, closed_at=word.at)


def stored() -> dict[Key, Facts]:
    """What the database holds. An overdue case that is over is of no interest: whether it was ever
    open depends on when somebody looked."""
    return {
        (row.transaction_id.hex, row.condition, row.rank, row.error_class): Facts(
            is_open=row.is_open,
            opened_at=row.opened_at,
            last_seen=row.last_seen,
            occurrences=row.occurrences,
            dead_lettered=row.dead_lettered,
            error=(row.error_standard, row.error_code, row.error_location),
            facility=row.facility_id,
            amount=row.amount_minor,
            closed_at=row.resolved_at,
        )
        for row in Case.objects.all()
        if row.condition == 1 or row.is_open
    }
