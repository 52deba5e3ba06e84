"""What each source sent, counted once a quarter-hour is over: pages need not read the journal."""

from apps.core.db import execute

# A batch may be committed a while after its id was made, so the last two quarter-hours are counted
# again; counting is idempotent. The primary key of the journal is its time.
TALLY = """
WITH span AS (
    SELECT GREATEST(COALESCE((SELECT max(quarter) FROM telemetry_sourcequarter)
                             - interval '15 minutes', '-infinity'),
                    date_bin('15 minutes', now(), 'epoch') - interval '8 days') AS low,
           date_bin('15 minutes', now() - interval '1 minute', 'epoch') AS high
), bound AS (
    SELECT (lpad(to_hex((extract(epoch FROM low) * 1000)::bigint), 12, '0')
            || repeat('0', 20))::uuid AS low,
           (lpad(to_hex((extract(epoch FROM high) * 1000)::bigint), 12, '0')
            || repeat('0', 20))::uuid AS high
      FROM span
)
INSERT INTO telemetry_sourcequarter (quarter, source_id, batches, events, rejected, last_at)
SELECT date_bin('15 minutes', uuid_extract_timestamp(b.id), 'epoch'), b.source_id, count(*),
       sum(b.events + b.tests), sum(b.rejected), max(b.received_at)
  FROM telemetry_ingestbatch b, bound
 WHERE b.id >= bound.low AND b.id < bound.high
 GROUP BY 1, 2
    ON CONFLICT ON CONSTRAINT source_quarter_once DO UPDATE
   SET batches = excluded.batches, events = excluded.events, rejected = excluded.rejected,
       last_at = excluded.last_at
"""
FORGET = "DELETE FROM telemetry_sourcequarter WHERE quarter < now() - interval '9 days'"


def tally_sources() -> int:
    """Count the quarter-hours that are over; how many rows."""
    execute(FORGET)
    return execute(TALLY)
