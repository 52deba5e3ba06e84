"""Reads of the quarantine: groups by reason, a selection of it, and what an act on one would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KT

from apps.core.db import fetch_all, fetch_one, fetch_value
from apps.telemetry.models import Quarantine, QuarantineDay, Source
from apps.telemetry.refusals import NAMES, Code, label_of

NAMES_SHOWN = 20

# From the index quarantine_groups alone; an id carries the time it was made.
GROUPS = """
SELECT code, count(*) AS open, count(DISTINCT source_id) AS sources,
       count(DISTINCT facility_id) AS facilities,
       uuid_extract_timestamp((array_agg(id ORDER BY id))[1]) AS oldest_at,
       uuid_extract_timestamp((array_agg(id ORDER BY id DESC))[1]) AS newest_at
  FROM telemetry_quarantine
 WHERE state = 'open' AND (%(everywhere)s OR facility_id = ANY(%(facilities)s))
 GROUP BY code ORDER BY open DESC, code
"""

PREVIEW = """
WITH chosen AS (
    SELECT q.id, q.source_id, q.facility_id FROM telemetry_quarantine q
     WHERE q.state = 'open' AND q.code = %(code)s
       AND (%(source)s::integer IS NULL OR q.source_id = %(source)s)
       AND (%(facility)s::integer IS NULL OR q.facility_id = %(facility)s)
       AND (%(since)s::timestamptz IS NULL OR q.received_at >= %(since)s)
       AND (%(everywhere)s OR q.facility_id = ANY(%(facilities)s))
), by_source AS (
    SELECT s.code, s.name, s.active, count(*) AS events
      FROM chosen JOIN telemetry_source s ON s.id = chosen.source_id GROUP BY s.id
), by_facility AS (
    SELECT f.name, count(*) AS events
      FROM chosen LEFT JOIN catalog_facility f ON f.id = chosen.facility_id GROUP BY f.id
)
SELECT (SELECT count(*) FROM chosen) AS total,
       (SELECT id FROM chosen ORDER BY id DESC LIMIT 1) AS last_id,
       (SELECT uuid_extract_timestamp(id) FROM chosen ORDER BY id LIMIT 1) AS oldest_at,
       (SELECT uuid_extract_timestamp(id) FROM chosen ORDER BY id DESC LIMIT 1) AS newest_at,
       (SELECT COALESCE(json_agg(json_build_object('code', code, 'name', name, 'active', active,
                        'events', events) ORDER BY events DESC, code), '[]') FROM by_source)
           AS sources,
       (SELECT COALESCE(json_agg(json_build_object('name', COALESCE(name, 'Not known'),
                        'events', events) ORDER BY events DESC, name), '[]') FROM by_facility)
           AS facilities
