"""What the quarantine forgets: what was closed long ago, and what is too old to be sent on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings

from apps.core.db import execute

AT_ONCE = 5_000

# A UUIDv7 begins with its time, so the oldest rows are the first of their index.
FORGET_OPEN = """
DELETE FROM telemetry_quarantine WHERE id IN (
    SELECT id FROM telemetry_quarantine WHERE state = 'open' AND id < %(first_kept)s
     ORDER BY id LIMIT %(limit)s)
"""
FORGET_CLOSED = """
DELETE FROM telemetry_quarantine WHERE id IN (
    SELECT id FROM telemetry_quarantine WHERE state <> 'open' AND resolved_at < %(before)s
     ORDER BY resolved_at LIMIT %(limit)s)
"""
FORGET_DAYS = "DELETE FROM telemetry_quarantineday WHERE day < %(before)s"


def forget_quarantine() -> int:
    """Drop refused events past their retention, some at a time; how many."""
    now = datetime.now(UTC)
    closed = now - timedelta(days=settings.THROUGHLINE_QUARANTINE_RETENTION_DAYS)
    opened = now - timedelta(days=settings.THROUGHLINE_EVENT_RETENTION_DAYS)
    first_kept = UUID(int=int(opened.timestamp() * 1000) << 80)
    execute(FORGET_DAYS, {"before": closed.date()})
    forgotten = 0
    while some := execute(FORGET_CLOSED, {"before": closed, "limit": AT_ONCE}):
        forgotten += some
    while some := execute(FORGET_OPEN, {"first_kept": first_kept, "limit": AT_ONCE}):
        forgotten += some
    return forgotten
