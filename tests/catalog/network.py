"""A network small enough to know by heart, for tests of the catalogue and of access."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.catalog.models import (
    BusinessCalendar,
    CalendarHours,
    Clock,
    Facility,
    FacilityAlias,
    Interface,
    SlaTarget,
    Stage,
    System,
    Workflow,
)

LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Network:
    """One organization, two regions, a hospital with a department in each, one workflow."""

    office_hours: BusinessCalendar
    org: Facility
    north: Facility
    south: Facility
    hospital: Facility
    department: Facility
    southern_hospital: Facility
    ehr: System
    billing: System
    workflow: Workflow
    stages: dict[str, Stage]
    clock: Clock
    business_clock: Clock
    target: SlaTarget


def office_hours() -> BusinessCalendar:
    calendar = BusinessCalendar.objects.create(code="office_hours", name="Office hours")
    CalendarHours.objects.bulk_create(
        CalendarHours(calendar=calendar, weekday=day, opens=time(8), closes=time(17))
        for day in range(5)
    )
    return calendar


def facility(code: str, kind: str, parent: Facility | None, **more: Any) -> Facility:
    zone = more.pop("time_zone", "America/Chicago")
    new = Facility.objects.create(
        code=code,
        name=code.title(),
        short_name=code,
        kind=kind,
        parent=parent,
        time_zone=zone,
        **more,
    )
    new.refresh_from_db()
    return new


def target(clock: Clock, *, facility: Facility | None = None, **more: Any) -> SlaTarget:
    values = {
        "threshold_seconds": 900,
        "objective": Decimal("0.99"),
        "effective_from": LONG_AGO,
        "why": "For the test.",
    }
    return SlaTarget.objects.create(clock=clock, facility=facility, **values | more)


def let_history_be_written(allowed: bool = True) -> None:
    """Make versions as if at the time; the trigger forbids it to everybody."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing may be pending on the table
        verb = "DISABLE" if allowed else "ENABLE"
        cursor.execute(f"ALTER TABLE catalog_slatarget {verb} TRIGGER target_history")


def build() -> Network:
    calendar = office_hours()
    org = facility("ORG", "organization", None, calendar=calendar)
    north = facility("NORTH", "region", org)
    south = facility("SOUTH", "region", org, time_zone="America/Phoenix")
    hospital = facility("HOSPITAL", "hospital", north)
    department = facility("HOSPITAL-ED", "department", hospital)
    southern = facility("SUNNY", "hospital", south, time_zone="America/Phoenix")
    ehr = System.objects.create(code="ehr", name="EHR", kind="ehr")
    billing = System.objects.create(code="billing", name="Billing", kind="billing")
    FacilityAlias.objects.create(system=ehr, alias="H01", facility=hospital)
    FacilityAlias.objects.create(system=None, alias="everybody-says", facility=southern)
    workflow = Workflow.objects.create(
        code="charge", number="W4", name="Charges", short_name="Charges", owner_role="x", position=1
    )
    stages = {
        code: Stage.objects.create(
            workflow=workflow, rank=rank, code=code, name=code, phase=phase,
            terminal_outcome=ends, reopens=reopens, system=billing,
        )
        for rank, code, phase, ends, reopens in (
            (1, "created", "received", "", False),
            (2, "sent", "sent", "", False),
            (3, "revised", "validated", "", True),
            (4, "posted", "completed", "completed", False),
            (5, "refused", "completed", "rejected", False),
            (6, "voided", "completed", "cancelled", False),
        )
    }  # fmt: skip
    clock = Clock.objects.create(
        workflow=workflow, kind="integration", name="sent to posted",
        start_stage=stages["sent"], stop_stage=stages["posted"], measure="elapsed",
    )  # fmt: skip
    business_clock = Clock.objects.create(
        workflow=workflow, kind="business", name="created to posted",
        start_stage=stages["created"], stop_stage=stages["posted"], measure="business",
    )  # fmt: skip
    Interface.objects.create(
        code="charges", name="Charges", protocol="rest", pattern="event",
        source=ehr, target=billing, workflow=workflow, expected_gap_seconds=900,
    )  # fmt: skip
    return Network(
        calendar, org, north, south, hospital, department, southern, ehr, billing, workflow,
        stages, clock, business_clock, target(clock),
    )  # fmt: skip
