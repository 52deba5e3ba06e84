"""The objectives in force: which share of a cell must be in time.

Kept by each process for a minute of one version of the catalogue: they change only with it, or by
starting and ending at their own times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from apps.catalog.snapshot import snapshot
from apps.core.db import fetch_all
from apps.scorecards.windows import MINUTE, floor

# The integration clock's; the business clock has its own target.
OBJECTIVES = """
SELECT workflow_id, facility_id, objective::float8 AS objective
  FROM catalog_target_rule
 WHERE clock = 1 AND effective_from <= %(at)s AND (effective_to IS NULL OR effective_to > %(at)s)
"""

Objectives = Mapping[tuple[int, int], float]


@dataclass(frozen=True, slots=True)
class Objective:
    """The share that must be in time, of one workflow at one facility."""

    workflow_id: int
    facility_id: int
    objective: float


@dataclass
class _Kept:
    """This process's copy and what it belongs to."""

    key: tuple[int, datetime] | None = None
    objectives: Objectives | None = None


_kept = _Kept()


def objectives_at(moment: datetime) -> Objectives:
    """Objectives by (workflow, facility), as of that minute."""
    key = (snapshot().version, floor(moment, MINUTE))
    if _kept.objectives is None or _kept.key != key:
        found = fetch_all(OBJECTIVES, {"at": moment}, row=Objective)
        _kept.objectives = {(one.workflow_id, one.facility_id): one.objective for one in found}
        _kept.key = key
    return _kept.objectives
