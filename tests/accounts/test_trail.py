"""The audit trail as it is read: who may see what of it, a page at a time."""

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from tests.accounts.conftest import person

pytestmark = pytest.mark.slow


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_cal(network) -> Client:
    return browser(person("cal", "compliance_auditor"))


@pytest.fixture
def as_ada(network) -> Client:
    return browser(person("ada", "administrator"))


def acts(page) -> list[str]:
    return [row.act for row in page.context["rows"]]


@pytest.fixture
def some(bea):
    audit.record(bea, Act.EXPORT_DOWNLOADED, on="table:cells", facts={"rows": 7})
    audit.record(bea, Act.ROLE_GRANTED, on=f"user:{bea.pk}", facts={"role": "executive"})
    audit.record(None, Act.KEYS_ISSUED, on="key:src_abc")


def test_the_auditor_reads_all_of_it(as_cal, some):
    page = as_cal.get("/audit/")
    assert {"export.downloaded", "role.granted", "keys.issued", "session.opened"} <= set(acts(page))
    assertContains(page, "downloaded a table")
    assertContains(page, "role: Executive")


def test_an_administrator_reads_what_concerns_the_configuration(as_ada, some):
    page = as_ada.get("/audit/?period=all")
    assert {"role.granted", "keys.issued"} <= set(acts(page))
    assert not {"export.downloaded", "session.opened"} & set(acts(page))
    assert "export.downloaded" not in acts(as_ada.get("/audit/?group=export"))


@pytest.mark.parametrize("role", ["revenue_cycle_analyst", "integration_lead", "executive"])
def test_others_read_none_of_it(network, role):
    assert browser(person("x", role)).get("/audit/").status_code == 403


def test_it_is_narrowed_by_group_person_and_period(as_cal, some, bea):
    assert acts(as_cal.get("/audit/?group=keys")) == ["keys.issued"]
    page = as_cal.get(f"/audit/?person={bea.pk}&group=export&period=24h")
    assert acts(page) == ["export.downloaded"]
    assertContains(as_cal.get("/audit/?group=search"), "Nothing of this is on record")


@pytest.mark.parametrize(
    "query", ["group=x", "person=x", "person=99999999999", "period=x", "before=x", "before=1-x",
              "before=99999999999999999999999-01980000000070008000000000000000"],
)  # fmt: skip
def test_odd_questions_are_no_error(as_cal, some, query):
    assert as_cal.get(f"/audit/?{query}").status_code == 200


def test_it_is_read_page_by_page_without_gaps(as_cal, bea):
    for number in range(120):
        audit.record(bea, Act.EXPORT_DOWNLOADED, on=f"table:{number}")
    seen, address = [], "?group=export"
    while address:
        page = as_cal.get(f"/audit/{address}")
        seen += [row.object for row in page.context["rows"]]
        address = page.context["next"]
    assert seen == [f"table:{number}" for number in reversed(range(120))]


def test_it_says_how_far_it_is_whole(as_cal, some):
    assertContains(as_cal.get("/audit/"), "Not verified yet")
    audit.seal()
    audit.verify_further()
    assertContains(as_cal.get("/audit/"), "Whole and verified to row")
    audit.record(None, Act.AUDIT_VERIFIED, facts={"faults": 2})
    assertContains(as_cal.get("/audit/"), "found 2 faults")


def test_a_swap_gets_the_rows_alone(as_cal):
    assertNotContains(as_cal.get("/audit/", headers={"HX-Request": "true"}), "<html")


def test_it_costs_the_same_for_more_rows(as_cal, bea, django_assert_max_num_queries):
    for number in range(60):
        audit.record(bea, Act.ROLE_GRANTED, on=f"user:{number}")
    with django_assert_max_num_queries(20):
        as_cal.get("/audit/")


def test_it_is_downloaded_with_its_filters(as_cal, some):
    file = as_cal.get("/audit/acts.csv?group=keys").content.decode()
    assert "keys.issued" in file
    assert "export.downloaded" not in file


def test_the_product_verifies_what_was_added_once_a_day(db, some):
    audit.seal()
    assert audit.verify_further()
    assert audit.verify_further() is None
