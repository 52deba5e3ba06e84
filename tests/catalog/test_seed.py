"""The seed: what it brings, and what it leaves alone."""

import shutil
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from apps.catalog.models import (
    BusinessCalendar,
    CalendarSpan,
    CatalogVersion,
    Clock,
    Facility,
    Interface,
    SlaTarget,
    Stage,
    System,
    Team,
    Workflow,
)
from apps.catalog.services import seed, spans
from apps.catalog.services.seeding import SEED, TARGETS_FROM

pytestmark = pytest.mark.slow

CODES = [
    "registration", "eligibility", "prior_authorization", "charge", "coding", "claim",
    "claim_status", "payment", "adjustment", "refund", "payer_master", "gl_posting", "denial",
]  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """A copy of the data files, to be edited."""
    return shutil.copytree(SEED, tmp_path / "seed")


def edit(files, name, old, new):
    path = files / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(autouse=True)
def one_year_of_spans(monkeypatch):
    """Six years of open hours are most of the work, and no test here is about them."""
    monkeypatch.setattr(spans, "YEARS_BACK", 0)
    monkeypatch.setattr(spans, "YEARS_AHEAD", 0)


@pytest.fixture
def seeded(db):
    return seed()


def test_it_brings_thirteen_workflows_with_their_stages_and_clocks(seeded):
    assert list(Workflow.objects.values_list("code", flat=True)) == CODES
    numbers = ["W1", "W2", "W3", "W4", "W5", "W6", "W6s", *(f"W{n}" for n in range(7, 13))]
    assert list(Workflow.objects.values_list("number", flat=True)) == numbers
    for workflow in Workflow.objects.prefetch_related("stages", "clocks__targets"):
        stages = list(workflow.stages.all())
        assert [stage.rank for stage in stages] == list(range(1, len(stages) + 1))
        assert "completed" in {stage.terminal_outcome for stage in stages}
        kinds = {clock.kind for clock in workflow.clocks.all()}
        # Nobody waits for a status inquiry itself.
        assert kinds == {"integration", *(["business"] * (workflow.code != "claim_status"))}
        for clock in workflow.clocks.all():
            assert clock.start_stage.rank < clock.stop_stage.rank
            assert clock.targets.filter(facility=None).count() == 1


def test_it_brings_the_network(seeded):
    kinds = list(Facility.objects.values_list("kind", flat=True))
    assert [kinds.count(k) for k in ("organization", "region", "hospital", "clinic")] == [
        1,
        3,
        5,
        40,
    ]
    assert set(Facility.objects.values_list("time_zone", flat=True)) == {
        "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix",
    }  # fmt: skip
    assert System.objects.count() == 13
    for place in Facility.objects.filter(kind__in=["hospital", "clinic"]):
        assert set(place.aliases.values_list("system__code", flat=True)) == {
            "ehr",
            "billing",
            "erp",
        }


def test_every_interface_has_owners_and_belongs_to_a_workflow(seeded):
    assert set(Interface.objects.values_list("workflow__code", flat=True)) == set(CODES)
    gaps = Interface.objects.values_list(
        "business_owner", "technical_owner", "expected_gap_seconds"
    )
    assert all(all(row) for row in gaps)


def test_every_target_says_why_and_reaches_back_beyond_any_event(seeded):
    assert all(SlaTarget.objects.values_list("why", flat=True))
    assert set(SlaTarget.objects.values_list("effective_from", flat=True)) == {TARGETS_FROM}


@pytest.mark.parametrize(
    ("clock", "threshold", "objective", "measure"),
    [
        (("registration", "integration"), 300, "0.99", "elapsed"),
        (("eligibility", "integration"), 20, "0.95", "elapsed"),
        (("prior_authorization", "integration"), 4 * 3600, "0.95", "business"),
        (("claim", "integration"), 3600, "0.95", "elapsed"),
        (("claim", "business"), 30 * 86400, "0.95", "elapsed"),
        (("gl_posting", "integration"), 6 * 3600, "0.99", "time_of_day"),
        (("refund", "business"), 10 * 9 * 3600, "0.95", "business"),
    ],
)
def test_figures_are_those_of_the_domain(seeded, clock, threshold, objective, measure):
    workflow, kind = clock
    target = SlaTarget.objects.get(clock__workflow__code=workflow, clock__kind=kind, facility=None)
    found = (target.threshold_seconds, str(target.objective), target.clock.measure)
    assert found == (threshold, f"{objective:0<7}", measure)


