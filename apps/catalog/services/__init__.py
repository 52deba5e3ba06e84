"""Writes of the catalogue."""

from apps.catalog.services.seeding import SeedReport, seed
from apps.catalog.services.spans import refresh_spans
from apps.catalog.services.targets import (
    ChangeOverlaps,
    ChangeRewritesHistory,
    TargetChange,
    change_target,
)

__all__ = [
    "ChangeOverlaps",
    "ChangeRewritesHistory",
    "SeedReport",
    "TargetChange",
    "change_target",
    "refresh_spans",
    "seed",
]
