"""The catalogue as one sender sees it: its names for places, and the places it may speak for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from msgspec.structs import replace

from apps.catalog.snapshot import Snapshot, snapshot
from apps.telemetry.resolve import Directory, Stage

_DAY = 86_400


def directory(
    *, source_id: int, system_id: int | None, facility_ids: Sequence[int] | None
) -> Directory:
    """What a sender may name right now. A facility stands for all below it; None for every one."""
    scope = None if facility_ids is None else tuple(facility_ids)
    names = _kept_names(snapshot(), system_id, scope)
    now = time.time()
    return replace(
        names,
        source_id=source_id,
        earliest=round((now - settings.THROUGHLINE_EVENT_RETENTION_DAYS * _DAY) * 1e6),
        latest=round((now + settings.THROUGHLINE_MAX_FUTURE_SECONDS) * 1e6),
    )


@dataclass
class _Kept:
    """Directories of one state of the catalogue, by system and scope."""

    catalogue: Snapshot | None = None
    directories: dict[tuple[int | None, tuple[int, ...] | None], Directory] = field(
        default_factory=dict
    )


_kept = _Kept()


def _kept_names(
    catalogue: Snapshot, system_id: int | None, scope: tuple[int, ...] | None
) -> Directory:
    """Built once for each system and scope, and again when the catalogue changes."""
    global _kept
    kept = _kept
    if kept.catalogue is not catalogue:
        kept = _kept = _Kept(catalogue)
    if (system_id, scope) not in kept.directories:
        kept.directories[system_id, scope] = _directory(catalogue, system_id, scope)
    return kept.directories[system_id, scope]


def _directory(
    catalogue: Snapshot, system_id: int | None, facility_ids: tuple[int, ...] | None
) -> Directory:
    workflows = {flow.code: flow.id for flow in catalogue.workflows.values()}
    return Directory(
        source_id=0,
        stages={
            (catalogue.workflows_by_id[stage.workflow_id].code, stage.code): Stage(
                stage.workflow_id, stage.id, stage.rank
            )
            for stage in catalogue.stages.values()
        },
        workflows=workflows,
        facilities=catalogue.facility_names(system_id),
        interfaces={one.code: one.id for one in catalogue.interfaces.values()},
        systems={one.code: one.id for one in catalogue.systems.values()},
        allowed=_subtrees(catalogue, facility_ids),
        version=catalogue.version,
        earliest=0,
        latest=0,
        currency=settings.THROUGHLINE_CURRENCY,
    )


def _subtrees(catalogue: Snapshot, facility_ids: tuple[int, ...] | None) -> frozenset[int] | None:
    if facility_ids is None:
        return None
    nothing: frozenset[int] = frozenset()
    return nothing.union(*(catalogue.subtrees.get(root, nothing) for root in facility_ids))
