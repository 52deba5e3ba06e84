"""A small network for folding: two hospitals in two zones, two workflows, of which the second gives
its work up after a month of silence, targets that changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db import connection
from django.utils.timezone import now

from apps.catalog.models import (
    BusinessCalendar,
    CalendarHours,
    Clock,
    Facility,
    SlaTarget,
    Stage,
    Workflow,
)
from apps.catalog.services import refresh_spans
from apps.catalog.services.spans import WRITE_SPANS
from apps.core.db import execute
from apps.telemetry.canonical import CanonicalEvent, encode_journal, event_key, transaction_id
from apps.telemetry.models import Source
from apps.telemetry.services.words import note_words

START = datetime(2026, 3, 6, 12, tzinfo=UTC)
TARGET_CHANGE = START + timedelta(hours=3)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
OUTCOMES = {"ok": 1, "retry": 2, "failed": 3, "dead_letter": 4, "manual": 5, "cancelled": 6}


@dataclass(frozen=True)
class Network:
    """What tests name: two facilities, two workflows with their stages by rank, a source."""

    facilities: list[Facility]
    workflows: list[Workflow]
    stages: dict[tuple[int, int], Stage]
    source: Source

    def stage(self, workflow: int, rank: int) -> Stage:
        return self.stages[self.workflows[workflow].pk, rank]


def build() -> Network:
    """Create the network's catalogue rows."""
    calendar = BusinessCalendar.objects.create(code="weekdays", name="Weekdays")
    CalendarHours.objects.bulk_create(
        CalendarHours(calendar=calendar, weekday=day, opens=time(8), closes=time(17))
        for day in range(5)
    )
    root = Facility.objects.create(
        code="ORG", name="Network", short_name="Network", kind="organization",
        time_zone="America/New_York", calendar=calendar,
    )  # fmt: skip
    facilities = [
        Facility.objects.create(
            code=code, name=code.title(), short_name=code.title(), kind="hospital", parent=root,
            time_zone=zone,
        )
        for code, zone in (("NORTH", "America/New_York"), ("SOUTH", "America/Phoenix"))
    ]  # fmt: skip
    workflows = [_workflow(number, facilities) for number in (1, 2)]
    lay_out(calendar)
    source = Source.objects.create(code="engine", name="Engine")
    stages = {(s.workflow_id, s.rank): s for s in Stage.objects.all()}
    return Network(facilities, workflows, stages, source)


# What the product laid out for the first test of each year, as PostgreSQL reads it: years of open
# hours for two zones are most of what building the network takes.
_laid_out: dict[int, list[dict[str, str]]] = {}
SPANS_AS_TEXT = """
SELECT time_zone, array_agg(opens_at ORDER BY opens_at)::text,
       array_agg(closes_at ORDER BY opens_at)::text,
       array_agg(open_seconds_before ORDER BY opens_at)::text
  FROM catalog_calendarspan WHERE calendar_id = %s GROUP BY 1
"""
NOTHING_STALE = "UPDATE catalog_catalogversion SET spans_stale = false"


def lay_out(calendar: BusinessCalendar) -> None:
    """The calendar's open hours, as the product lays them out."""
    year = now().year
    if year not in _laid_out:
        refresh_spans()
        with connection.cursor() as cursor:
            cursor.execute(SPANS_AS_TEXT, [calendar.pk])
            names = ("zone", "opens", "closes", "before")
            _laid_out[year] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return
    for spans in _laid_out[year]:
        execute(WRITE_SPANS, spans | {"calendar": calendar.pk})
    execute(NOTHING_STALE)


def _workflow(number: int, facilities: list[Facility]) -> Workflow:
    workflow = Workflow.objects.create(
        code=f"flow_{number}", number=f"T{number}", name=f"Flow {number}",
        short_name=f"Flow {number}", owner_role="Lead", position=number,
        expires_after_days=30 if number == 2 else None,
    )  # fmt: skip
    ends = {4: "completed", 5: "rejected"}
    stages = [
        Stage.objects.create(
            workflow=workflow, rank=rank, code=f"step_{rank}", name=f"Step {rank}", phase="sent",
            terminal_outcome=ends.get(rank, ""), reopens=rank == 6,
        )
        for rank in range(1, 7)
    ]  # fmt: skip
    clocks = [
        Clock.objects.create(
            workflow=workflow, kind="integration", name="in", start_stage=stages[0],
            stop_stage=stages[2], measure="elapsed",
        ),
        Clock.objects.create(
            workflow=workflow, kind="business", name="cycle", start_stage=stages[1],
            stop_stage=stages[3], measure="business" if number == 1 else "elapsed",
        ),
    ]  # fmt: skip
    targets = [SlaTarget(clock=clocks[0], facility=facilities[1], threshold_seconds=1800,
                         objective="0.9", effective_from=LONG_AGO, why="override")]  # fmt: skip
    versions = [(LONG_AGO, TARGET_CHANGE, 3600), (TARGET_CHANGE, None, 7200)]
    targets += [
        SlaTarget(clock=clock, threshold_seconds=seconds * (4 if clock.kind == "business" else 1),
                  objective="0.95", effective_from=since, effective_to=until, why="test")
        for clock in clocks
        for since, until, seconds in versions
    ]  # fmt: skip
    SlaTarget.objects.bulk_create(targets)
    return workflow


def event(network: Network, **said: object) -> CanonicalEvent:
    """A canonical stage event; `said` names what the test is about."""
    workflow = network.workflows[said.get("workflow", 0)]
    stage = network.stages[workflow.pk, said.get("rank", 1)]
    subject, at = str(said.get("subject", "c-1")), said.get("at", START)
    return CanonicalEvent(
        kind=1,
        event_key=event_key(network.source.pk, "/test", str(said["id"])),
        transaction_id=transaction_id(workflow.pk, subject),
        occurred_at=round(at.timestamp() * 1_000_000),
        workflow_id=workflow.pk,
        facility_id=network.facilities[said.get("facility", 0)].pk,
        interface_id=None,
        stage_id=stage.pk,
        rank=stage.rank,
        outcome=OUTCOMES[said.get("outcome", "ok")],
        attempt=said.get("attempt", 1),
        amount_minor=said.get("amount"),
        amount_kind=1 if said.get("amount") is not None else None,
        event_id=str(said["id"]),
        ce_source="/test",
        correlation_id=subject,
        error=said.get("error"),
        payer=said.get("payer"),
        service_date=said.get("service_date"),
        business_keys=said.get("business_keys"),
        contract_version=None,
        backfill=False,
        data=None,
    )


JOURNAL = """
INSERT INTO telemetry_ingestbatch (source_id, events, scope, body)
VALUES (%s, %s, %s, %s) RETURNING id
"""


def post(network: Network, *events: CanonicalEvent, scope: Sequence[int] | None = None) -> object:
    """Put events into the journal as one batch, as the ingest endpoint does; return its id."""
    note_words(source_id=network.source.pk, events=events)
    with connection.cursor() as cursor:
        cursor.execute(JOURNAL, [network.source.pk, len(events), scope, encode_journal(events)])
        return cursor.fetchone()[0]
