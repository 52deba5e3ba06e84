"""The state of the product itself: what waits, what was given up, who works, what is kept.

Every figure comes from an index or from PostgreSQL's own accounts, so looking costs nothing at any
size; row counts are the planner's estimates.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from apps.core.db import fetch_all, fetch_one

FAILED_SHOWN = 20

# The oldest first: what was received first holds up its sender's figures the longest.
FAILED = """
SELECT b.id, s.name AS source, b.received_at, b.events, COALESCE(b.error, '') AS error
  FROM telemetry_ingestbatch AS b JOIN telemetry_source AS s ON s.id = b.source_id
 WHERE b.state = 2 ORDER BY b.id LIMIT %(most)s
"""

# The counts stop where the exact number no longer helps. A backlog without anything open leaves no
# photograph.
WORK = """
SELECT (SELECT count(*) FROM telemetry_ingestbatch WHERE state = 2) AS failed,
       (SELECT count(*) FROM (SELECT FROM scorecards_rollupdelta LIMIT 10000) AS waiting)
           AS deltas,
       (SELECT count(*) FROM (SELECT FROM scorecards_quarterdelta LIMIT 10000) AS waiting)
           AS quarters,
       (SELECT minutes_at FROM scorecards_revision) AS minutes_at,
       (SELECT blocks_at FROM scorecards_revision) AS blocks_at,
       (SELECT EXISTS (SELECT FROM scorecards_backlog WHERE open > 0)) AS is_anything_open,
       (SELECT max(taken_at) FROM scorecards_backlogsnapshot) AS photographed_at
"""

# Sessions carry the name of their process (config/settings.py); who asks is the web, whatever it
# is called.
SESSIONS = """
SELECT CASE WHEN pid = pg_backend_pid() THEN 'web' ELSE substr(application_name, 13) END AS process,
       count(*) AS sessions,
       COALESCE(max(date_part('epoch', now() - xact_start)) FILTER (WHERE state <> 'idle'), 0)
           AS longest_seconds
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND (application_name LIKE 'throughline %%' OR pid = pg_backend_pid())
 GROUP BY 1
"""

SERVER = """
SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
       pg_database_size(current_database()) AS bytes,
       (SELECT sum(numbackends) FROM pg_stat_database)::integer AS sessions,
       current_setting('max_connections')::integer AS most_sessions,
       current_setting('application_name') LIKE 'throughline %%' AS tells_processes
"""

# The largest tables of ours with their indexes and what lies beside them, partitions added up under
# their table. From the catalogue alone, as of the last vacuum: asking for the exact size would wait
# for whoever holds a table.
STORED = """
WITH ours AS (
    SELECT c.oid, c.relname, c.reltuples, c.relpages, c.reltoastrelid,
           parent.relname AS parted, substring(c.relname FROM '_p([0-9]{8})$') AS day
      FROM pg_class AS c
      LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
      LEFT JOIN pg_class AS parent ON parent.oid = i.inhparent
     WHERE c.relkind = 'r' AND c.relname ~ '^(telemetry|scorecards)_'
       AND c.relnamespace = (
           SELECT relnamespace FROM pg_class WHERE oid = 'telemetry_event'::regclass)
), pages AS (
    SELECT oid, relpages FROM ours
     UNION ALL
    SELECT ours.oid, beside.relpages FROM ours JOIN pg_class AS beside
        ON beside.oid = ours.reltoastrelid
     UNION ALL
    SELECT ours.oid, entries.relpages
      FROM ours JOIN pg_index ON indrelid = ours.oid JOIN pg_class AS entries
        ON entries.oid = indexrelid
), sized AS (
    SELECT oid, sum(relpages) * current_setting('block_size')::bigint AS bytes
      FROM pages GROUP BY 1
)
SELECT COALESCE(parted, relname) AS name, count(parted) AS days,
       sum(GREATEST(reltuples, 0))::bigint AS about_rows, sum(bytes)::bigint AS bytes,
       min(day) AS first, max(day) AS last
  FROM ours JOIN sized USING (oid)
 GROUP BY 1 ORDER BY bytes DESC, name LIMIT %(most)s
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
    quarters: int
    minutes_at: datetime | None
    blocks_at: datetime | None
    is_anything_open: bool
    photographed_at: datetime | None

    def late(self, now: datetime) -> timedelta:
        """For how long the step that is furthest behind has left something waiting.

        A time ahead of us is of a clock that was put back; how late that is, nobody knows.
        """
        ages = [
            abs(now - moment)
            for waits, moment in ((self.deltas, self.minutes_at), (self.quarters, self.blocks_at))
            if waits and moment
        ]
        return max(ages, default=timedelta())


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
    bytes: int
    sessions: int
    most_sessions: int
    tells_processes: bool


@dataclass(frozen=True)
class Stored:
    """One table: estimated rows and bytes with indexes, and the days it is parted into."""

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
