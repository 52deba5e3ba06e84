"""The targets in force: which share of a cell must be in time, and how long that is.

Kept by each process for a minute of one version of the catalogue: they change only with it, or by
starting and ending at their own times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.catalog.snapshot import snapshot
from apps.core.db import fetch_all
from apps.core.kept import Kept
from apps.scorecards.windows import MINUTE, floor

# The integration clock's; the business clock has its own target. A time of day is at most a day
# away, and its seconds are not a length.
TARGETS = """
SELECT workflow_id, facility_id, objective::float8 AS objective,
       CASE measure WHEN 3 THEN 86400 ELSE threshold_seconds END AS seconds
  FROM catalog_target_rule
 WHERE clock = 1 AND effective_from <= %(at)s AND (effective_to IS NULL OR effective_to > %(at)s)
"""

Objectives = Mapping[tuple[int, int], float]


@dataclass(frozen=True, slots=True)
class Target:
    """The share that must be in time, of one workflow at one facility, and the time there is."""

    workflow_id: int
    facility_id: int
    objective: float
    seconds: int

    @property
    def length(self) -> timedelta:
        return timedelta(seconds=self.seconds)


Targets = Mapping[tuple[int, int], Target]


_targets: Kept[Targets] = Kept(1)


def targets_at(moment: datetime) -> Targets:
    """Targets by (workflow, facility), as of that minute."""
    return _targets.answer((snapshot().version, floor(moment, MINUTE)), lambda: _read(moment))


def _read(moment: datetime) -> Targets:
    found = fetch_all(TARGETS, {"at": moment}, row=Target)
    return {(one.workflow_id, one.facility_id): one for one in found}


def objectives_at(moment: datetime) -> Objectives:
    """Objectives by (workflow, facility), as of that minute."""
    return {key: target.objective for key, target in targets_at(moment).items()}
