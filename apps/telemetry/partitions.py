"""Day partitions of the journal and the events: made ahead, made on demand, dropped by retention.

A partition is created beside its parent and then attached: that takes a lock which lets inserts
    go on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from psycopg import sql
from psycopg.errors import CheckViolation

from apps.core.db import execute, fetch_all, fetch_value

EVENTS = "telemetry_event"
JOURNAL = "telemetry_ingestbatch"
DAYS_AHEAD = 7
JOURNAL_DAYS = 8

CHILDREN = """
SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = %(parent)s::regclass ORDER BY 1
"""
# Two workers may find the same day missing; the second waits here and then sees it.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('telemetry.partitions'))"
UNFOLDED = """
SELECT EXISTS (
    SELECT FROM telemetry_ingestbatch WHERE state <> 1 AND id >= %(low)s AND id < %(high)s)
"""
FORGET_KEYS = "DELETE FROM telemetry_eventkey WHERE seen_on < %(before)s"


@dataclass(frozen=True)
class Child:
    """One partition, named <parent>_pYYYYMMDD."""

    name: str

    @property
    def day(self) -> date:
        """The UTC day it holds."""
        return datetime.strptime(self.name[-8:], "%Y%m%d").replace(tzinfo=UTC).date()


def existing_days(parent: str) -> set[date]:
    """The days that have a partition."""
    return {child.day for child in fetch_all(CHILDREN, {"parent": parent}, row=Child)}


def lacks_a_day(error: IntegrityError) -> bool:
    """Whether an event could not be stored because its day has no partition yet."""
    cause = error.__cause__
    return (
        isinstance(cause, CheckViolation)
        and cause.diag.table_name == EVENTS
        and cause.diag.constraint_name is None
    )


def event_horizon() -> datetime:
    """The first instant of the oldest day whose events are kept."""
    day = min(existing_days(EVENTS), default=datetime.now(UTC).date())
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def ensure_days(parent: str, days: Iterable[date]) -> None:
    """Create the partitions that are missing, in a transaction of its own."""
    missing = set(days) - existing_days(parent)
    if not missing:
        return
    with transaction.atomic():
        fetch_value(ONE_AT_A_TIME)
        for day in sorted(missing - existing_days(parent)):
            _create(parent, day)


def maintain() -> None:
    """Keep a week of partitions ahead and drop what is past retention."""
    today = datetime.now(UTC).date()
    ahead = [today + timedelta(days=n) for n in range(-1, DAYS_AHEAD + 1)]
    ensure_days(EVENTS, ahead)
    ensure_days(JOURNAL, ahead)
    drop_expired(today)


def drop_expired(today: date) -> None:
    """Drop event days past retention, and journal days past a week unless a row still waits."""
    horizon = today - timedelta(days=settings.THROUGHLINE_EVENT_RETENTION_DAYS)
    for day in existing_days(EVENTS):
        if day < horizon:
            _drop(EVENTS, day)
    for day in existing_days(JOURNAL):
        low, high = journal_bounds(day)
        if day < today - timedelta(days=JOURNAL_DAYS) and not fetch_value(
            UNFOLDED, {"low": low, "high": high}
        ):
            _drop(JOURNAL, day)
    # Keys outlive their events by the journal's days: nothing older is accepted again.
    execute(FORGET_KEYS, {"before": horizon - timedelta(days=JOURNAL_DAYS)})


def journal_bounds(day: date) -> tuple[UUID, UUID]:
    """The first UUIDv7 of a UTC day and of the next: the first 48 bits are milliseconds."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    low, high = (int((start + timedelta(days=n)).timestamp() * 1000) for n in (0, 1))
    return UUID(int=low << 80), UUID(int=high << 80)


def _create(parent: str, day: date) -> None:
    low, high = journal_bounds(day) if parent == JOURNAL else (day, day + timedelta(days=1))
    child = sql.Identifier(_name(parent, day))
    bounds = [sql.Literal(str(low)), sql.Literal(str(high))]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(child, sql.Identifier(parent))
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(parent), child, *bounds
            )
        )


def _drop(parent: str, day: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(_name(parent, day))))


def _name(parent: str, day: date) -> str:
    return f"{parent}_p{day:%Y%m%d}"
