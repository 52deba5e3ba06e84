"""A storm in the queue and on its page: one row, honest sums, and one's own facilities only."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils.timezone import now

from apps.triage import queue, seen_storms, storms
from apps.triage.filters import Asked
from apps.triage.models import Case, Storm, StormEvent
from apps.triage.reader import reader
from apps.triage.services import storms as services
from apps.triage.services.acting import NotAllowed, Refused
from tests.triage.test_storms import Ground

MINUTE = timedelta(minutes=1)
PAGE = "/exceptions/?view=all"


@pytest.fixture
def ground(desk, settings):
    settings.THROUGHLINE_STORM_CASES = 20
    return Ground(desk.network)


@pytest.fixture
def storm(desk, ground):
    """Twenty-four failures in the north and six in the south, of $10 each, just now."""
    begin = now() - 10 * MINUTE
    said = {"kind": desk.kinds["billing"], "amount_minor": 1_000, "severity": 2}
    ground.fails([begin + n * timedelta(seconds=5) for n in range(24)], **said)
    ground.fails(
        [begin + n * MINUTE for n in range(6)], facility=desk.network.facilities[1], **said
    )
    storms.sweep_storms()
    return Storm.objects.get()


def signed_in(person):
    found = Client()
    found.force_login(person)
    return found


def shown(person, path=PAGE, **headers):
    answer = signed_in(person).get(path, headers=headers or None)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def form(storm, **said):
    return {"version": storm.version, "op_id": uuid4(), **said}


def test_in_the_queue_it_is_one_row_beside_the_others(desk, storm):
    other = desk.case()
    text = shown(desk.sue)
    assert "24 failures became 1 storm: About billing" in text
    assert re.findall(r'data-case="(\w+)"', text) == [other.pk.hex]
    assert f"/exceptions/storms/{storm.pk}/" in text


def test_the_headline_counts_its_cases_and_says_how_many_are_in_storms(desk, storm):
    desk.case()
    text = re.sub(r"<[^>]+>", "", shown(desk.sue))
    assert "25 cases, 24 of them in 1 storm" in text
    assert "1 of 1 beside 1 storm" in text


def test_groups_add_up_with_it(desk, storm):
    who = reader(desk.sue, now())
    totals = queue.totals(who, Asked({}))
    assert (totals.cases, totals.amount) == (24, 24_000)
    text = re.sub(r"<[^>]+>", " ", shown(desk.sue, PAGE + "&group=cause"))
    assert re.search(r"All\s+24\s+240\.00", text)


def test_asked_for_by_itself_it_is_its_cases(desk, storm):
    desk.case()
    text = shown(desk.sue, f"/exceptions/?storm={storm.pk}")
    assert len(re.findall(r'data-case="', text)) == 24
    assert "became 1 storm" not in text
    assert "About billing" in text


def test_a_filter_leaves_of_it_what_is_asked_for(desk, storm):
    Case.objects.filter(storm=storm, pk__in=_some(storm, 3)).update(assignee=desk.ana)
    assert "3 failures became 1 storm" in shown(desk.sue, f"/exceptions/?owner={desk.ana.pk}")


def _some(storm, many):
    return list(Case.objects.filter(storm=storm).order_by("pk").values_list("pk", flat=True)[:many])


def test_over_and_nearly_closed_its_cases_are_rows_again(desk, storm):
    kept = _some(storm, 4)
    Case.objects.filter(storm=storm).exclude(pk__in=kept).update(
        status="resolved", substatus="", resolved_at=now(), resolved_by="success_event"
    )
    assert seen_storms.parts(reader(desk.sue, now()), Asked({}))[0].cases == 4
    Storm.objects.update(ended_at=now())
    assert seen_storms.parts(reader(desk.sue, now()), Asked({})) == []
    assert len(re.findall(r'data-case="', shown(desk.sue))) == 4


def test_rows_that_change_where_they_stand_bring_the_storm_along(desk, storm):
    text = shown(desk.sue, "/exceptions/fresh/?view=all&since=0", **{"HX-Request": "true"})
    assert "24 failures became 1 storm" in text
    assert "data-news" not in text


def test_everybody_sees_their_own_facilities_of_it(desk, storm):
    assert "24 failures became 1 storm" in shown(desk.ana, f"/exceptions/storms/{storm.pk}/")
    zoe = shown(desk.zoe, f"/exceptions/storms/{storm.pk}/")
    assert "6 failures became 1 storm" in zoe
    assert "$60.00" in zoe and "240" not in zoe


def test_of_what_is_not_theirs_nobody_learns_anything(desk, storm):
    Case.objects.filter(storm=storm, facility=desk.network.facilities[1]).delete()
    for path in (f"/exceptions/storms/{storm.pk}/", "/exceptions/storms/" + str(uuid4()) + "/"):
        assert signed_in(desk.zoe).get(path).status_code == 404
        assert signed_in(desk.fay).get(path).status_code == 404
        answer = signed_in(desk.zoe).post(path + "take/", form(storm))
        assert answer.status_code == 404
    assert "not known here" in shown(desk.zoe, f"/exceptions/?storm={storm.pk}")
    assert "About billing" not in shown(desk.zoe, f"/exceptions/?storm={storm.pk}")


def test_whoever_takes_it_gets_what_is_nobodys_and_what_joins_later(desk, ground, storm):
    theirs = _some(storm, 1)
    Case.objects.filter(pk__in=theirs).update(assignee=desk.bob, is_assigned_by_hand=True)
    answer = signed_in(desk.ana).post(f"/exceptions/storms/{storm.pk}/take/", form(storm))
    assert answer.status_code == 302
    services.give_out()
    north = Case.objects.filter(storm=storm, facility=desk.network.facilities[0])
    assert north.filter(assignee=desk.ana).count() == 23
    assert Case.objects.get(pk=theirs[0]).assignee == desk.bob
    assert not Case.objects.filter(storm=storm, assignee=desk.ana).exclude(pk__in=north).exists()
    [late] = ground.fails([now() - 2 * MINUTE], kind=desk.kinds["billing"])
    storms.sweep_storms()
    services.give_out()
    late.refresh_from_db()
    assert late.assignee == desk.ana
    assert late.history.order_by("-id").first().actor == desk.ana


def test_what_is_already_given_is_not_given_again(desk, storm):
    services.take(storm.pk, by=desk.ana, version=1, op_id=uuid4())
    services.give_out()
    Case.objects.filter(storm=storm).update(assignee=None)
    services.give_out()
    assert not Case.objects.filter(storm=storm, assignee=desk.ana).exists()


def test_a_lead_gives_it_to_somebody_who_can_work_it(desk, storm):
    services.assign(storm.pk, to=desk.ana, by=desk.sue, version=1, op_id=uuid4())
    services.give_out()
    assert Case.objects.filter(storm=storm, assignee=desk.ana).count() == 24
    with pytest.raises(NotAllowed):
        services.assign(storm.pk, to=desk.bob, by=desk.ana, version=2, op_id=uuid4())
    with pytest.raises(Refused, match="may not work"):
        services.assign(storm.pk, to=desk.cal, by=desk.sue, version=2, op_id=uuid4())


def test_a_form_sent_twice_happens_once_and_the_slower_is_told(desk, storm):
    said = form(storm, text="The payer knows of it.")
    page = f"/exceptions/storms/{storm.pk}/"
    browser = signed_in(desk.ana)
    assert [browser.post(page + "note/", said).status_code for _ in range(2)] == [302, 302]
    assert StormEvent.objects.count() == 1
    assert "The payer knows of it." in shown(desk.sue, page)
    assert signed_in(desk.bob).post(page + "take/", form(storm)).status_code == 409
    assert signed_in(desk.bob).post(page + "note/", form(storm, text=" ")).status_code == 422
    assert signed_in(desk.bob).post(page + "melt/", form(storm)).status_code == 404


def test_an_auditor_reads_it_and_does_nothing(desk, storm):
    page = f"/exceptions/storms/{storm.pk}/"
    assert "Your role reads exceptions" in shown(desk.cal, page)
    assert signed_in(desk.cal).post(page + "take/", form(storm)).status_code == 403
    assert signed_in(desk.eve).get(page).status_code == 403


def test_the_page_of_a_case_leads_to_its_storm(desk, storm):
    [case] = _some(storm, 1)
    assert f"/exceptions/storms/{storm.pk}/" in shown(desk.ana, f"/exceptions/{UUID(str(case))}/")
