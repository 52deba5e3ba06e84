"""Reads of telemetry for its pages and its API."""

from apps.telemetry.queries.batches import (
    BatchReport,
    BatchRow,
    Reader,
    batch_report,
    find_batch,
    latest_batches,
)
from apps.telemetry.queries.quarantine import (
    Group,
    Preview,
    Selection,
    count_quarantined,
    groups,
    overflows,
    preview,
    quarantined,
    selected,
    sources_of,
    waiting_for_alias,
)
from apps.telemetry.queries.sources import (
    SourceReport,
    day_of,
    keys_of,
    keys_within,
    source_reports,
    sources_within,
)

__all__ = [
    "BatchReport",
    "BatchRow",
    "Group",
    "Preview",
    "Reader",
    "Selection",
    "SourceReport",
    "batch_report",
    "count_quarantined",
    "day_of",
    "find_batch",
    "groups",
    "keys_of",
    "keys_within",
    "latest_batches",
    "overflows",
    "preview",
    "quarantined",
    "selected",
    "source_reports",
    "sources_of",
    "sources_within",
    "waiting_for_alias",
]
