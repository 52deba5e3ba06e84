"""Tables of telemetry's pages as they are exported."""

from collections.abc import Sequence

from django.db.models import QuerySet

from apps.core.exports import Column, Table
from apps.telemetry.models import Quarantine
from apps.telemetry.queries import SourceReport

# Rows read at once from the cursor on the server.
CHUNK = 1_000


def quarantined(found: QuerySet[Quarantine]) -> Table[Quarantine]:
    """Refused events: why, where, whose. What they said stays in the quarantine."""
    columns = [
        Column[Quarantine]("Received", lambda one: one.received_at),
        Column("Reason", lambda one: one.code_label),
        Column("Code", lambda one: one.code),
        Column("What", lambda one: one.message),
        Column("Where in the event", lambda one: one.pointer),
        Column("Source", lambda one: one.source.code),
        Column("Facility", lambda one: one.facility.name if one.facility else None),
        Column("State", lambda one: one.get_state_display()),
        Column("Seen", lambda one: one.seen),
        Column("Last seen", lambda one: one.last_seen_at),
        Column("Number", lambda one: one.pk),
    ]
    # Only what is exported: what an event said, as far as it is kept, would be most of the work.
    light = found.defer("view")
    return Table(
        "quarantine",
        "Refused events",
        columns,
        lambda most: light[:most].iterator(chunk_size=CHUNK),
    )


def sources(found: Sequence[SourceReport]) -> Table[SourceReport]:
    """Who sends, with how many keys, how well their clocks go."""
    columns = [
        Column[SourceReport]("Source", lambda one: one.name),
        Column("Code", lambda one: one.code),
        Column("Active", lambda one: "yes" if one.active else "no"),
        Column("Live keys", lambda one: one.live_keys),
        Column("Last used", lambda one: one.last_used_at),
        Column("Fastest delivery, ms", lambda one: one.fastest_ms),
        Column("In quarantine", lambda one: one.quarantined),
    ]
    return Table("sources", "Sources", columns, lambda most: found[:most])
