"""Reads of telemetry for its pages and its API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.core.db import fetch_all, fetch_value
from apps.telemetry.models import IngestBatch, Quarantine, QuarantineDay, Source, SourceKey

BATCH_REPORT = """
SELECT id, source_id, received_at, state, events, tests, stored, duplicates, conflicts, rejected,
       folded_at
  FROM telemetry_ingestbatch WHERE id = %(id)s
"""

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
)
SELECT s.id, s.code, s.name, s.active, clock.fastest_ms, key.last_used_at,
       COALESCE(key.live_keys, 0) AS live_keys, COALESCE(refused.quarantined, 0) AS quarantined
  FROM telemetry_source s
  LEFT JOIN clock ON clock.source_id = s.id
  LEFT JOIN key ON key.source_id = s.id
  LEFT JOIN refused ON refused.source_id = s.id
 WHERE s.id = ANY(%(sources)s)
 ORDER BY s.code
"""

# Asked by every page, so in SQL: building it from objects took longer than answering it.
COUNT_QUARANTINED = """
SELECT count(*) FROM telemetry_quarantine
 WHERE state = 'open'
   AND (facility_id = ANY(%(facilities)s) OR %(everywhere)s AND facility_id IS NULL)
"""


@dataclass(frozen=True)
class BatchReport:
    """What became of the events of one request."""

    id: UUID
    source_id: int
    received_at: datetime
    state: int
    events: int
    tests: int
    stored: int | None
    duplicates: int | None
    conflicts: int | None
    rejected: int
    folded_at: datetime | None

    @property
    def accepted(self) -> int:
        """Events acknowledged; tests were, and are not stored."""
        return self.events + self.tests

    @property
    def state_name(self) -> str:
        """The state as the API says it."""
        return IngestBatch.State(self.state).name.lower()


@dataclass(frozen=True)
class SourceReport:
    """How one source is doing."""

    id: int
    code: str
    name: str
    active: bool
    fastest_ms: int | None
    last_used_at: datetime | None
    live_keys: int
    quarantined: int

    # A second of network and a sender that batches for some are no reason to doubt its clock.
    AHEAD_MS = 1_000

    @property
    def runs_ahead(self) -> bool:
        """Its events arrive before they happened."""
        return self.fastest_ms is not None and self.fastest_ms < -self.AHEAD_MS

    @property
    def fastest_seconds(self) -> str:
        """The fastest delivery lately, or how far the clock runs ahead."""
        return f"{abs(self.fastest_ms or 0) / 1000:.1f}"


def batch_report(batch_id: UUID) -> BatchReport | None:
    """The fate of a request's events, if there was such a request."""
    found = fetch_all(BATCH_REPORT, {"id": batch_id}, row=BatchReport)
    return found[0] if found else None


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


def quarantined(*, facilities: Sequence[int], everywhere: bool) -> QuerySet[Quarantine]:
    """Refused events of these facilities; those of none known only for people who see all."""
    scope = Q(facility_id__in=facilities)
    if everywhere:
        scope |= Q(facility_id=None)
    return Quarantine.objects.filter(scope).select_related("source", "facility")


def count_quarantined(*, facilities: Sequence[int], everywhere: bool) -> int:
    """How many refused events of these facilities wait for a person; see `quarantined`."""
    params = {"facilities": list(facilities), "everywhere": everywhere}
    count: int = fetch_value(COUNT_QUARANTINED, params)
    return count


def overflows() -> QuerySet[QuarantineDay]:
    """Days on which a source sent more refused events than were kept, latest first."""
    return QuarantineDay.objects.filter(overflow__gt=0).select_related("source").order_by("-day")


def sources_of(found: QuerySet[Quarantine]) -> QuerySet[Source]:
    """The sources that some of these refused events came from."""
    return Source.objects.filter(pk__in=found.values("source")).order_by("code")
