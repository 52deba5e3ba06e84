"""Kinds of exceptions: what native codes mean, what people are told, and how that changes."""

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from apps.catalog.models import (
    ErrorClass,
    ErrorSignal,
    ExceptionKind,
    Playbook,
    System,
    Team,
    Workflow,
)
from apps.catalog.services import rows, seed, spans
from apps.core.db import fetch_value
from tests.catalog import network as net

DEMO = Path(__file__).parents[2] / "apps" / "demo" / "data" / "network.toml"
MEANS = """
SELECT k.code || ' ' || m.error_class
  FROM catalog_meaning(%(standard)s, %(code)s, %(location)s, %(workflow)s, %(target)s) m
  JOIN catalog_exceptionkind k ON k.id = m.kind_id
"""
# Who sent what, where, speaking to which kind of system: kind and class.
MEANINGS = [
    ("HL7 103 FT1-7", "charge", "billing", "CHG-02 reference_unknown"),
    ("HL7 103 PV1-3", "charge", "billing", "CHG-03 reference_unknown"),
    ("HL7 103 IN1-3", "registration", "billing", "MDM-01 reference_unknown"),
    ("HL7 204 PID-3", "registration", "billing", "IDN-02 identity"),
    ("HL7 204 PID-18", "charge", "billing", "IDN-05 identity"),
    ("HL7 204 PID-18", "payment", "billing", "PAY-03 identity"),
    ("HL7 205 PID-3", "registration", "billing", "IDN-01 identity"),
    ("HL7 205 FT1-2", "charge", "billing", "CHG-04 duplicate"),
    ("HTTP 503 /x", "eligibility", "payer", "TRN-01 transport"),
    ("HTTP 503 /x", "eligibility", "billing", "TRN-02 transport"),
    ("HTTP 504 /270", "eligibility", "payer", "TRN-01 no_ack"),
    ("HTTP 429 /journalEntry", "gl_posting", "erp", "TRN-03 throttle"),
    ("HTTP 422 /codes", "coding", "billing", "FMT-02 missing_data"),
    ("HTTP 422 /journalEntry/account", "gl_posting", "erp", "PAY-07 reference_unknown"),
    ("HTTP 422 /journalEntry/account", "adjustment", "erp", "ADJ-02 reference_unknown"),
    ("HTTP 404 /vendor", "refund", "erp", "RFD-03 reference_unknown"),
    ("277CA A3:484 PR", "claim", "payer", "TRN-01 transport"),
    ("277CA A3:999 PR", "claim", "payer", "CLM-02 payer_reject"),
    ("277CA A3:999 AY", "claim", "payer", "CLM-01 payer_reject"),
    ("277CA A7:562 2310B", "claim", "payer", "ELG-04 reference_unknown"),
    ("277CA A6:21 2300", "claim", "clearinghouse", "FMT-02 missing_data"),
    ("277 A4:35 2200D", "claim_status", "payer", "CLM-05 reference_unknown"),
    ("277 R3:252 2200D", "claim", "payer", "CLM-08 payer_decision"),
    ("TA1 025 ISA13", "claim", "clearinghouse", "FMT-05 duplicate"),
    ("TA1 011 ISA02", "claim", "clearinghouse", "TRN-04 auth"),
    ("999 R:5 AK9", "claim", "clearinghouse", "FMT-06 balance"),
    ("999 R:1 IK4", "claim", "clearinghouse", "FMT-01 syntax"),
    ("AAA 42 2100A", "eligibility", "payer", "TRN-01 transport"),
    ("AAA 75 2100C", "eligibility", "payer", "ELG-01 identity"),
    ("CARC 50 2100", "claim", "payer", "DEN-02 payer_decision"),
    ("835 BPR02 BPR", "payment", "billing", "PAY-02 balance"),
    ("ERP period_closed postingPeriod", "gl_posting", "erp", "GL-01 deadline"),
    ("condition overdue -", "claim", "payer", "TRN-07 no_ack"),
    ("condition overdue -", "payment", "erp", "PAY-05 no_ack"),
    ("condition business_overdue -", "charge", "billing", "CHG-01 sequence"),
    ("condition overdue -", "registration", "billing", "TRN-12 deadline"),
    ("condition silent -", "charge", "billing", "TRN-10 no_ack"),
    ("ACME 17 nowhere", "charge", "billing", None),
]


def meaning(text, workflow, target):
    standard, code, location = text.split()
    of = Workflow.objects.filter(code=workflow).values_list("pk", flat=True).first()
    asked = {"standard": standard, "code": code, "location": location}
    return fetch_value(
        f"SELECT ({MEANS})",
        {**asked, "workflow": of, "target": target},
    )


@pytest.fixture
def seeded(db, monkeypatch):
    monkeypatch.setattr(spans, "YEARS_BACK", 0)
    monkeypatch.setattr(spans, "YEARS_AHEAD", 0)
    return seed()


