"""Reads of sources and their keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from apps.core.db import fetch_all
from apps.telemetry.models import Source, SourceKey

# The clock is the fastest delivery of this hour and the one before, so that it does not jump at
# the full hour.
SOURCES = """
WITH clock AS (
    SELECT source_id, min(fastest_ms) AS fastest_ms FROM telemetry_sourceclock
     WHERE hour >= date_trunc('hour', now(), 'UTC') - interval '1 hour'
     GROUP BY source_id
), key AS (
    SELECT source_id, max(last_used_at) AS last_used_at,
           count(*) FILTER (WHERE revoked_at IS NULL
                              AND (expires_at IS NULL OR expires_at > now())) AS live_keys
      FROM telemetry_sourcekey GROUP BY source_id
), refused AS (
    SELECT source_id, count(*) AS quarantined FROM telemetry_quarantine
     WHERE state = 'open' AND (%(everywhere)s OR facility_id = ANY(%(facilities)s))
     GROUP BY source_id
), counted AS (
    SELECT GREATEST(COALESCE(max(quarter) + interval '15 minutes', '-infinity'),
                    now() - interval '1 day') AS until
      FROM telemetry_sourcequarter
), fresh AS (
    SELECT b.source_id, b.received_at, b.events + b.tests AS events, b.rejected
      FROM counted, telemetry_ingestbatch b
     WHERE b.id >= (lpad(to_hex((extract(epoch FROM until) * 1000)::bigint), 12, '0')
                    || repeat('0', 20))::uuid
), sent AS (
    SELECT source_id, max(last_at) AS last_at,
           COALESCE(sum(events) FILTER (WHERE last_at > now() - interval '1 day'), 0)::bigint
               AS events,
           COALESCE(sum(rejected) FILTER (WHERE last_at > now() - interval '1 day'), 0)::bigint
               AS rejected,
           COALESCE(sum(lately), 0)::bigint AS lately
      FROM (SELECT source_id, last_at, events, rejected, 0 AS lately FROM telemetry_sourcequarter
             UNION ALL
            SELECT source_id, received_at, events, rejected,
                   CASE WHEN received_at > now() - interval '5 minutes' THEN events ELSE 0 END
              FROM fresh) AS everything
     GROUP BY source_id
)
SELECT s.id, s.code, s.name, s.active, system.name AS system, clock.fastest_ms, key.last_used_at,
       COALESCE(key.live_keys, 0) AS live_keys, COALESCE(refused.quarantined, 0) AS quarantined,
       sent.last_at, COALESCE(sent.events, 0) AS events, COALESCE(sent.rejected, 0) AS rejected,
       COALESCE(sent.lately, 0) AS lately
  FROM telemetry_source s
  LEFT JOIN catalog_system system ON system.id = s.system_id
  LEFT JOIN clock ON clock.source_id = s.id
  LEFT JOIN key ON key.source_id = s.id
  LEFT JOIN refused ON refused.source_id = s.id
  LEFT JOIN sent ON sent.source_id = s.id
 WHERE s.id = ANY(%(sources)s)
 ORDER BY s.active DESC, s.code
"""

DAY_OF_SOURCE = """
SELECT quarter, events, rejected FROM telemetry_sourcequarter
 WHERE source_id = %(source)s AND quarter >= now() - interval '1 day' ORDER BY quarter
"""


@dataclass(frozen=True)
class SourceReport:
    """How one source is doing."""

    id: int
    code: str
    name: str
    active: bool
    system: str | None
    fastest_ms: int | None
    last_used_at: datetime | None
    live_keys: int
    quarantined: int
    last_at: datetime | None
    events: int
    rejected: int
    lately: int

    # A second of network and a sender that batches for some are no reason to doubt its clock.
    AHEAD_MS = 1_000

    @property
    def runs_ahead(self) -> bool:
        """Its events arrive before they happened."""
        return self.fastest_ms is not None and self.fastest_ms < -self.AHEAD_MS

    @property
    def a_minute(self) -> float:
        """Events a minute over the last five."""
        return self.lately / 5

    @property
    def a_minute_usually(self) -> float:
        """Events a minute over the last day."""
        return self.events / 1440

    @property
    def rejected_share(self) -> float | None:
        """Of all it sent in a day, what was refused; None where it sent nothing."""
        sent = self.events + self.rejected
        return self.rejected / sent if sent else None

    @property
    def fastest_seconds(self) -> str:
        """The fastest delivery lately, or how far the clock runs ahead."""
        return f"{abs(self.fastest_ms or 0) / 1000:.1f}"


@dataclass(frozen=True)
class Quarter:
    """What a source sent in a quarter-hour."""

    quarter: datetime
    events: int
    rejected: int


def day_of(source_id: int) -> list[Quarter]:
    """The quarter-hours of the last day in which a source sent something."""
    return fetch_all(DAY_OF_SOURCE, {"source": source_id}, row=Quarter)


def source_reports(*, facilities: Sequence[int], everywhere: bool) -> list[SourceReport]:
    """Sources in scope, with keys in use, clock and what of theirs lies in quarantine."""
    sources = sources_within(facilities=facilities, everywhere=everywhere)
    scope = {
        "facilities": list(facilities),
        "everywhere": everywhere,
        "sources": list(sources.values_list("pk", flat=True)),
    }
    return fetch_all(SOURCES, scope, row=SourceReport)


def keys_of(*, source: str) -> QuerySet[SourceKey]:
    """A source's keys, newest first."""
    return SourceKey.objects.filter(source__code=source).order_by("-created_at")


def keys_within(*, facilities: Sequence[int], everywhere: bool) -> QuerySet[SourceKey]:
    """Keys that speak for these facilities and no others; those for all only who sees all."""
    if everywhere:
        return SourceKey.objects.all()
    inside = {"facility_ids__contained_by": list(facilities)}
    return SourceKey.objects.filter(facility_ids__len__gt=0, **inside)


def sources_within(*, facilities: Sequence[int], everywhere: bool) -> QuerySet[Source]:
    """Sources whose every key that was not revoked speaks for these facilities only."""
    if everywhere:
        return Source.objects.all()
    inside = keys_within(facilities=facilities, everywhere=False)
    beyond = SourceKey.objects.filter(revoked_at=None).exclude(pk__in=inside)
    return Source.objects.filter(pk__in=inside.values("source")).exclude(
        pk__in=beyond.values("source")
    )
