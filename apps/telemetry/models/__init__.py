"""What sources sent and what it folded into.

The tables are created by `sql/tables.sql` (partitions, generated columns); these models read them.
"""

from apps.telemetry.models.facts import AmountKind, BusinessKey, Event, Outcome, Signal, Transaction
from apps.telemetry.models.quarantine import Quarantine, QuarantineDay, QuarantineOperation
from apps.telemetry.models.search import Search
from apps.telemetry.models.sources import IngestBatch, Source, SourceKey, SourceQuarter

__all__ = [
    "AmountKind",
    "BusinessKey",
    "Event",
    "IngestBatch",
    "Outcome",
    "Quarantine",
    "QuarantineDay",
    "QuarantineOperation",
    "Search",
    "Signal",
    "Source",
    "SourceKey",
    "SourceQuarter",
    "Transaction",
]