"""

# Dollars are those of the business: each subject's largest amount once, however many of its events
# were refused. They are kept as they were sent.
BY_NAME = """
WITH refused AS (
    SELECT id, source_id, COALESCE(view #>> %(path)s::text[], '') AS name,
           COALESCE(view #>> '{event,subject}', id::text) AS subject,
           view #>> '{event,data,amount}' AS amount
      FROM telemetry_quarantine
     WHERE state = 'open' AND code = %(code)s
       AND (%(source)s::integer IS NULL OR source_id = %(source)s)
       AND (%(facility)s::integer IS NULL OR facility_id = %(facility)s)
       AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
       AND (%(everywhere)s OR facility_id = ANY(%(facilities)s))
), business AS (
    SELECT name, max(CASE WHEN amount ~ '^[0-9]{1,12}([.][0-9]{1,4})?$'
                          THEN amount::numeric END) AS amount
      FROM refused GROUP BY name, subject
), worth AS (
    SELECT name, (100 * sum(amount))::bigint AS amount_minor FROM business GROUP BY name
)
SELECT refused.name, count(*) AS open, amount_minor, array_agg(DISTINCT s.code) AS sources,
       (array_agg(DISTINCT y.code))[1] AS system,
       count(DISTINCT y.id) = 1 AND bool_and(y.id IS NOT NULL) AS is_of_one_system,
       uuid_extract_timestamp((array_agg(refused.id ORDER BY refused.id))[1]) AS oldest_at
  FROM refused JOIN worth USING (name)
  JOIN telemetry_source s ON s.id = source_id LEFT JOIN catalog_system y ON y.id = s.system_id
 GROUP BY refused.name, amount_minor ORDER BY open DESC, 1 LIMIT %(most)s
"""

# Asked by every page, so in SQL: building it from objects took longer than answering it.
COUNT_QUARANTINED = """
SELECT count(*) FROM telemetry_quarantine
 WHERE state = 'open'
   AND (facility_id = ANY(%(facilities)s) OR %(everywhere)s AND facility_id IS NULL)
"""

# Open events that were refused because nobody knew this name: an alias sends them on.
WAITING_FOR_ALIAS = """
SELECT count(*) FROM telemetry_quarantine q JOIN telemetry_source s ON s.id = q.source_id
 WHERE q.state = 'open' AND q.code = 'unknown_facility' AND s.active
   AND q.view #>> '{event,data,facility}' = %(alias)s
   AND (%(system)s::bigint IS NULL OR s.system_id = %(system)s)
"""


@dataclass(frozen=True)
class Group:
    """What is open for one reason."""

    code: str
    open: int
    sources: int
    facilities: int
    oldest_at: datetime
    newest_at: datetime

    @property
    def label(self) -> str:
        """The reason in words."""
        return label_of(self.code)

    @property
    def help(self) -> str:
        """What to do about it."""
        return Code(self.code).help if self.code in list(Code) else ""


@dataclass(frozen=True)
class Named:
    """What is open because nobody knew this name; one entry of the catalogue mends all of it."""

    name: str
    open: int
    amount_minor: int | None
    sources: list[str]
    system: str | None
    is_of_one_system: bool
    oldest_at: datetime


@dataclass(frozen=True)
class Selection:
    """Open events of one reason, perhaps of one source, one facility, since some moment."""

    code: str
    source_id: int | None = None
    facility_id: int | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Preview:
    """What a selection holds right now: how many events, up to which, whose and where."""

    total: int
    last_id: UUID | None
    oldest_at: datetime | None
    newest_at: datetime | None
    sources: list[dict[str, object]]
    facilities: list[dict[str, object]]


def groups(*, facilities: Sequence[int], everywhere: bool) -> list[Group]:
    """Open events by reason, most first."""
    return fetch_all(GROUPS, _scope(facilities, everywhere), row=Group)


def by_name(
    selection: Selection, *, facilities: Sequence[int], everywhere: bool, most: int = NAMES_SHOWN
) -> list[Named]:
    """What a selection holds of a reason that is about a name, by that name, most first."""
    path = ["event", "data", NAMES[Code(selection.code)]]
    params = _chosen(selection) | _scope(facilities, everywhere)
    return fetch_all(BY_NAME, params | {"path": path, "most": most}, row=Named)


def naming(found: QuerySet[Quarantine], code: str, name: str) -> QuerySet[Quarantine]:
    """Those of a reason that say this name, however it was written down."""
    return found.annotate(said=KT(f"view__event__data__{NAMES[Code(code)]}")).filter(said=name)


def preview(selection: Selection, *, facilities: Sequence[int], everywhere: bool) -> Preview:
    """What an act on a selection would be about."""
    params = _chosen(selection) | _scope(facilities, everywhere)
    return fetch_one(PREVIEW, params, row=Preview)


def waiting_for_alias(alias: str, *, system_id: int | None) -> int:
    """How many refused events a new name for a facility would send on."""
    count: int = fetch_value(WAITING_FOR_ALIAS, {"alias": alias, "system": system_id})
    return count


def quarantined(*, facilities: Sequence[int], everywhere: bool) -> QuerySet[Quarantine]:
    """Refused events of these facilities; those of none known only for people who see all."""
    scope = Q(facility_id__in=facilities)
    if everywhere:
        scope |= Q(facility_id=None)
    return Quarantine.objects.filter(scope).select_related("source", "facility")


def selected(
    found: QuerySet[Quarantine], *, since: datetime | None, before: UUID | None
) -> QuerySet[Quarantine]:
    """Newest first, from a moment on, older than one event: a page goes on where the last ended."""
    if since:
        found = found.filter(received_at__gte=since)
    if before:
        found = found.filter(id__lt=before)
    return found.order_by("-id")


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


def _chosen(selection: Selection) -> dict[str, object]:
    return {
        "code": selection.code,
        "source": selection.source_id,
        "facility": selection.facility_id,
        "since": selection.since,
    }


def _scope(facilities: Sequence[int], everywhere: bool) -> dict[str, object]:
    return {"facilities": list(facilities), "everywhere": everywhere}
