"""Kinds of exceptions on their pages: looked up, asked, and changed by two people."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEvent
from apps.accounts.services import access
from apps.catalog.models import ChangeProposal, ErrorSignal, ExceptionKind, Playbook, Team
from tests.dashboard.cast import make_person
from tests.dashboard.conftest import signed_in

WORDS = {
    "title": "It broke", "happened": "“{step}” broke.", "matters": "It waits.",
    "steps": "Mend it.\nSend it.", "replay": "safe", "severity": 2,
}  # fmt: skip


@pytest.fixture
def kind(network):
    found = ExceptionKind.objects.create(code="TST-01", position=1)
    team = Team.objects.create(code="desk", name="Desk")
    Playbook.objects.create(
        kind=found, owner=team, due_seconds=4 * 3600, due_measure="business", why="First.",
        effective_from=timezone.now() - timedelta(days=9), **WORDS,
    )  # fmt: skip
    ErrorSignal.objects.create(kind=found, standard="http", code="503", error_class="transport")
    return found


@pytest.fixture
def as_lea(network):
    """A second lead, who approves."""
    return signed_in(make_person("lea", "integration_lead", network.facilities[0].parent))


def said(**other):
    team = Team.objects.get(code="desk")
    due = {"owner": team.pk, "due": "30", "unit": "elapsed 60", "why": "Staff asked for it."}
    return {**WORDS, **due, **other}


def test_a_kind_shows_its_words_and_what_it_is_known_by(as_ivo, kind):
    page = as_ivo.get("/catalogue/exceptions/TST-01/").content.decode()
    for text in ("It broke", "2. Send it.", "http 503", "4\u202fh of open hours", "In force"):
        assert text in page


def test_a_code_is_asked_and_answered(as_ivo, kind):
    known = as_ivo.get("/catalogue/exceptions/?standard=http&code=503&location=x")
    assert known.context["meaning"].kind == kind
    unknown = as_ivo.get("/catalogue/exceptions/?standard=http&code=999").content.decode()
    assert "Nobody has said what it means" in unknown
    for query in ("?code=", "?standard=http&code=1&workflow=nope", "?code=1&target=nope"):
        assert as_ivo.get(f"/catalogue/exceptions/{query}").status_code == 200


def test_other_words_hold_once_a_second_person_agrees(as_ivo, as_lea, kind):
    form = as_ivo.get("/catalogue/exceptions/TST-01/words/").content.decode()
    assert 'value="4"' in form
    as_ivo.post("/catalogue/exceptions/TST-01/words/", said(title="It broke badly"))
    proposal = ChangeProposal.objects.get()
    assert (proposal.kind, Playbook.objects.count()) == ("rows", 1)
    shown = as_lea.get(f"/catalogue/changes/{proposal.pk}/").content.decode()
    assert "It broke badly" in shown
    assert "two minutes after approval" in shown

    as_lea.post(f"/catalogue/changes/{proposal.pk}/decide/", {"decision": "approve"})
    old, new = kind.playbooks.order_by("effective_from")
    assert old.effective_to == new.effective_from > timezone.now()
    assert (new.title, new.due_seconds, new.due_measure) == ("It broke badly", 1800, "elapsed")


def test_no_text_is_taken_for_the_moment_of_approval(as_ivo, as_lea, kind):
    as_ivo.post("/catalogue/exceptions/TST-01/words/", said(title="at approval"))
    proposal = ChangeProposal.objects.get()
    as_lea.post(f"/catalogue/changes/{proposal.pk}/decide/", {"decision": "approve"})
    assert Playbook.objects.latest("effective_from").title == "at approval"


def test_a_supervisor_of_the_whole_network_looks_and_proposes_nothing(network, kind):
    top = network.facilities[0].parent
    as_rae = signed_in(make_person("rae", "rcm_supervisor", top))
    page = as_rae.get("/catalogue/exceptions/TST-01/")
    assert "Propose other words" not in page.content.decode()
    assert as_rae.post("/catalogue/exceptions/new/", {"code": "TST-09"}).status_code == 403
    assert not ExceptionKind.objects.filter(code="TST-09").exists()


def test_a_lead_of_a_part_sees_no_button_that_leads_nowhere(network, kind):
    as_ned = signed_in(make_person("ned", "integration_lead", network.facilities[0]))
    page = as_ned.get("/catalogue/exceptions/TST-01/").content.decode()
    assert "Propose other words" not in page
    assert "Remove" not in page
    assert as_ned.get("/catalogue/exceptions/TST-01/words/").status_code == 403


def test_nobody_approves_their_own_words(as_ivo, kind):
    as_ivo.post("/catalogue/exceptions/TST-01/words/", said(title="Mine"))
    proposal = ChangeProposal.objects.get()
    as_ivo.post(f"/catalogue/changes/{proposal.pk}/decide/", {"decision": "approve"})
    assert Playbook.objects.count() == 1


def test_words_of_somebody_who_lost_a_part_of_the_network_do_not_hold(
    as_ivo, as_lea, ivo, kind, network
):
    as_ivo.post("/catalogue/exceptions/TST-01/words/", said(title="Too late"))
    access.revoke_facility(of=ivo, facility=network.facilities[0].parent)
    access.grant_facility(to=ivo, facility=network.facilities[0])
    proposal = ChangeProposal.objects.get()
    answer = as_lea.post(
        f"/catalogue/changes/{proposal.pk}/decide/", {"decision": "approve"}, follow=True
    )
    assert "may not propose any more" in answer.content.decode()
    assert Playbook.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"happened": "{patient} called"}, "It may name {facility}"),
        ({"due": "0.5"}, "Between a minute and a year"),
        ({"due": "9000", "unit": "business 3600"}, "Between a minute and a year"),
        ({"why": "no"}, "at least 5"),
        ({"severity": "9"}, "valid choice"),
        ({"title": "x" * 81}, "at most 80"),
    ],
)
def test_words_that_cannot_be_are_shown_again_with_the_reason(as_ivo, kind, wrong, text):
    page = as_ivo.post("/catalogue/exceptions/TST-01/words/", said(**wrong))
    assert text in page.content.decode()
    assert not ChangeProposal.objects.exists()


def test_a_new_kind_is_one_persons_and_says_nothing_until_two_agree(as_ivo, as_lea, kind):
    answer = as_ivo.post("/catalogue/exceptions/new/", {"code": "TST-02"})
    assert answer.url == "/catalogue/exceptions/TST-02/words/"
    assert AuditEvent.objects.filter(on="exception:TST-02").exists()
    assert "Nothing said yet" in as_ivo.get("/catalogue/exceptions/").content.decode()
    as_ivo.post("/catalogue/exceptions/TST-02/words/", said())
    as_lea.post(
        f"/catalogue/changes/{ChangeProposal.objects.get().pk}/decide/", {"decision": "approve"}
    )
    assert Playbook.objects.filter(kind__code="TST-02").count() == 1


def test_a_code_of_a_kind_is_well_formed_and_new(as_ivo, kind):
    for code, text in (("tst", "two or three capitals"), ("TST-01", "already exists")):
        page = as_ivo.post("/catalogue/exceptions/new/", {"code": code}).content.decode()
        assert text in page


def test_codes_come_and_go_by_two_people(as_ivo, as_lea, kind):
    new = {"standard": "HL7", "code": "103", "location": "FT1-*", "error_class": "syntax",
           "why": "It means this."}  # fmt: skip
    as_ivo.post("/catalogue/exceptions/TST-01/codes/", new)
    as_ivo.post(f"/catalogue/codes/{kind.signals.get().pk}/remove/")
    for proposal in ChangeProposal.objects.all():
        as_lea.post(f"/catalogue/changes/{proposal.pk}/decide/", {"decision": "approve"})
    assert str(kind.signals.get()) == "HL7 103 FT1-*"


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"code": "1 2"}, "Without spaces"),
        ({"code": "*", "location": "*"}, "Name some of it"),
        ({"code": "**", "location": "*"}, "Name some of it"),
        ({"standard": "*"}, "Name one"),
        ({"code": "1\t2"}, "Without spaces"),
        ({"standard": "http", "code": "503", "location": "*"}, "means something already"),
    ],
)
def test_a_code_that_cannot_be_is_shown_again_with_the_reason(as_ivo, kind, wrong, text):
    new = {"standard": "HL7", "code": "103", "location": "*", "error_class": "syntax",
           "why": "It means this."}  # fmt: skip
    page = as_ivo.post("/catalogue/exceptions/TST-01/codes/", {**new, **wrong}, follow=True)
    assert text in page.content.decode()
    assert not ChangeProposal.objects.exists()


def test_the_list_costs_the_same_however_many_kinds_there_are(as_ivo, kind, budget):
    as_ivo.get("/catalogue/exceptions/")
    with budget(13, exact=False) as few:
        as_ivo.get("/catalogue/exceptions/")
    cost = len(few)
    book = kind.playbooks.get()
    for number in range(2, 30):
        book.kind = ExceptionKind.objects.create(code=f"TST-{number:02}", position=number)
        book.owner = Team.objects.create(code=f"desk_{number}", name=f"Desk {number}")
        book.pk = None
        book.save()
    as_ivo.get("/catalogue/exceptions/")
    with budget(cost):
        as_ivo.get("/catalogue/exceptions/")
