"""How far each source's clock is off, measured on the events it sends.

Nothing arrives before it happened, so the fastest delivery of an hour bounds the sender's clock: a
negative one shows by how much it runs ahead, and one that is never near zero a slow clock or path.
"""

from apps.core.db import execute

NOTE_CLOCK = """
INSERT INTO telemetry_sourceclock (source_id, hour, fastest_ms)
VALUES (%(source_id)s, date_trunc('hour', now(), 'UTC'), %(fastest_ms)s)
    ON CONFLICT ON CONSTRAINT source_clock_once DO UPDATE
   SET fastest_ms = EXCLUDED.fastest_ms
 WHERE telemetry_sourceclock.fastest_ms > EXCLUDED.fastest_ms
"""


def note_clock(*, source_id: int, fastest_ms: int) -> None:
    """Keep a delivery time if it is the fastest of this hour."""
    execute(NOTE_CLOCK, {"source_id": source_id, "fastest_ms": fastest_ms})