def test_hospitals_have_three_days_for_their_charges(seeded):
    charges = Clock.objects.get(workflow__code="charge", kind="business")
    by_kind = charges.targets.exclude(facility=None).values_list(
        "facility__kind", "threshold_seconds"
    )
    assert list(by_kind) == [("hospital", 3 * 86400)] * 5


def test_federal_holidays_are_there_on_the_day_they_are_observed(seeded):
    days = set(
        BusinessCalendar.objects.get(code="office_hours").holidays.values_list("date", flat=True)
    )
    assert len(days) == 44
    assert {date(2026, 7, 3), date(2026, 11, 26), date(2027, 12, 31), date(2028, 11, 10)} <= days


def test_open_hours_are_laid_out_at_once(seeded):
    assert seeded.spans == CalendarSpan.objects.count() > 4 * 250
    assert not CatalogVersion.objects.get().spans_stale


def test_a_second_run_changes_nothing(seeded):
    before = CatalogVersion.objects.get().version
    report = seed()
    assert (report.created, report.updated, report.spans) == (0, 0, 0)
    assert (report.kept, report.left_out) == ([], [])
    assert CatalogVersion.objects.get().version == before


def test_an_edit_is_kept_and_reported_when_the_file_says_otherwise(seeded, files):
    Facility.objects.filter(code="WRENFIELD").update(name="Wrenfield Memorial")
    report = seed(directory=files)
    assert report.kept == ["facility WRENFIELD"]
    assert Facility.objects.get(code="WRENFIELD").name == "Wrenfield Memorial"


def test_an_untouched_row_follows_the_file(seeded, files):
    edit(files, "facilities.toml", "Wrenfield General Hospital", "Wrenfield Memorial")
    report = seed(directory=files)
    assert (report.updated, report.kept) == (1, [])
    assert Facility.objects.get(code="WRENFIELD").name == "Wrenfield Memorial"
    assert seed(directory=files).updated == 0


def test_a_new_row_arrives_and_a_deleted_one_stays_away(seeded, files):
    edit(
        files,
        "systems.toml",
        'code = "denials", name',
        'code = "appeals", name = "Appeals" },\n    { code = "denials", name',
    )
    Team.objects.filter(code="coding").update(code="hidden")
    report = seed(directory=files)
    assert report.created == 1
    assert report.left_out == ["team coding"]
    assert Team.objects.filter(code="appeals").exists()


def test_a_row_somebody_made_first_is_theirs(db):
    System.objects.create(code="ehr", name="Our own EHR", kind="ehr")
    assert seed().kept == ["system ehr"]
    assert System.objects.get(code="ehr").name == "Our own EHR"


def test_targets_belong_to_the_operators_from_the_first_day(seeded, files):
    edit(files, "workflows.toml", "threshold = 300\n", "threshold = 301\n")
    report = seed(directory=files)
    assert (report.created, report.updated) == (0, 0)
    assert not SlaTarget.objects.filter(threshold_seconds=301).exists()


def test_an_override_added_later_holds_from_then_on(seeded, files):
    override = 'overrides = [ { kind = "region", threshold = 60, objective = "0.9", why = "x" } ]\n'
    edit(files, "workflows.toml", "[workflow.business]", override + "[workflow.business]")
    before = datetime.now(UTC)
    assert seed(directory=files).created == 3
    begins = SlaTarget.objects.filter(facility__kind="region").values_list(
        "effective_from", flat=True
    )
    assert all((moment - before).total_seconds() > -60 for moment in begins)


def test_the_command_says_what_it_did(db):
    out = StringIO()
    call_command("seed", stdout=out)
    rows = sum(
        m.objects.count() for m in (Facility, Stage, Workflow, Clock, System, Team, Interface)
    )
    assert rows > 200
    assert "rows created, 0 updated." in out.getvalue()
    call_command("seed", stdout=out)
    assert out.getvalue().endswith("0 rows created, 0 updated.\n")
