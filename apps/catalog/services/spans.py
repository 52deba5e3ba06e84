"""Open hours laid out as instants, two years back to three years ahead, for catalog_due."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.timezone import now

from apps.catalog.models import BusinessCalendar, CalendarSpan, CatalogVersion, Facility
from apps.catalog.sla import Hours, Span, clipped, joined, open_spans
from apps.core.db import execute, fetch_all, fetch_value

YEARS_BACK = 2
YEARS_AHEAD = 3

# Stale: something that decides open hours changed (the triggers of sql/rules.sql say so), or a
# calendar's spans end before the year that must be covered: once a year, or never laid out.
SPANS_ARE_STALE = """
SELECT v.spans_stale OR EXISTS (
           SELECT FROM catalog_businesscalendar c
                  CROSS JOIN (SELECT DISTINCT time_zone FROM catalog_facility) AS zone
            WHERE EXISTS (SELECT FROM catalog_calendarhours h WHERE h.calendar_id = c.id)
              AND NOT EXISTS (
                  SELECT FROM catalog_calendarspan s
                   WHERE s.calendar_id = c.id AND s.time_zone = zone.time_zone
                     AND s.closes_at > %(needed)s))
  FROM catalog_catalogversion v WHERE v.id = 1
"""


STORED_SPANS = """
SELECT opens_at, closes_at, open_seconds_before
  FROM catalog_calendarspan
 WHERE calendar_id = %(calendar)s AND time_zone = %(zone)s
 ORDER BY opens_at
"""
DROP_SPANS = """
DELETE FROM catalog_calendarspan
 WHERE calendar_id = %(calendar)s AND time_zone = %(zone)s AND opens_at >= %(since)s
"""
WRITE_SPANS = """
INSERT INTO catalog_calendarspan
       (calendar_id, time_zone, opens_at, closes_at, open_seconds_before)
SELECT %(calendar)s, %(zone)s, opens_at, closes_at, before
  FROM unnest(%(opens)s::timestamptz[], %(closes)s::timestamptz[], %(before)s::bigint[])
       AS span (opens_at, closes_at, before)
"""
# Without figures the planner takes thousands of spans for a handful and sorts them at each look-up.
ANALYZE_SPANS = "ANALYZE catalog_calendarspan"


@dataclass(frozen=True)
class PlacedSpan:
    """A span, and where it begins on the axis of open seconds."""

    opens_at: datetime
    closes_at: datetime
    open_seconds_before: int


def refresh_spans(*, since: datetime | None = None) -> int:
    """Lay out what changed; return how many spans were written. Cheap when nothing did.

    Open time before `since` (now) stays as it was: a new holiday or new hours never move what was
    due before. Pass an earlier moment to restate it deliberately.
    """
    moment = now()
    needed = datetime(moment.year + YEARS_AHEAD, 1, 1, tzinfo=UTC)
    if since is None and not fetch_value(SPANS_ARE_STALE, {"needed": needed}):
        return 0
    return lay_out_spans(since=since or moment, year=moment.year)


@transaction.atomic
def lay_out_spans(*, since: datetime, year: int) -> int:
    """Bring every calendar's spans in every zone in use up to date."""
    # The row lock makes refreshes take turns, and holds back a change that would be missed.
    CatalogVersion.objects.select_for_update().get(id=1)
    zones = sorted(set(Facility.objects.values_list("time_zone", flat=True)))
    written = 0
    for calendar in BusinessCalendar.objects.prefetch_related("hours", "holidays"):
        for zone in zones:
            wanted = calendar_spans(calendar, zone=zone, year=year)
            written += replace_spans(calendar, zone=zone, wanted=wanted, since=since)
    CalendarSpan.objects.exclude(time_zone__in=zones).delete()
    if written:
        execute(ANALYZE_SPANS)
    CatalogVersion.objects.filter(id=1, spans_stale=True).update(spans_stale=False)
    return written


def calendar_spans(calendar: BusinessCalendar, *, zone: str, year: int) -> list[Span]:
    """What a calendar says now about one zone, over the years that are kept."""
    return open_spans(
        hours=[Hours(row.weekday, row.opens, row.closes) for row in calendar.hours.all()],
        holidays={row.date for row in calendar.holidays.all()},
        zone=ZoneInfo(zone),
        first=date(year - YEARS_BACK, 1, 1),
        last=date(year + YEARS_AHEAD, 12, 31),
    )


def replace_spans(
    calendar: BusinessCalendar, *, zone: str, wanted: Sequence[Span], since: datetime
) -> int:
    """Write the spans of one calendar and zone from the first difference on."""
    where = {"calendar": calendar.pk, "zone": zone}
    before = fetch_all(STORED_SPANS, where, row=PlacedSpan)
    after = positioned(
        with_history_kept([Span(row.opens_at, row.closes_at) for row in before], wanted, since),
        first_position=before[0].open_seconds_before if before else 0,
    )
    same = agreement(before, after)
    if len(before) > same:
        execute(DROP_SPANS, {**where, "since": before[same].opens_at})
    return write_spans(after[same:], calendar=calendar, zone=zone)


def write_spans(spans: Sequence[PlacedSpan], *, calendar: BusinessCalendar, zone: str) -> int:
    """Store spans in one statement; return how many."""
    if not spans:
        return 0
    return execute(
        WRITE_SPANS,
        {
            "calendar": calendar.pk,
            "zone": zone,
            "opens": [span.opens_at for span in spans],
            "closes": [span.closes_at for span in spans],
            "before": [span.open_seconds_before for span in spans],
        },
    )


def with_history_kept(
    stored: Sequence[Span], wanted: Sequence[Span], since: datetime
) -> list[Span]:
    """The stored past and the wanted future. Positions are whole seconds, so the cut is too."""
    if not stored or not wanted:
        return list(wanted)
    cut = since.replace(microsecond=0)
    past = clipped(stored, since=wanted[0].opens_at, until=cut)
    return joined([*past, *clipped(wanted, since=cut, until=wanted[-1].closes_at)])


def positioned(spans: Iterable[Span], *, first_position: int) -> list[PlacedSpan]:
    """Spans with the open seconds that lie before each."""
    placed, position = [], first_position
    for span in spans:
        placed.append(PlacedSpan(span.opens_at, span.closes_at, position))
        position += span.length // timedelta(seconds=1)
    return placed


def agreement(left: Sequence[PlacedSpan], right: Sequence[PlacedSpan]) -> int:
    """How many leading items two sequences share."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(left), len(right)))
