"""Views of the queue that people keep, share, give up and take back."""

import pytest
from django.test import Client

from apps.accounts.models import AuditEvent
from apps.catalog.models import Team
from apps.triage.models import SavedView
from tests.dashboard.cast import NORTH, make_person


@pytest.fixture
def place(db):
    from tests.pipeline.network import build

    return build()


def browser_of(user) -> Client:
    found = Client()
    found.force_login(user)
    return found


@pytest.fixture
def lead(place):
    return make_person("lead", "rcm_supervisor", place.facilities[NORTH])


@pytest.fixture
def other(place):
    return make_person("other", "rcm_supervisor", place.facilities[NORTH])


def test_what_is_asked_can_be_kept_by_name_and_asked_again(lead):
    browser = browser_of(lead)
    saved = browser.post("/exceptions/views/", {
        "name": " Late  S1 ", "shared": "private", "query": "severity=S1&due=past&sort=due&page=9",
    })  # fmt: skip
    view = SavedView.objects.get()
    assert saved.url == f"/exceptions/?view={view.pk.hex}"
    assert (view.name, view.query) == ("Late S1", "severity=S1&due=past&sort=due")
    page = browser.get(saved.url).content.decode()
    assert "<h1>Late S1</h1>" in page
    assert "past due" in page


@pytest.mark.parametrize("query", ["facility=SOUTH", "kind=NOPE-1", "due=whenever", "owner=x"])
def test_a_filter_that_means_nothing_is_refused_with_a_reason(lead, query):
    answer = browser_of(lead).post("/exceptions/views/", {"name": "Odd", "query": query})
    assert answer.status_code == 422
    assert "not known here" in answer.content.decode()
    assert not SavedView.objects.exists()


def test_what_was_searched_is_not_kept(lead):
    browser_of(lead).post("/exceptions/views/", {"name": "One", "query": "severity=S1"})
    browser_of(lead).post("/exceptions/views/", {"name": "Two", "query": "page=2"})
    assert list(SavedView.objects.values_list("query", flat=True)) == ["severity=S1", ""]


def test_two_views_of_one_person_have_two_names(lead, other):
    told = {"name": "Mine", "query": "severity=S1"}
    assert browser_of(lead).post("/exceptions/views/", told).status_code == 302
    assert browser_of(lead).post("/exceptions/views/", told).status_code == 422
    assert browser_of(other).post("/exceptions/views/", told).status_code == 302


def test_a_view_is_seen_by_those_it_is_shared_with_and_by_nobody_else(place, lead, other):
    team = Team.objects.create(code="cash", name="Cash posting")
    team.members.add(lead)
    browser_of(lead).post("/exceptions/views/", {"name": "Ours", "shared": "team:cash"})
    address = f"/exceptions/?view={SavedView.objects.get().pk.hex}"
    assert browser_of(other).get(address).status_code == 404
    team.members.add(other)
    assert browser_of(other).get(address).status_code == 200
    assert AuditEvent.objects.filter(act="view.shared").count() == 1


def test_with_a_role_shares_who_answers_for_others(place, lead, other):
    analyst = make_person("ana", "revenue_cycle_analyst", place.facilities[NORTH])
    told = {"name": "All", "shared": "role:rcm_supervisor"}
    assert browser_of(analyst).post("/exceptions/views/", told).status_code == 422
    assert browser_of(lead).post("/exceptions/views/", told).status_code == 302
    address = f"/exceptions/?view={SavedView.objects.get().pk.hex}"
    assert browser_of(other).get(address).status_code == 200
    assert browser_of(analyst).get(address).status_code == 404


def test_a_view_can_be_renamed_moved_deleted_and_taken_back(lead):
    browser = browser_of(lead)
    for name in ("One", "Two"):
        browser.post("/exceptions/views/", {"name": name, "query": "severity=S1"})
    two = SavedView.objects.get(name="Two")
    page = f"/exceptions/views/{two.pk}/"
    browser.post(page, {"name": "Second", "query": "severity=S2"})
    browser.post(page, {"move": "up"})
    assert [*SavedView.objects.values_list("name", "query")] == [
        ("Second", "severity=S2"),
        ("One", "severity=S1"),
    ]
    browser.post(f"{page}delete/")
    assert browser.get(f"/exceptions/?view={two.pk.hex}").status_code == 404
    assert "Take it back" in browser.get(page).content.decode()
    browser.post("/exceptions/views/", {"name": "Second", "query": ""})
    browser.post(f"{page}restore/")
    two.refresh_from_db()
    assert (two.name, two.deleted_at) == ("Second 2", None)


def test_nobody_touches_the_view_of_somebody_else(lead, other):
    browser_of(lead).post("/exceptions/views/", {"name": "Mine", "shared": "role:rcm_supervisor"})
    page = f"/exceptions/views/{SavedView.objects.get().pk}/"
    stranger = browser_of(other)
    assert stranger.get(page).status_code == 404
    assert stranger.post(page, {"name": "Theirs"}).status_code == 404
    assert stranger.post(f"{page}delete/").status_code == 404
    assert stranger.post(f"{page}restore/").status_code == 404
    assert SavedView.objects.get().deleted_at is None
