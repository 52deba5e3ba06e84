"""The limit of storing: COPY into one plain table with the columns and indexes of the events.

Rows are encoded before the clock starts and committed 20,000 at a time over one connection. It
knows no duplicate, no transaction and no rollup: nothing that keeps events in PostgreSQL, once and
searchable, can be expected to be faster.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection

from apps.core.db import copy_rows, execute
from apps.telemetry.canonical import CanonicalEvent
from bench.paired import seconds

ROWS_A_COMMIT = 20_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TABLE = """
DROP TABLE IF EXISTS bench_event;
CREATE TABLE bench_event (LIKE telemetry_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
CREATE INDEX bench_event_timeline ON bench_event (transaction_id, occurred_at);
CREATE UNIQUE INDEX bench_event_once ON bench_event (event_key)
"""
EMPTY = "TRUNCATE bench_event"
COPY = """
COPY bench_event (
    event_key, transaction_id, occurred_at, received_at, source_id, workflow_id, facility_id,
    interface_id, stage_id, rank, outcome, attempt, amount_kind, backfill, amount_minor,
    service_date, event_id, ce_source, correlation_id, payer, error_standard, error_code,
    error_location, contract_version) FROM STDIN
"""


def make_table() -> None:
    """The table to copy into, empty."""
    with connection.cursor() as cursor:
        cursor.execute(TABLE)


def empty_table() -> None:
    """Start over: an index that has grown is slower to write."""
    execute(EMPTY)


def commits(events: Sequence[CanonicalEvent]) -> list[bytes]:
    """These events as COPY text, a commit's worth each."""
    return [
        "".join(map(_line, events[start : start + ROWS_A_COMMIT])).encode()
        for start in range(0, len(events), ROWS_A_COMMIT)
    ]


def copy_rate(events: int, texts: Iterable[bytes]) -> float:
    """Rows a second of copying these texts, each committed."""
    return events / seconds(lambda: [copy_rows(COPY, [text]) for text in texts])


def _line(event: CanonicalEvent) -> str:
    error = (event.error or (None, None, None))[:3]
    at = EPOCH + timedelta(microseconds=event.occurred_at)
    fields = [
        event.event_key, event.transaction_id, at, at, 1, event.workflow_id, event.facility_id,
        event.interface_id, event.stage_id, event.rank, event.outcome, event.attempt,
        event.amount_kind, event.backfill, event.amount_minor, event.service_date, event.event_id,
        event.ce_source, event.correlation_id, event.payer, *error, event.contract_version,
    ]  # fmt: skip
    return "\t".join("\\N" if field is None else str(field) for field in fields) + "\n"
