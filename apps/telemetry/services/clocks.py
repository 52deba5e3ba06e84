"""How far each source's clock is off, measured on the events it sends.

Nothing arrives before it happened, so the fastest delivery of an hour bounds the sender's clock: a
negative one shows by how much it runs ahead, and one that is never near zero a slow clock or path.
"""

from dataclasses import dataclass
from datetime import datetime

from apps.core.db import execute, fetch_all

NOTE_CLOCK = """
INSERT INTO telemetry_sourceclock (source_id, hour, fastest_ms)
VALUES (%(source_id)s, date_trunc('hour', now(), 'UTC'), %(fastest_ms)s)
    ON CONFLICT ON CONSTRAINT source_clock_once DO UPDATE
   SET fastest_ms = EXCLUDED.fastest_ms
 WHERE telemetry_sourceclock.fastest_ms > EXCLUDED.fastest_ms
"""

# This hour and the one before, so that the answer does not jump at the full hour.
FASTEST = """
SELECT source_id, min(fastest_ms) AS fastest_ms, max(hour) AS hour
  FROM telemetry_sourceclock
 WHERE hour >= date_trunc('hour', now(), 'UTC') - interval '1 hour'
 GROUP BY source_id
"""


def note_clock(*, source_id: int, fastest_ms: int) -> None:
    """Keep a delivery time if it is the fastest of this hour."""
    execute(NOTE_CLOCK, {"source_id": source_id, "fastest_ms": fastest_ms})
