"""Ending a case by hand: resolved, to be confirmed or not, dismissed, merged; and the way back."""

from datetime import datetime, timedelta
from functools import partial
from typing import Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import TextChoices

from apps.core.db import execute
from apps.triage import counting
from apps.triage.checkpoints import echoes_until, proof_of
from apps.triage.models import Case, Dismissal, ResolvedBy, Status
from apps.triage.services.acting import Act, Ask, Kind, NotAllowed, Refused, perform
from apps.triage.transitions import ANY_OPEN, Trigger

FOR_GOOD = "accounts.dismiss_for_good"
REVIEWED_AFTER = timedelta(days=90)
# Above so much, giving up is not one person's decision.
LEAD_DISMISSES_FROM_MINOR = 1_000_000
MERGES_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('triage.merge'))"


class Resolution(TextChoices):
    """What was done about it."""

    CORRECTED = "corrected", "Corrected at the source"
    MAPPED = "mapped", "Mapping or master data mended"
    RESENT = "resent", "Sent again"
    SETTLED = "settled", "Settled with the payer"
    BY_HAND = "by_hand", "Entered by hand in the receiving system"
    DUPLICATE = "duplicate", "The same was done elsewhere"
    NOT_NEEDED = "not_needed", "Nothing had to be done"


# What telemetry will show, if it is true.
SHOWS = frozenset({Resolution.CORRECTED, Resolution.MAPPED, Resolution.RESENT, Resolution.SETTLED})


def resolve(case_id: UUID, *, resolution: Resolution, comment: str, **ask: Unpack[Ask]) -> Case:
    """Say what was done. Where telemetry can show it, the case waits for that; else it is over."""
    deed = partial(resolving, resolution=resolution, comment=comment)
    return perform(case_id, Kind.RESOLVED, deed, **ask)


def resolving(act: Act, *, resolution: Resolution, comment: str) -> None:
    act.says_why(comment)
    case = act.case
    proof = proof_of(case, act.at) if resolution in SHOWS else None
    act.move(Trigger.RESOLVE_UNPROVEN if proof else Trigger.RESOLVE)
    act.answered()
    case.resolution, case.fixed_at = resolution, act.at
    case.late_until = echoes_until(case, act.at)
    act.facts["resolution"] = resolution.value
    if proof:
        act.kind = Kind.VERIFYING
        case.verify_until = proof.until
        act.facts |= {"stage": proof.stage, "until": proof.until}
    else:
        case.resolved_by = ResolvedBy.USER


def dismiss(case_id: UUID, *, scope: Dismissal, reason: str, **ask: Unpack[Ask]) -> Case:
    """Nobody is going to work it: for now, until its cause escalates, or for good."""
    return perform(case_id, Kind.DISMISSED, partial(dismissing, scope=scope, reason=reason), **ask)


def dismissing(act: Act, *, scope: Dismissal, reason: str) -> None:
    act.says_why(reason)
    case = act.case
    if (case.amount_minor or 0) >= LEAD_DISMISSES_FROM_MINOR:
        act.needs_lead(f"It is about ${LEAD_DISMISSES_FROM_MINOR // 100:,} or more.")
    if scope == Dismissal.FOREVER and not act.by.has_perm(FOR_GOOD):
        raise NotAllowed("Your role does not dismiss cases for good.")
    act.move(Trigger.DISMISS)
    act.answered()
    case.dismissal = scope
    case.late_until = echoes_until(case, act.at)
    case.review_at = act.at + REVIEWED_AFTER if scope == Dismissal.FOREVER else None
    act.facts["scope"] = scope.value


def reopen(case_id: UUID, *, reason: str, **ask: Unpack[Ask]) -> Case:
    """It was not over after all. Its clock starts again."""
    return perform(case_id, Kind.REOPENED, partial(reopening, reason=reason), **ask)


def reopening(act: Act, *, reason: str) -> None:
    act.needs_lead("What is closed stays closed.")
    act.says_why(reason)
    if act.case.status != Status.MERGED and act.case.is_over:
        raise Refused("Telemetry shows that it is over. It opens by itself if it fails again.")
    act.move(Trigger.REOPEN)
    act.can_be_undone = False


@transaction.atomic
def merge(case_id: UUID, *, into: UUID, reason: str, **ask: Unpack[Ask]) -> Case:
    """The same trouble: what is done about the other case is done about this one."""
    execute(MERGES_TAKE_TURNS)
    # Both, before `perform` locks its own.
    counting.lock([case_id, into])
    return perform(case_id, Kind.MERGED, partial(_merge, into=into, reason=reason), **ask)


def _merge(act: Act, *, into: UUID, reason: str) -> None:
    act.says_why(reason)
    case = act.case
    other = _target(act, into)
    if Case.objects.filter(merged_into=case).exists():
        raise Refused("Other cases were merged into this one: merge that one into this instead.")
    act.move(Trigger.MERGE)
    case.merged_into = other
    act.facts["into"] = other.pk


def _target(act: Act, into: UUID) -> Case:
    """An open case of the same thing that they may work, too."""
    case = act.case
    other = Case.objects.filter(pk=into).first()
    same = other and (
        other.transaction_id == case.transaction_id
        or (case.account is not None and other.account == case.account)
    )
    if other is None or not same or other.pk == case.pk:
        raise Refused("Only another case of the same transaction or account can take it.")
    if other.facility_id != case.facility_id or not act.realm.includes(other):
        raise Refused("The other case is not yours to work.")
    if other.status not in ANY_OPEN:
        raise Refused("The other case is not open.")
    return other


def unmerge(case_id: UUID, *, reason: str, **ask: Unpack[Ask]) -> Case:
    """It was another trouble after all."""
    return perform(case_id, Kind.UNMERGED, partial(_unmerge, reason=reason), **ask)


def _unmerge(act: Act, *, reason: str) -> None:
    act.says_why(reason)
    case = act.case
    over_at: datetime | None = min(filter(None, (case.succeeded_at, case.ended_at)), default=None)
    act.move(Trigger.UNMERGE)
    act.can_be_undone = False
    if over_at:
        act.move(Trigger.TROUBLE_OVER)
        case.resolved_at = over_at
        by_success = case.succeeded_at == over_at
        case.resolved_by = ResolvedBy.SUCCESS_EVENT if by_success else ResolvedBy.ENDED
