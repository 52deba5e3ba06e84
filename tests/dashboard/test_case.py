"""The page of a case: what it says, what it offers and refuses, and what pressing does."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from apps.triage import services, worktime
from apps.triage.models import Case, CaseEvent, Look, Status
from apps.triage.outcomes import first_time_fixes, outcomes
from apps.triage.services import acting
from tests.pipeline.network import build
from tests.triage.desk import open_desk


@pytest.fixture
def desk(db):
    return open_desk(build())


@pytest.fixture
def at(client):
    """The browser of somebody."""

    def sign_in(person):
        client.force_login(person)
        return client

    return sign_in


def address(case, verb=""):
    return f"/exceptions/{case.pk}/" + (f"{verb}/" if verb else "")


def form(case, **said):
    return {"version": case.version, "op_id": uuid4(), **said}


def test_it_says_what_happened_what_it_blocks_and_what_to_do(desk, at):
    case = desk.case(amount_minor=1_891_240, amount_kind=2, payer="ACME")
    page = at(desk.ana).get(address(case))
    assertContains(page, "<h1>About billing</h1>", html=True)
    assertContains(page, "It failed at “Step 2”.")
    assertContains(page, "$18,912.40 (expected net)")
    assertContains(page, "Mend it.")
    assertContains(page, "None like this was closed in the last 90 days")
    assertNotContains(page, "<title>ACME", status_code=200)


def test_steps_are_filled_in_like_the_first_line(desk, at):
    case = desk.case(kind=desk.kinds["money"])
    Case.objects.update(error_location="NM109")
    assertContains(at(desk.ana).get(address(case)), "Fill in NM109.")


def test_out_of_scope_out_of_realm_and_nowhere_are_the_same(desk, at):
    south, billing = desk.case(facility=desk.network.facilities[1]), desk.case()
    assert at(desk.ana).get(address(south)).status_code == 404
    assert at(desk.fay).get(address(billing)).status_code == 404
    assert at(desk.fay).get(address(desk.case(kind=desk.kinds["money"]))).status_code == 200
    assert at(desk.ana).get(f"/exceptions/{uuid4()}/").status_code == 404
    assert at(desk.eve).get(address(billing)).status_code == 403


def test_who_may_only_read_sees_every_act_refused_and_cannot_do_it(desk, at):
    case = desk.case()
    page = at(desk.cal).get(address(case))
    assertContains(page, "Your role does not work this kind of case.")
    assertNotContains(page, 'action="/exceptions/')
    assert at(desk.cal).post(address(case, "take"), form(case)).status_code == 403
    engineer = at(desk.eli)
    assertContains(engineer.get(address(case)), "Your role does not work this kind of case.")
    assertContains(engineer.post(address(case, "take"), form(case)), "Your role", status_code=403)
    assert not Look.objects.exists()


def test_pressing_does_it_and_leads_back_with_an_undo(desk, at):
    case = desk.case()
    browser = at(desk.ana)
    told = browser.post(address(case, "take"), form(case))
    assertRedirects(told, address(case))
    page = browser.get(address(case))
    assertContains(page, "works on it for")
    assertContains(page, "Undo: took it")
    case.refresh_from_db()
    browser.post(address(case, "undo"), form(case))
    assert Case.objects.get(pk=case.pk).status == "open"


@pytest.mark.parametrize(
    ("verb", "said", "status"),
    [
        ("resolve", {"resolution": "by_hand", "comment": "typed it in"}, "resolved"),
        ("resolve", {"resolution": "mapped", "comment": "added it"}, "verifying"),
        ("pend", {"waits_for": "payer", "until": "3", "reason": "wrote to them"}, "pending"),
        ("dismiss", {"scope": "this_case", "reason": "noise"}, "dismissed"),
        ("escalate", {"reason": "hard"}, "open"),
        ("note", {"text": "called them"}, "open"),
        ("link", {"url": "https://tickets.example.org/1"}, "open"),
    ],
)
def test_every_form_does_what_it_says(desk, at, verb, said, status):
    case = desk.case()
    told = at(desk.ana).post(address(case, verb), form(case, **said))
    assert told.status_code == 302, told.content.decode()
    assert Case.objects.get(pk=case.pk).status == status
    assert CaseEvent.objects.get(case=case).actor == desk.ana
    assert at(desk.ana).get(address(case)).status_code == 200


def test_a_day_and_time_is_that_of_the_facility(desk, at):
    case = desk.case()
    local = (now() + timedelta(days=2)).replace(tzinfo=None, second=0, microsecond=0)
    said = {"waits_for": "later", "until": "moment", "moment": f"{local:%Y-%m-%dT%H:%M}"}
    at(desk.ana).post(address(case, "pend"), form(case, reason="then", **said))
    until = Case.objects.get(pk=case.pk).pend.until
    assert until.replace(tzinfo=None) - local in (timedelta(hours=4), timedelta(hours=5))


def test_what_is_left_out_is_said_at_its_place(desk, at):
    case = desk.case()
    page = at(desk.ana).post(
        address(case, "resolve"), form(case, resolution="by_hand", comment=" ")
    )
    assertContains(page, "This field is required.", status_code=422)
    page = at(desk.ana).post(
        address(case, "pend"), form(case, waits_for="payer", until="moment", reason="x")
    )
    assertContains(page, "Give the day and time.", status_code=422)


def test_whoever_comes_late_sees_who_was_faster_and_how_it_stands(desk, at):
    case = desk.case()
    late = form(case, resolution="by_hand", comment="done")
    services.take(case.pk, by=desk.bob, version=case.version, op_id=uuid4())
    page = at(desk.ana).post(address(case, "resolve"), late)
    assertContains(page, "Bob took it", status_code=409)
    assertContains(page, "Bob is working on it until", status_code=409)
    assertContains(page, "Nothing of yours was changed", status_code=409)


def test_next_goes_to_the_best_case_or_says_that_nothing_waits(desk, at):
    case = desk.case(score=5)
    browser = at(desk.ana)
    assertRedirects(browser.post("/exceptions/next/", {"op_id": uuid4()}), address(case))
    assert browser.post("/exceptions/next/").url == "/exceptions/"
    assert at(desk.cal).post("/exceptions/next/").status_code == 403


def test_a_lead_merges_and_the_page_leads_to_the_other_one(desk, at):
    one = desk.case()
    other = desk.case(rank=3, transaction_id=one.transaction_id)
    browser = at(desk.sue)
    assertContains(browser.get(address(one)), address(other))
    told = form(one, into=other.pk, reason="same")
    assert browser.post(address(one, "merge"), told).status_code == 302
    assertContains(browser.get(address(one)), f'href="{address(other)}"')


def test_how_its_like_went_is_counted_from_real_cases(desk, at):
    moment = now()
    done = {"resolved_at": moment, "responded_at": moment - timedelta(minutes=6)}
    for _ in range(2):
        desk.case(Status.RESOLVED, fixed_at=moment, **done)
    desk.case(Status.RESOLVED, resolved_by="success_event", regressions=1)
    desk.case(Status.DISMISSED)
    desk.case(Status.RESOLVED, facility=desk.network.facilities[1])
    case = desk.case()
    ids = [desk.network.facilities[0].pk]
    found = outcomes(case.kind_id, facilities=ids, now=now(), but=case.pk)
    assert (found.closed, found.fixed, found.by_itself, found.dismissed, found.came_back) == (
        4, 2, 1, 1, 1,
    )  # fmt: skip
    assert found.median == timedelta(minutes=6)
    page = at(desk.ana).get(address(case))
    assertContains(page, "Too few to be a rule.")
    assertContains(page, "<b>2</b> fixed by people")


def test_a_fix_is_right_the_first_time_unless_something_brought_the_case_back(desk):
    fixed = [desk.case() for _ in range(4)]
    for case in fixed:
        services.resolve(
            case.pk, resolution=services.Resolution.MAPPED, comment="x", by=desk.ana,
            version=case.version, op_id=None,
        )  # fmt: skip
    CaseEvent.objects.create(case=fixed[0], kind="unconfirmed", before="verifying", after="open")
    [found] = first_time_fixes(
        facilities=[desk.network.facilities[0].pk], since=now() - timedelta(days=1), now=now()
    )
    assert (found.fixes, found.held, found.share) == (4, 3, 0.75)


def test_time_is_counted_by_sittings_and_shown_to_whose_it_is(desk, at, monkeypatch):
    case, start = desk.case(), now().replace(second=0, microsecond=0)
    for person, minutes in ((desk.ana, (0, 10, 24, 60)), (desk.bob, (5,))):
        for minute in minutes:
            worktime.note_look(case.pk, person, start + timedelta(minutes=minute))
    monkeypatch.setattr(acting, "now", lambda: start + timedelta(minutes=74))
    services.note(case.pk, text="x", by=desk.ana, version=None, op_id=None)
    ana, bob = worktime.worked(case.pk)
    # 0 to 24 and 60 to 74; of a single moment, a minute.
    assert (ana.touches, ana.length) == (2, timedelta(minutes=38))
    assert (bob.touches, bob.length) == (1, timedelta(minutes=1))
    page = at(desk.sue).get(address(case))
    assertNotContains(page, "38\u202fm")
    assertContains(page, "Your own time")


def test_looking_twice_in_a_minute_is_one_look(desk, at):
    case = desk.case()
    for _ in range(3):
        at(desk.ana).get(address(case))
    assert Look.objects.count() in (1, 2)


def test_each_state_has_a_page(desk, at):
    for status in Status:
        assert at(desk.sue).get(address(desk.case(status))).status_code == 200
