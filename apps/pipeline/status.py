"""The state of the product itself: what waits, what was given up, who works, what is kept.

Every figure comes from an index or from PostgreSQL's own accounts, so looking costs nothing at any
size; row counts are the planner's estimates.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from apps.core.db import fetch_all, fetch_one

FAILED_SHOWN = 20

# The oldest first: what was received first holds up its sender's figures the longest.
FAILED = """
SELECT b.id, s.name AS source, b.received_at, b.events, COALESCE(b.error, '') AS error
  FROM telemetry_ingestbatch AS b JOIN telemetry_source AS s ON s.id = b.source_id
 WHERE b.state = 2 ORDER BY b.id LIMIT %(most)s
"""

WORK = """
SELECT (SELECT count(*) FROM telemetry_ingestbatch WHERE state = 2) AS failed,
       (SELECT count(*) FROM scorecards_rollupdelta)
           + (SELECT count(*) FROM scorecards_quarterdelta) AS deltas,
       (SELECT GREATEST(minutes_at, blocks_at) FROM scorecards_revision) AS compacted_at,
       (SELECT max(taken_at) FROM scorecards_backlogsnapshot) AS photographed_at
"""

# Sessions carry the name of their process (config/settings.py). Not those that merely look.
SESSIONS = """
SELECT substr(application_name, 13) AS process, count(*) AS sessions,
       COALESCE(max(date_part('epoch', now() - xact_start)) FILTER (WHERE state <> 'idle'), 0)
           AS longest_seconds
  FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'throughline %%'
 GROUP BY 1
"""

SERVER = """
SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
       pg_postmaster_start_time() AS started_at,
       pg_database_size(current_database()) AS bytes,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS sessions,
       current_setting('max_connections')::integer AS most_sessions
"""

# The largest tables of ours, partitions added up under the name of their table.
STORED = """
SELECT COALESCE(parent.relname, c.relname) AS name, count(i.inhrelid) AS days,
       sum(GREATEST(c.reltuples, 0))::bigint AS about_rows,
       sum(pg_total_relation_size(c.oid))::bigint AS bytes,
       min(right(c.relname, 8)) FILTER (WHERE i.inhrelid IS NOT NULL) AS first,
       max(right(c.relname, 8)) FILTER (WHERE i.inhrelid IS NOT NULL) AS last
  FROM pg_class AS c
  LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
  LEFT JOIN pg_class AS parent ON parent.oid = i.inhparent
 WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
   AND c.relname ~ '^(telemetry|scorecards)_'
 GROUP BY 1 ORDER BY bytes DESC LIMIT %(most)s
"""


@dataclass(frozen=True)
class FailedBatch:
    """A journal row that was given up after its attempts; nothing of it is counted."""

    id: object
    source: str
    received_at: datetime
    events: int
    error: str


@dataclass(frozen=True)
class Work:
    """What waits behind the journal, and when the periodic work was last done."""

    failed: int
    deltas: int
    compacted_at: datetime | None
    photographed_at: datetime | None


@dataclass(frozen=True)
class Sessions:
    """The database sessions of one kind of process, and its longest open transaction."""

    process: str
    sessions: int
    longest_seconds: float


@dataclass(frozen=True)
class Server:
    """PostgreSQL as it says of itself."""

    version: str
    started_at: datetime
    bytes: int
    sessions: int
    most_sessions: int


@dataclass(frozen=True)
class Stored:
    """One table: estimated rows, bytes with indexes, and the days it is parted into."""

    name: str
    days: int
    about_rows: int
    bytes: int
    first: str | None
    last: str | None

    @property
    def first_day(self) -> date | None:
        return _day(self.first)

    @property
    def last_day(self) -> date | None:
        return _day(self.last)


def failed_batches() -> list[FailedBatch]:
    """The oldest batches that were given up."""
    return fetch_all(FAILED, {"most": FAILED_SHOWN}, row=FailedBatch)


def work() -> Work:
    """What waits and what was done, besides the journal (`telemetry.journal.waiting`)."""
    return fetch_one(WORK, {}, row=Work)


def sessions() -> dict[str, Sessions]:
    """Sessions by process: web, worker, sweep and whatever else is connected."""
    return {one.process: one for one in fetch_all(SESSIONS, {}, row=Sessions)}


def server() -> Server:
    """The database server."""
    return fetch_one(SERVER, {}, row=Server)


def stored(most: int = 8) -> list[Stored]:
    """The largest tables, largest first."""
    return fetch_all(STORED, {"most": most}, row=Stored)


def _day(text: str | None) -> date | None:
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date() if text else None