@pytest.mark.slow
def test_the_seed_tells_what_native_codes_mean(seeded):
    found = [(text, of, to, meaning(text, of, to)) for text, of, to, _ in MEANINGS]
    assert found == MEANINGS
    # Every kind has words, a due time, an owner, and at least one sign to know it by.
    assert ExceptionKind.objects.count() == Playbook.objects.count() == 80
    assert not ExceptionKind.objects.filter(signals=None).exists()
    for playbook in Playbook.objects.all():
        playbook.full_clean()
        assert playbook.to_do
    due = dict(Playbook.objects.values_list("kind__code", "due_seconds"))
    assert (due["TRN-10"], due["CHG-01"], due["CLM-01"]) == (1_800, 86_400, 9 * 3_600)


@pytest.mark.slow
def test_nothing_the_demo_network_sends_is_left_without_a_meaning(seeded):
    script = tomllib.loads(DEMO.read_text())
    unknown = [
        (code, fault)
        for code, workflow in script["workflows"].items()
        for step in workflow["steps"]
        for fault in step.get("faults", ())
        if meaning(fault, code, "payer") is None
    ]
    assert unknown == [("denial", "CARC unknown 2100")]


@pytest.fixture
def kind(db):
    net.build()
    return ExceptionKind.objects.create(code="TST-01", position=1)


def told(kind, begins, ends=None, **said):
    team, _ = Team.objects.get_or_create(code="billing_office", defaults={"name": "Billing"})
    words = {"title": "It broke", "happened": "“{step}” broke.", "matters": "It waits."}
    rules = {"steps": "Mend it.\n\nSend it.", "replay": "safe", "severity": 2}
    due = {"due_seconds": 3600, "due_measure": "elapsed", "why": "First words."}
    return Playbook(
        kind=kind, owner=team, effective_from=begins, effective_to=ends,
        **{**words, **rules, **due, **said},
    )  # fmt: skip


def test_a_playbook_has_its_steps_line_by_line(kind):
    assert told(kind, now()).to_do == ["Mend it.", "Send it."]


@pytest.mark.parametrize(
    "text",
    [
        "{patient} called",
        "{}",
        "{0}",
        "{step.name}",
        "{step",
        "{",
        "{step:{place}}",
        "{step!r}",
        "{step:>2000000000}",
        "{step.__class__}",
        "{step[0]}",
    ],
)
def test_a_playbook_names_nothing_that_a_case_cannot_fill_in(kind, text):
    with pytest.raises(ValidationError) as refused:
        told(kind, now(), happened=text).full_clean()
    assert "It may name {facility}" in refused.value.message_dict["happened"][0]


def test_what_was_in_force_is_history(kind):
    book = told(kind, now() - timedelta(days=1))
    book.save()
    book.title = "Something else"
    with pytest.raises(IntegrityError, match="history"), transaction.atomic():
        book.save()
    with pytest.raises(IntegrityError, match="history"), transaction.atomic():
        book.delete()
    tomorrow = now() + timedelta(days=1)
    Playbook.objects.filter(pk=book.pk).update(effective_to=tomorrow)
    later = told(kind, tomorrow)
    later.save()
    later.title = "Planned, and still free"
    later.save()


def test_two_versions_never_hold_at_once(kind):
    told(kind, now() - timedelta(days=1)).save()
    with pytest.raises(IntegrityError, match="playbook_no_overlap"), transaction.atomic():
        told(kind, now() + timedelta(days=1)).save()


def test_a_new_version_goes_through_two_people_as_rows(kind):
    book = told(kind, now() - timedelta(days=1))
    book.save()
    tomorrow = now() + timedelta(days=1)
    book.effective_to = tomorrow
    change = [
        rows.changed(book, "effective_to"),
        rows.added(told(kind, tomorrow, title="It broke again")),
    ]
    rows.try_rows(change)
    assert Playbook.objects.count() == 1
    rows.apply_rows(change)
    titles = kind.playbooks.order_by("effective_from").values_list("title", flat=True)
    assert list(titles) == ["It broke", "It broke again"]


def test_a_pattern_means_only_what_it_spells(kind):
    """Wildcards of the database are letters here, and a star is anything."""
    for code, meant in [("A_B", ErrorClass.SYNTAX), ("50%", ErrorClass.BALANCE)]:
        ErrorSignal.objects.create(kind=kind, standard="X", code=code, error_class=meant)
    ErrorSignal.objects.create(
        kind=kind, standard="X", code="A*", error_class=ErrorClass.INTERNAL,
        target=System.Kind.ERP,
    )  # fmt: skip

    def means(code, target="billing"):
        return meaning(f"X {code} here", None, target)

    assert means("A_B") == "TST-01 syntax"
    assert means("AxB") is None
    assert means("AxB", "erp") == "TST-01 internal"
    assert means("500") is None
    assert means("50%") == "TST-01 balance"


def test_a_code_means_one_thing_at_one_place(kind):
    said = {"kind": kind, "standard": "X", "code": "1", "error_class": ErrorClass.SYNTAX}
    ErrorSignal.objects.create(**said)
    with pytest.raises(IntegrityError, match="errorsignal_once"), transaction.atomic():
        ErrorSignal.objects.create(**said)
