"""The queue: what it lists, in which order, what it counts, and that a page moves under nobody."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.utils.timezone import now

from apps.accounts.models import User
from apps.catalog.models import ExceptionKind, Playbook, Team
from apps.core.db import execute
from apps.triage import queue, standing
from apps.triage.filters import Asked
from apps.triage.groups import GROUPINGS, grouped
from apps.triage.models import Case
from apps.triage.queue import ORDERS, PAGE, Mark, Order, Way
from apps.triage.reader import Reader, reader
from tests.dashboard.cast import NORTH, SOUTH, make_person
from tests.triage.crowd import crowd, open_cases


@pytest.fixture
def place(db):
    from tests.pipeline.network import build

    return build()


@pytest.fixture
def somebody(place) -> User:
    return make_person("somebody", "rcm_supervisor", place.facilities[NORTH])


@pytest.fixture
def browser(somebody) -> Client:
    found = Client()
    found.force_login(somebody)
    return found


def walked(who: Reader, asked: Asked, order: Order) -> list[UUID]:
    """Every case of a question, page by page to the end."""
    found, mark = [], None
    while True:
        page = queue.page(who, asked, order, mark=mark)
        found += [one.id for one in page.rows]
        if not page.after:
            return found
        mark = Mark.of(page.after, order)


@pytest.mark.parametrize("by", ORDERS)
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_order_has_each_case_once_whatever_is_equal(place, somebody, by, sign):
    made = crowd(place, 130, seed=5)
    who = reader(somebody, now())
    order = Order.of(f"{sign}{by}")
    found = walked(who, Asked({}), order)
    assert sorted(found) == sorted(one.pk for one in made if one.facility_id in who.facilities)
    last = queue.page(who, Asked({}), order, mark=Mark.of(_mark_of(who, order, found[-1]), order),
                      way=Way.BEFORE)  # fmt: skip
    assert [one.id for one in last.rows] == found[-PAGE - 1 : -1]


def _mark_of(who, order, id):
    mark = None
    while True:
        page = queue.page(who, Asked({}), order, mark=mark)
        for one in page.rows:
            if one.id == id:
                return one.mark
        mark = Mark.of(page.after, order)


def test_what_comes_in_or_goes_meanwhile_moves_no_other_row(place, somebody):
    crowd(place, 160, seed=6)
    who, order = reader(somebody, now()), Order()
    before = walked(who, Asked({}), order)
    first = queue.page(who, Asked({}), order)
    crowd(place, 40, seed=7)
    gone = before[PAGE + 3]
    Case.objects.filter(pk=gone).update(
        status="resolved", substatus="", resolved_at=now(), resolved_by="user"
    )
    second = queue.page(who, Asked({}), order, mark=Mark.of(first.after, order))
    later = [one.id for one in second.rows]
    known = set(before)
    assert [one for one in later if one in known] == [
        one for one in before[PAGE:] if one in set(later)
    ]
    assert gone not in later
    assert not set(later) & {one.id for one in first.rows}


def test_a_page_before_a_mark_is_the_one_it_came_from(place, somebody):
    crowd(place, 260, seed=8)
    who, order = reader(somebody, now()), Order.of("amount")
    first = queue.page(who, Asked({}), order)
    second = queue.page(who, Asked({}), order, mark=Mark.of(first.after, order))
    back = queue.page(who, Asked({}), order, mark=Mark.of(second.before, order), way=Way.BEFORE)
    assert [one.id for one in back.rows] == [one.id for one in first.rows]
    assert (back.before, bool(back.after)) == ("", True)


def plain(case: Case, who: Reader, asked: str, value: str) -> bool:
    """What a filter means, in plain Python."""
    moment = who.now
    dues = [one for one in (case.money_due_at, case.resolve_by) if one]
    return {
        ("severity", "S1,S2"): case.severity in (1, 2),
        ("state", "new,regressed"): case.status == "open"
        and case.substatus in ("new", "regressed"),
        ("state", "pending"): case.status == "pending",
        ("state", "ongoing"): case.status == "open" and case.substatus == "",
        ("owner", "none"): case.assignee_id is None,
        ("owner", "me"): case.assignee_id == who.user.pk,
        ("kind", "none"): case.kind_id is None,
        ("dollars", "over-100"): (case.amount_minor or 0) > 10_000,
        ("dollars", "none"): case.amount_minor is None,
        ("due", "past"): bool(dues) and min(dues) < moment,
        ("due", "7d"): bool(dues) and moment <= min(dues) < moment + timedelta(days=7),
        ("due", "none"): not dues,
        ("due", "money-14d"): bool(case.money_due_at)
        and case.money_due_at < moment + timedelta(days=14),
        ("age", "over-3d"): case.opened_at <= moment - timedelta(days=3),
        ("age", "under-1d"): case.opened_at > moment - timedelta(days=1),
        ("payer", "ACME, Inc."): case.payer == "ACME, Inc.",
        ("payer", "none"): case.payer is None,
        ("deadline", "filing"): case.money_due_kind == "filing",
        ("workflow", "flow_1"): case.workflow.code == "flow_1",
        ("class", "transport"): case.error_class == "transport",
    }[asked, value]


FILTERED = [
    ("severity", "S1,S2"), ("state", "new,regressed"), ("state", "pending"), ("state", "ongoing"),
    ("owner", "none"), ("owner", "me"), ("kind", "none"), ("dollars", "over-100"),
    ("dollars", "none"), ("due", "past"), ("due", "7d"), ("due", "none"), ("age", "over-3d"),
    ("age", "under-1d"), ("payer", "ACME, Inc."), ("payer", "none"), ("deadline", "filing"),
    ("due", "money-14d"), ("workflow", "flow_1"), ("class", "transport"),
]  # fmt: skip


def test_every_filter_lists_counts_and_groups_what_it_means(place, somebody):
    crowd(place, 120, seed=9, owner=somebody)
    who = reader(somebody, now())
    mine = [one for one in open_cases() if one.facility_id in who.facilities]
    for name, value in FILTERED:
        asked = Asked.of({name: value})
        expected = {one.pk for one in mine if plain(one, who, name, value)}
        assert expected, (name, value)
        assert set(walked(who, asked, Order())) == expected, (name, value)
        assert queue.totals(who, asked).cases == len(expected)
        assert queue.counts(who, [asked, Asked({})]) == [len(expected), len(mine)]


@pytest.mark.parametrize("by", GROUPINGS)
def test_groups_add_up_to_the_headline(place, somebody, by):
    crowd(place, 150, seed=10, owner=somebody)
    who = reader(somebody, now())
    total, found = queue.totals(who, Asked({})), grouped(who, Asked({}), by)
    assert sum(one.sum.cases for one in found) == total.cases
    assert sum(one.sum.amount for one in found) == total.amount
    assert sum(one.sum.past_due for one in found) == total.past_due
    for one in found:
        assert queue.totals(who, Asked.of({by: one.code})).cases == one.sum.cases, one.name


def test_nothing_of_another_facility_is_listed_counted_or_named(place, somebody, browser):
    crowd(place, 30, seed=11)
    Case.objects.filter(facility=place.facilities[SOUTH]).update(payer="Southern Secret")
    elsewhere = {
        one.pk.hex for one in open_cases() if one.facility_id == place.facilities[SOUTH].pk
    }
    assert elsewhere
    for query in (
        "view=all",
        "view=all&group=payer",
        "view=all&facility=SOUTH",
        "payer=Southern+Secret",
    ):
        page = browser.get(f"/exceptions/?{query}").content.decode()
        assert not [one for one in elsewhere if one in page]
        assert "Southern Secret" not in page or "payer=" in query
    menu = browser.get("/exceptions/filters/payer/?view=all", headers={"HX-Request": "true"})
    assert "Southern Secret" not in menu.content.decode()
    fresh = browser.get(f"/exceptions/fresh/?view=all&ids={''.join(elsewhere)}",
                        headers={"HX-Request": "true"})  # fmt: skip
    assert "data-case" not in fresh.content.decode()


def test_who_approves_money_sees_money_kinds_alone(place, browser):
    crowd(place, 60, seed=25, facility=NORTH)
    payment = ExceptionKind.objects.create(code="PAY-98", position=98)
    paid = [one.pk for one in Case.objects.all()[:7]]
    Case.objects.filter(pk__in=paid).update(kind=payment)
    finance = make_person("fin", "finance_approver", place.facilities[NORTH])
    who = reader(finance, now())
    assert set(walked(who, Asked({}), Order())) == set(paid)
    assert set(walked(who, Asked({}), Order.of("amount"))) == set(paid)
    assert queue.totals(who, Asked({})).cases == 7
    assert queue.counts(who, [Asked({})]) == [7]
    assert [one.sum.cases for one in grouped(who, Asked({}), "kind")] == [7]
    everything = list(Case.objects.values_list("pk", flat=True))
    assert {one.id for one in queue.by_ids(who, everything)} == set(paid)


def test_a_filter_that_is_not_known_matches_nothing_and_says_so(place, browser):
    crowd(place, 10, seed=12)
    for query in (
        "facility=SOUTH",
        "facility=NOPE",
        "kind=XYZ-99",
        "severity=9",
        "owner=nobody",
        "due=never",
    ):
        page = browser.get(f"/exceptions/?{query}").content.decode()
        assert "not known here" in page, query
        assert "data-case" not in page
        assert "Remove that filter" in page


def test_an_empty_list_names_the_filter_that_removes_most(place, browser):
    crowd(place, 20, seed=13)
    Case.objects.update(severity=3, payer="ACME")
    page = browser.get("/exceptions/?severity=S3&payer=Nobody").content.decode()
    assert re.search(r"Without “Payer: Nobody” there are \d+ cases", page)


def test_filing_deadlines_are_those_of_filing_alone(place, somebody):
    crowd(place, 80, seed=21, facility=NORTH)
    for case in Case.objects.exclude(money_due_at=None)[::2]:
        Case.objects.filter(pk=case.pk).update(money_due_kind="close")
    who = reader(somebody, now())
    view = next(one for one in standing.EVERYBODYS if one.code == "filing")
    soon = who.now + timedelta(days=14)
    expected = Case.objects.filter(money_due_kind="filing", money_due_at__lt=soon)
    assert expected.exists()
    assert sorted(walked(who, view.asked, Order())) == sorted(one.pk for one in expected)


def test_who_has_nothing_yet_is_shown_the_way_on(place, browser):
    crowd(place, 30, seed=20, facility=NORTH)
    Case.objects.update(assignee=None)
    for address in ("/exceptions/?view=mine", "/exceptions/?view=mine&group=cause"):
        page = browser.get(address).content.decode()
        assert "Nothing is yours" in page
        assert "Take the next best" in page
        assert re.search(r'view=unassigned">Unassigned <span class="num">30<', page)
        assert "Nothing for these filters" not in page
    assert (
        "Nothing for these filters"
        in browser.get("/exceptions/?view=mine&severity=S1,S2,S3,S4").content.decode()
    )


def test_who_only_reads_is_offered_nothing_to_take(place):
    cal = make_person("cal", "compliance_auditor", place.facilities[NORTH])
    crowd(place, 5, seed=20, facility=NORTH)
    found = Client()
    found.force_login(cal)
    page = found.get("/exceptions/?view=mine").content.decode()
    assert "Your role reads cases" in page
    assert "Take the next best" not in page


def test_a_network_where_all_is_well_says_so(place, browser):
    assert "Nothing is open" in browser.get("/exceptions/?view=all").content.decode()


def test_a_view_that_is_not_the_readers_is_not_there(browser):
    assert browser.get("/exceptions/?view=" + "0" * 32).status_code == 404


def test_a_title_is_that_of_the_playbook_in_force(place, browser):
    kind = ExceptionKind.objects.create(code="TST-01", position=1)
    words = {
        "kind": kind, "happened": "It broke.", "matters": "It waits.", "steps": "Mend it.",
        "replay": "fixed", "owner": Team.objects.create(code="t", name="Team"), "severity": 2,
        "due_seconds": 3600, "due_measure": "elapsed", "why": "As it was.",
    }  # fmt: skip
    Playbook.objects.create(
        title="Old words", effective_from=now() - timedelta(days=9),
        effective_to=now() - timedelta(days=1), **words,
    )  # fmt: skip
    Playbook.objects.create(title="New words", effective_from=now() - timedelta(days=1), **words)
    crowd(place, 3, seed=14)
    Case.objects.update(kind=kind)
    page = browser.get("/exceptions/?view=all").content.decode()
    assert "New words" in page
    assert "Old words" not in page


def test_words_find_titles_and_numbers_leave_no_trace_in_the_address(place, browser):
    crowd(place, 3, seed=15)
    said = browser.post("/exceptions/find/?view=all", {"q": "CLM-4711"})
    assert said.status_code == 302
    assert "4711" not in said.url
    assert "found=" in said.url
    assert browser.get(said.url).status_code == 200


def test_rows_are_told_again_as_they_are_and_unchanged_ones_cost_nothing(place, browser):
    crowd(place, 5, seed=16)
    shown = re.findall(r'data-case="(\w+)"', browser.get("/exceptions/?view=all").content.decode())
    asked = f"/exceptions/fresh/?view=all&ids={''.join(shown)}"
    first = browser.get(asked, headers={"HX-Request": "true"})
    again = browser.get(asked, headers={"HX-Request": "true", "If-None-Match": first["ETag"]})
    assert again.status_code == 304
    Case.objects.filter(pk=UUID(shown[0])).update(
        status="resolved", substatus="", resolved_at=now(), resolved_by="user"
    )
    later = browser.get(asked, headers={"HX-Request": "true", "If-None-Match": first["ETag"]})
    assert later.status_code == 200
    assert "Resolved" in later.content.decode()
    assert re.findall(r'data-case="(\w+)"', later.content.decode()) == shown


def test_what_came_in_since_is_offered_not_forced(place, browser):
    crowd(place, 3, seed=17)
    page = browser.get("/exceptions/?view=all").content.decode()
    shown = re.findall(r'data-case="(\w+)"', page)
    since = re.search(r"since=(\d+)", page)[1]
    crowd(place, 2, seed=18, facility=NORTH)
    fresh = browser.get(f"/exceptions/fresh/?view=all&since={since}&ids={''.join(shown)}",
                        headers={"HX-Request": "true"})  # fmt: skip
    assert "2 new" in fresh.content.decode()


BEGINS = {
    "revenue_cycle_analyst": "My queue",
    "rcm_supervisor": "All open",
    "integration_engineer": "Technical",
    "compliance_auditor": "All open",
}


def test_a_role_begins_with_its_view(place):
    for role, name in BEGINS.items():
        them = Client()
        them.force_login(make_person(f"one-{role}", role, place.facilities[NORTH]))
        assert f"<h1>{name}</h1>" in them.get("/exceptions/").content.decode()


def test_views_count_what_they_list(place, somebody):
    crowd(place, 90, seed=19, owner=somebody)
    who = reader(somebody, now())
    views = standing.views(who, who.roles)
    for view, count in zip(views, standing.counted(who, views), strict=True):
        assert count == len(walked(who, view.asked, Order())), view.name


def test_the_queue_is_read_from_its_index_alone(place, somebody):
    crowd(place, 400, seed=20)
    execute("ANALYZE triage_case")
    plan = "\n".join(line for (line,) in _explained(reader(somebody, now())))
    assert "case_queue" in plan


def _explained(who):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        queue.page(who, Asked({}), Order())
    [statement] = [one["sql"] for one in asked.captured_queries if "triage_case" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + statement)
        return cursor.fetchall()


def test_a_question_about_much_gets_its_rows_first_and_its_sums_a_moment_later(
    place, browser, monkeypatch
):
    crowd(place, 60, seed=21)
    monkeypatch.setattr("apps.triage.summary.MANY", 10)
    assert "at risk" in browser.get("/exceptions/?view=all").content.decode()
    later = browser.get("/exceptions/?view=all&severity=S1,S2").content.decode()
    assert "Adding up" in later
    assert "data-case" in later
    address = re.search(r'hx-get="(/exceptions/totals/[^"]+)"', later)[1].replace("&amp;", "&")
    told = browser.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "at risk" in told
    without_script = browser.get("/exceptions/?view=all&severity=S3&count=now").content.decode()
    assert "Adding up" not in without_script


def test_what_nobody_has_explained_is_ranked_by_volume_with_its_share(place, browser):
    crowd(place, 40, seed=22, facility=NORTH)
    Case.objects.filter(kind=None).update(kind=ExceptionKind.objects.get(code="TST-10"))
    Case.objects.filter(pk__in=[one.pk for one in Case.objects.all()[:4]]).update(kind=None)
    page = browser.get("/exceptions/?view=unexplained").content.decode()
    assert re.search(r"90 %</b>\s+of what is open is explained", page)
    assert "standard=http&amp;code=50" in page
    counts = [int(one) for one in re.findall(r'</th>\s*<td class="num">(\d+)</td>', page)]
    assert counts[:-1] == sorted(counts[:-1], reverse=True)


def test_programs_ask_the_same_and_get_pages_that_add_up(place, browser):
    made = crowd(place, 120, seed=23)
    found, after = [], ""
    while True:
        said = browser.get(f"/api/v1/cases?sort=-amount&after={after}").json()
        found += [one["id"] for one in said["cases"]]
        after = said["next"]
        if not after:
            break
    mine = {str(one.pk) for one in made if one.facility_id == place.facilities[NORTH].pk}
    assert (set(found), len(found)) == (mine, len(mine))
    refused = browser.get("/api/v1/cases?facility=SOUTH")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_filter")
    assert browser.get("/api/v1/cases?view=nobodys").status_code == 404


def test_a_file_has_every_row_masked_and_no_formula(place, browser):
    crowd(place, 70, seed=24, facility=NORTH)
    Case.objects.update(payer="=1+1")
    lines = browser.get("/exceptions/cases.csv?view=all").content.decode().splitlines()
    assert len(lines) == 2 + 70
    assert "'=1+1" in lines[2]
