"""Changing a promise: the old version keeps its dates, a new one begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.catalog.models import Clock, Facility, SlaTarget
from apps.catalog.services.refusals import constraint_of
from apps.core.db import fetch_value

# The next full minute but one. A change in the very second of the commit would split events that
# are being folded meanwhile; this one is still ahead when it becomes visible.
SOON = "SELECT date_trunc('minute', now()) + interval '2 minutes'"
HISTORY = {"slatarget_history_kept", "slatarget_past_kept"}


class ChangeRewritesHistory(Exception):
    """The new version would begin in the past."""


class ChangeOverlaps(Exception):
    """Somebody else changed the same target at the same time."""


@dataclass(frozen=True)
class TargetChange:
    """What is promised from now on, where, and why."""

    clock: Clock
    threshold_seconds: int
    objective: Decimal
    why: str
    facility: Facility | None = None
    effective_from: datetime | None = None  # None: two minutes from now, on the minute


def change_target(change: TargetChange, *, by: Any = None) -> SlaTarget:
    """Open a new version of a target and close the one in force; versions planned for later go.

    Races are decided by the constraint slatarget_no_overlap, the past by the trigger.
    """
    with refusals(), transaction.atomic():
        moment = change.effective_from or fetch_value(SOON)
        versions = SlaTarget.objects.filter(clock=change.clock, facility=change.facility)
        versions.filter(effective_from__gte=moment).delete()
        in_force = Q(effective_to__isnull=True) | Q(effective_to__gt=moment)
        versions.filter(in_force, effective_from__lt=moment).update(effective_to=moment)
        return SlaTarget.objects.create(
            clock=change.clock,
            facility=change.facility,
            threshold_seconds=change.threshold_seconds,
            objective=change.objective,
            effective_from=moment,
            why=change.why,
            created_by=by,
        )


@contextmanager
def refusals() -> Iterator[None]:
    """The database's named refusals as exceptions of this service."""
    try:
        yield
    except IntegrityError as error:
        if constraint_of(error) in HISTORY:
            raise ChangeRewritesHistory(str(error)) from error
        if constraint_of(error) == "slatarget_no_overlap":
            raise ChangeOverlaps(str(error)) from error
        raise
