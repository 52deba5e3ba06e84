"""What is configured: places, systems, workflows, targets and calendars (docs/catalog.md)."""

from apps.catalog.models.calendars import (
    BusinessCalendar,
    CalendarHoliday,
    CalendarHours,
    CalendarSpan,
)
from apps.catalog.models.exceptions import (
    ErrorClass,
    ErrorSignal,
    ExceptionKind,
    Playbook,
    Severity,
)
from apps.catalog.models.places import Facility, FacilityAlias
from apps.catalog.models.proposals import ChangeProposal
from apps.catalog.models.records import CatalogVersion, SeedRecord
from apps.catalog.models.routing import DeadlineRule, MoneyDeadline, RoutingRule
from apps.catalog.models.systems import Interface, System, Team
from apps.catalog.models.workflows import Clock, SlaTarget, Stage, Workflow

__all__ = [
    "BusinessCalendar",
    "CalendarHoliday",
    "CalendarHours",
    "CalendarSpan",
    "CatalogVersion",
    "ChangeProposal",
    "Clock",
    "DeadlineRule",
    "ErrorClass",
    "ErrorSignal",
    "ExceptionKind",
    "Facility",
    "FacilityAlias",
    "Interface",
    "MoneyDeadline",
    "Playbook",
    "RoutingRule",
    "SeedRecord",
    "Severity",
    "SlaTarget",
    "Stage",
    "System",
    "Team",
    "Workflow",
]
