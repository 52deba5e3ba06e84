"""Every promise there ever was, for what happened under it.

Kept by each process for one version of the catalogue: whole, because a page about three months asks
what was promised at each time of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.catalog.snapshot import snapshot
from apps.core.db import fetch_all
from apps.core.kept import Kept

PROMISES = """
SELECT workflow_id, facility_id, clock, measure, threshold_seconds, objective, effective_from,
       effective_to
  FROM catalog_target_rule
 ORDER BY workflow_id, facility_id, clock, effective_from
"""
INTEGRATION, BUSINESS = 1, 2


@dataclass(frozen=True, slots=True)
class Promise:
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


Promises = Mapping[tuple[int, int, int], Sequence[Promise]]


_promises: Kept[Promises] = Kept(1)


def promises() -> Promises:
    """Every promise by (workflow, facility, clock), in order of time."""
    return _promises.answer(snapshot().version, _read)


def _read() -> Promises:
    found = defaultdict(list)
    for one in fetch_all(PROMISES, {}, row=Promise):
        found[one.workflow_id, one.facility_id, one.clock].append(one)
    return found
