"""What the fold reads, the version every reader compares, and constraints on workflows."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from apps.catalog.models import (
    BusinessCalendar,
    CalendarHoliday,
    CatalogVersion,
    Clock,
    Facility,
    FacilityAlias,
    Interface,
    SlaTarget,
    Stage,
    System,
    Team,
    Workflow,
)
from apps.core.db import fetch_all
from tests.catalog import network as net

JUNE, JULY, AUGUST = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7, 8))


@dataclass(frozen=True)
class TargetRule:
    facility_id: int
    clock: int
    measure: int
    threshold_seconds: int
    effective_from: datetime
    effective_to: datetime | None
    calendar_id: int
    time_zone: str


TARGET_RULES = """
SELECT facility_id, clock, measure, threshold_seconds, effective_from, effective_to, calendar_id,
       time_zone
  FROM catalog_target_rule ORDER BY facility_id, clock, effective_from
"""


def periods(facility: Facility) -> list[tuple[int, datetime, datetime | None]]:
    rules = fetch_all(TARGET_RULES, {}, row=TargetRule)
    return [
        (rule.threshold_seconds, rule.effective_from, rule.effective_to)
        for rule in rules
        if rule.facility_id == facility.pk and rule.clock == 1
    ]


def test_a_network_target_holds_everywhere_in_each_places_own_time(network):
    rules = fetch_all(TARGET_RULES, {}, row=TargetRule)

    assert [r.facility_id for r in rules] == [f.pk for f in Facility.objects.order_by("pk")]
    assert {(r.clock, r.measure, r.threshold_seconds) for r in rules} == {(1, 1, 900)}
    assert {r.calendar_id for r in rules} == {network.office_hours.pk}
    by_place = {r.facility_id: r.time_zone for r in rules}
    assert by_place[network.southern_hospital.pk] == "America/Phoenix"
    assert by_place[network.hospital.pk] == "America/Chicago"


def test_the_nearest_override_wins_while_it_is_in_force(network):
    net.let_history_be_written()
    net.target(network.clock, facility=network.north, threshold_seconds=600, effective_from=JUNE)
    net.target(
        network.clock, facility=network.hospital, threshold_seconds=300,
        effective_from=JULY, effective_to=AUGUST,
    )  # fmt: skip

    assert periods(network.southern_hospital) == [(900, net.LONG_AGO, None)]
    assert periods(network.north) == [(900, net.LONG_AGO, JUNE), (600, JUNE, None)]
    for place in (network.hospital, network.department):
        assert periods(place) == [
            (900, net.LONG_AGO, JUNE),
            (600, JUNE, JULY),
            (300, JULY, AUGUST),
            (600, AUGUST, None),
        ]


def test_inactive_places_keep_their_targets_for_work_under_way(network):
    Facility.objects.filter(pk=network.hospital.pk).update(active=False)
    assert periods(network.hospital) == [(900, net.LONG_AGO, None)]


def test_a_calendar_of_its_own_beats_an_inherited_one(network):
    own = BusinessCalendar.objects.create(code="own", name="Own")
    Facility.objects.filter(pk=network.hospital.pk).update(calendar=own)
    rules = {r.facility_id: r.calendar_id for r in fetch_all(TARGET_RULES, {}, row=TargetRule)}
    assert rules[network.department.pk] == own.pk
    assert rules[network.north.pk] == network.office_hours.pk


def test_stage_rules_say_where_clocks_start_and_stop(network):
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT s.code, r.rank, r.phase, r.terminal_outcome, r.reopens,
                      r.starts_integration, r.stops_integration, r.starts_business, r.stops_business
                 FROM catalog_stage_rule r JOIN catalog_stage s ON s.id = r.stage_id
                ORDER BY r.rank"""
        )
        rows = cursor.fetchall()
    assert rows == [
        ("created", 1, "received", 0, False, False, False, True, False),
        ("sent", 2, "sent", 0, False, True, False, False, False),
        ("revised", 3, "validated", 0, True, False, False, False, False),
        ("posted", 4, "completed", 1, False, False, True, False, True),
        ("refused", 5, "completed", 2, False, False, True, False, True),
        ("voided", 6, "completed", 3, False, False, True, False, True),
    ]


def test_without_a_clock_nothing_starts_or_stops(network):
    other = Workflow.objects.create(
        code="other", number="W99", name="Other", short_name="Other", owner_role="x", position=2
    )
    stage = Stage.objects.create(workflow=other, rank=1, code="only", name="Only", phase="received")
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT starts_integration, stops_integration, starts_business, stops_business
                 FROM catalog_stage_rule WHERE stage_id = %s""",
            [stage.pk],
        )
        assert cursor.fetchone() == (False, False, False, False)


@pytest.mark.parametrize(
    "table",
    [Facility, FacilityAlias, System, Team, Interface, Workflow, Stage, Clock, SlaTarget,
     BusinessCalendar, CalendarHoliday],
)  # fmt: skip
def test_every_table_of_the_catalogue_bumps_the_version(network, table):
    before = CatalogVersion.objects.get().version
    table.objects.none().delete()
    assert CatalogVersion.objects.get().version == before
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table._meta.db_table} WHERE id < 0")  # noqa: S608
    assert CatalogVersion.objects.get().version > before


def test_a_version_seen_in_a_failed_transaction_is_not_given_to_another_state(network):
    class Undo(Exception):
        pass

    with pytest.raises(Undo), transaction.atomic():
        System.objects.create(code="gone", name="Gone", kind="erp")
        seen = CatalogVersion.objects.get().version
        raise Undo
    System.objects.create(code="other", name="Other", kind="erp")
    assert CatalogVersion.objects.get().version != seen


def test_a_rank_and_a_code_are_taken_once_in_a_workflow(network):
    for field, value in (("rank", 2), ("code", "sent")):
        fields = {"rank": 9, "code": "new", "name": "New", "phase": "sent", field: value}
        with pytest.raises(IntegrityError, match=f"stage_{field}_once"), transaction.atomic():
            Stage.objects.create(workflow=network.workflow, **fields)


@pytest.mark.parametrize("rank", [0, 31])
def test_ranks_lie_between_1_and_30(network, rank):
    with pytest.raises(IntegrityError, match="stage_rank_range"):
        Stage.objects.create(workflow=network.workflow, rank=rank, code="x", name="X", phase="sent")


def test_a_clock_runs_between_stages_of_its_own_workflow(network):
    other = Workflow.objects.create(
        code="other", number="W99", name="Other", short_name="Other", owner_role="x", position=2
    )
    with pytest.raises(IntegrityError, match="clock_starts_in_own_workflow"), transaction.atomic():
        Clock.objects.create(
            workflow=other, kind="integration", name="x",
            start_stage=network.stages["sent"], stop_stage=network.stages["posted"],
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_workflow_has_one_clock_of_a_kind_and_it_does_not_stop_where_it_starts(network):
    stages = {"start_stage": network.stages["sent"], "stop_stage": network.stages["posted"]}
    with pytest.raises(IntegrityError, match="clock_once"), transaction.atomic():
        Clock.objects.create(workflow=network.workflow, kind="integration", name="x", **stages)
    with pytest.raises(IntegrityError, match="clock_stages_differ"), transaction.atomic():
        Clock.objects.filter(pk=network.clock.pk).update(stop_stage=network.stages["sent"])
