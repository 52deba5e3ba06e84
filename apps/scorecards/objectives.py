"""The objectives in force: which share of a cell must be in time.

Kept by each process for a minute of one version of the catalogue: they change only with it, or by
starting and ending at their own times.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from apps.catalog.snapshot import snapshot
from apps.core.db import fetch_all
from apps.scorecards.windows import MINUTE, floor

# The integration clock's; the business clock has its own target.
OBJECTIVES = """
SELECT workflow_id, facility_id, objective::float8 AS objective
  FROM catalog_target_rule
 WHERE clock = 1 AND effective_from <= %(at)s AND (effective_to IS NULL OR effective_to > %(at)s)
"""

# Every promise there ever was, for what happened under it.
TARGETS = """
SELECT workflow_id, facility_id, clock, measure, threshold_seconds, objective, effective_from,
       effective_to
  FROM catalog_target_rule
 ORDER BY workflow_id, facility_id, clock, effective_from
"""

Objectives = Mapping[tuple[int, int], float]
INTEGRATION, BUSINESS = 1, 2


@dataclass(frozen=True, slots=True)
class Objective:
    """The share that must be in time, of one workflow at one facility."""

    workflow_id: int
    facility_id: int
    objective: float


@dataclass(frozen=True, slots=True)
class Target:
    """What was promised of one workflow at one facility on one clock, for a time."""

    workflow_id: int
    facility_id: int
    clock: int
    measure: int
    threshold_seconds: int
    objective: Decimal
    effective_from: datetime
    effective_to: datetime | None

    def is_in_force(self, moment: datetime) -> bool:
        """Whether it was promised at that moment."""
        return self.effective_from <= moment and (
            self.effective_to is None or moment < self.effective_to
        )


Targets = Mapping[tuple[int, int, int], Sequence[Target]]


@dataclass
class _Kept:
    """This process's copy and what it belongs to."""

    key: tuple[int, datetime] | None = None
    objectives: Objectives | None = None
    targets: Targets = field(default_factory=dict)
    targets_of: int | None = None


_kept = _Kept()


def objectives_at(moment: datetime) -> Objectives:
    """Objectives by (workflow, facility), as of that minute."""
    key = (snapshot().version, floor(moment, MINUTE))
    if _kept.objectives is None or _kept.key != key:
        found = fetch_all(OBJECTIVES, {"at": moment}, row=Objective)
        _kept.objectives = {(one.workflow_id, one.facility_id): one.objective for one in found}
        _kept.key = key
    return _kept.objectives


def targets() -> Targets:
    """Every target by (workflow, facility, clock), in order of time."""
    version = snapshot().version
    if _kept.targets_of != version:
        found = defaultdict(list)
        for one in fetch_all(TARGETS, {}, row=Target):
            found[one.workflow_id, one.facility_id, one.clock].append(one)
        _kept.targets, _kept.targets_of = found, version
    return _kept.targets
