"""The conveyor: claim, fold, roll up, mark, in one transaction; and the sweep, which time drives.

Order inside a fold: 1 telemetry (events, transactions), 2 scorecards (deltas), 3 triage (cases),
then the journal row is closed. A crash at any instant rolls all of it back, and the row is claimed
again.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import DataError, IntegrityError, transaction
from django.utils.timezone import now

from apps.accounts.services import audit
from apps.accounts.services.access import expire_requests
from apps.accounts.services.sessions import forget_ended_sessions
from apps.catalog.services import refresh_spans
from apps.core.db import execute
from apps.scorecards import compaction, verification
from apps.scorecards import services as scorecards
from apps.scorecards.pace import slowest_seconds
from apps.scorecards.pulse import refresh_pulse
from apps.telemetry import fold, journal, partitions
from apps.telemetry.services.retention import forget_quarantine
from apps.telemetry.services.searches import forget_searches
from apps.telemetry.services.signatures import forget_signatures
from apps.triage import clocks, policy
from apps.triage.checkpoints import keep_pace
from apps.triage.fold import record_cases, record_missing

log = logging.getLogger(__name__)

EVENTS_A_FOLD = 20_000
FEW_EVENTS = 1_000
# Half of what lies between two bells, so that folds follow each other evenly. Who stayed as long as
# something comes would keep other bells waiting until they expire.
GATHER_SECONDS = 0.125
# Faults of the data itself. Anything else (a lost connection, a deadlock) is tried again as it is.
UNFOLDABLE = (DataError, IntegrityError, ValueError)
MARKED_AT_ONCE = 5_000
WATCHED_AT_ONCE = 2_000
# What is left over is looked at by the next sweep, seconds later.
LOOKS_A_SWEEP = 10
# A timely transaction is counted where it was due, which may lie ahead.
FAR_AHEAD = timedelta(days=800)

# A rebuild takes this lock exclusively; folds and sweeps share it.
SHARE_THE_BELT = "SELECT pg_advisory_xact_lock_shared(hashtext('pipeline.belt'))"
STOP_THE_BELT = "SELECT pg_advisory_xact_lock(hashtext('pipeline.belt'))"


def fold_waiting(*, seconds: float = 5.0) -> int:
    """Fold what waits and bring the rollups up to date; return how many events were taken up."""
    events = fold_journal(seconds=seconds)
    compaction.compact()
    return events


def fold_journal(*, seconds: float = 5.0, gather: float = 0.0) -> int:
    """Fold until nothing waits or the time is used up; return how many events were taken up.

    With `gather`, a fold of a few events, which costs nearly what one of hundreds does, leaves so
    many seconds for more to come, is followed by one more, and that is all: whoever came meanwhile
    has rung again. The first fold never waits.
    Readers add the deltas themselves, so compaction is left to those who come once a second: a cell
    then moves once, however many folds touched it.
    """
    deadline = time.monotonic() + seconds
    events = 0
    while time.monotonic() < deadline and (taken := fold_once()):
        events += taken
        if gather and taken < FEW_EVENTS:
            time.sleep(gather)
            return events + fold_once()
    return events


def fold_once() -> int:
    """Fold one claim. A claim that fails is tried row by row,
    so a bad row never sinks its neighbours."""
    try:
        return _fold(only=None)
    except UNFOLDABLE as error:
        log.warning("fold failed, trying row by row: %s", type(error).__name__)
        return sum(_fold_alone(batch) for batch in journal.waiting_ids(rows=200))


def _fold_alone(batch: UUID) -> int:
    try:
        return _fold(only=batch)
    except UNFOLDABLE as error:
        # The server's message may quote a value, so only its kind is kept.
        reason = getattr(error.__cause__, "sqlstate", None) or "undecodable"
        log.error("journal row %s did not fold: %s %s", batch, type(error).__name__, reason)
        journal.mark_failed(batch, f"{type(error).__name__} {reason}")
        return 0


def _fold(*, only: UUID | None, events: int = EVENTS_A_FOLD) -> int:
    """Fold one claim in one transaction. Rolled back and repeated after a day without a partition
    got one, and when another fold came between."""
    while True:
        try:
            return _fold_claim(only, events)
        except fold.ForeignMet:
            continue
        except _MissingDays as missing:
            partitions.ensure_days(partitions.EVENTS, missing.days)


@transaction.atomic
def _fold_claim(only: UUID | None, events: int) -> int:
    execute(SHARE_THE_BELT)
    claimed = journal.claim(events=events, only=only)
    if not claimed:
        return 0
    fold.prepare_session()
    refused = _fold_rows(claimed)
    taken = sum(row.events for row in claimed)
    scorecards.record_changes(taken)
    record_cases(taken)
    _close(claimed, refused)
    return taken


def _fold_rows(claimed: Sequence[journal.ClaimedBatch]) -> list[fold.Refusal]:
    rows = [
        fold.JournalRow(index, row.source_id, row.received_us, row.body)
        for index, row in enumerate(claimed)
    ]
    try:
        return fold.fold_events(rows, scope=claimed[0].scope)
    except IntegrityError as error:
        if partitions.lacks_a_day(error):
            raise _MissingDays(fold.event_days(rows)) from error
        raise


def _close(claimed: Sequence[journal.ClaimedBatch], refused: Sequence[fold.Refusal]) -> None:
    known = Counter(one.batch for one in refused)
    for_people = [one for one in refused if not one.is_duplicate]
    conflicts = Counter(one.batch for one in for_people)
    journal.mark_folded(
        [
            journal.BatchResult(
                row.id,
                stored=row.events - known[index],
                duplicates=known[index] - conflicts[index],
                conflicts=conflicts[index],
            )
            for index, row in enumerate(claimed)
        ]
    )
    if for_people:
        fold.quarantine(
            [(claimed[one.batch].source_id, claimed[one.batch].id, one) for one in for_people]
        )


def sweep_due() -> int:
    """Count what became overdue while still open, on either clock; return how many."""
    return _mark_all(fold.mark_overdue)


def sweep_silent() -> int:
    """Close what was not heard of for longer than its workflow allows; return how many."""
    return _mark_all(fold.mark_expired)


def sweep_clocks() -> int:
    """Look at the cases whose clocks or scores have something to show; return how many."""
    return _look_at_cases(clocks.watch)


def follow_rules() -> int:
    """Bring open cases to rules that changed; return how many were looked at."""
    return _look_at_cases(policy.follow)


def _look_at_cases(look: Callable[..., int]) -> int:
    total = 0
    for _ in range(LOOKS_A_SWEEP):
        seen = _look_at_some(look)
        total += seen
        if seen < WATCHED_AT_ONCE:
            break
    return total


@transaction.atomic
def _look_at_some(look: Callable[..., int]) -> int:
    execute(SHARE_THE_BELT)
    return look(rows=WATCHED_AT_ONCE)


def _mark_all(mark: Callable[..., int]) -> int:
    total = 0
    while marked := _mark_some(mark):
        total += marked
        if marked < MARKED_AT_ONCE:
            break
    return total


@transaction.atomic
def _mark_some(mark: Callable[..., int]) -> int:
    execute(SHARE_THE_BELT)
    fold.prepare_session()
    marked = mark(rows=MARKED_AT_ONCE)
    if marked:
        scorecards.record_changes(marked)
        record_cases(marked)
    return marked


def rebuild() -> int:
    """Recompute transactions from their events and mend every rollup; return the events read.

    Folding waits while transactions are recomputed; rollups are mended after it goes on.
    """
    horizon = partitions.event_horizon()
    events = _refold(horizon)
    verification.verify(start=horizon, end=now() + FAR_AHEAD, heal=True)
    return events


@transaction.atomic
def _refold(horizon: datetime) -> int:
    execute(STOP_THE_BELT)
    fold.prepare_session()
    events = fold.refold(horizon=horizon)
    for mark in (fold.mark_overdue, fold.mark_expired):
        while mark(rows=MARKED_AT_ONCE):
            pass
    record_missing()
    return events


def maintain() -> None:
    """Partitions and calendars ahead, retention behind, silence, the backlog's photograph."""
    partitions.maintain()
    sweep_silent()
    scorecards.take_snapshot()
    refresh_pulse(now=now())
    keep_pace(slowest_seconds, now())
    forget_signatures()
    forget_quarantine()
    forget_searches()
    scorecards.drop_old_rollups()
    refresh_spans()
    forget_ended_sessions()
    expire_requests()
    audit.seal()
    audit.log_head()
    audit.verify_further()


class _MissingDays(Exception):
    """Events fall on days that have no partition yet."""

    def __init__(self, days: Collection[date]) -> None:
        super().__init__(len(days))
        self.days = days
