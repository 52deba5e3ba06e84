"""Search by number: what is found, for whom, and that the number leaves no trace."""

import logging
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts.models import AuditEvent
from apps.telemetry.models import Search
from apps.telemetry.services import searches
from apps.telemetry.tokens import business_key
from tests.dashboard.cast import NORTH, SOUTH, address, done, fold, stuck
from tests.pipeline.network import event, post

pytestmark = pytest.mark.slow

CLAIM = "CLM-20260302-000417"
SEARCH = "/search/"


def named(subject: str, **keys: str) -> list[dict[str, Any]]:
    """A transaction that carries business keys."""
    first, *rest = done(subject)
    return [
        first | {"business_keys": [business_key(kind, key) for kind, key in keys.items()]},
        *rest,
    ]


def ask(client: Client, text: str) -> Any:
    return client.post(SEARCH, {"q": text})


def results(client: Client, text: str) -> Any:
    """The page of results; a single one leads straight to it."""
    response = ask(client, text)
    assert response.status_code == 302
    return client.get(response.headers["Location"])


def found(client: Client, text: str) -> list[str]:
    return [hit.row.correlation_id for hit in results(client, text).context["rows"]]


def without_tokens(page: str) -> str:
    """What a page says, without what differs each time: CSRF tokens, one's own list of searches."""
    _, _, main = page.partition("<main")
    return re.sub(r'value="\w{64}"|<tbody>.*?</tbody>', "", main, flags=re.S)


def statement(sql: str) -> str:
    """A statement without its values."""
    return re.sub(r"'[^']*'|\d+|\(?\b(NULL|true|false)\b|ARRAY\[.*?\]", "?", sql)[:90]


def test_a_correlation_id_leads_straight_to_its_transaction(as_bea, network, happened):
    happened(*stuck("claim-1"))
    assert ask(as_bea, " claim-1 ").headers["Location"] == address(network, "claim-1")


def test_a_business_key_finds_through_its_token(as_bea, network, happened):
    happened(*named("t-1", claim=CLAIM))
    assert ask(as_bea, CLAIM).headers["Location"] == address(network, "t-1")


def test_several_are_listed_with_what_they_were_found_by(as_bea, happened):
    happened(
        *named("t-1", account="A-77"), *named("t-2", account="A-77", claim="C-1"), *done("A-77")
    )
    response = results(as_bea, "A-77")
    assert {hit.row.correlation_id for hit in response.context["rows"]} == {"t-1", "t-2", "A-77"}
    assertContains(response, "Correlation id")
    assertContains(response, "Account")


def test_a_message_id_finds_the_transaction_it_went_to(as_bea, network, happened):
    happened({"subject": "t-1", "id": "MSG-000017"})
    assert ask(as_bea, "MSG-000017").headers["Location"] == address(network, "t-1")


def test_a_batch_finds_the_transactions_it_brought(as_ivo, network):
    batch = post(network, *(event(network, id=f"m-{n}", subject=f"b-{n % 3}") for n in range(9)))
    from apps.pipeline import services

    services.fold_journal()
    assert set(found(as_ivo, str(batch))) == {"b-0", "b-1", "b-2"}


def test_a_batch_of_two_facilities_shows_each_reader_their_part(as_bea, as_ivo, network):
    from apps.pipeline import services

    sent = [event(network, id=f"m-{n}", subject=f"b-{n}", facility=n % 2) for n in range(4)]
    batch = post(network, *sent)
    services.fold_journal()
    assert set(found(as_bea, str(batch))) == {"b-0", "b-2"}
    assert len(found(as_ivo, str(batch))) == 4


def test_the_number_of_the_page_finds_the_page(as_bea, network, happened):
    happened(*stuck("t-1"))
    path = address(network, "t-1")
    assert ask(as_bea, path.split("/")[2]).headers["Location"] == path


def test_capitals_do_not_matter(as_bea, network, happened):
    happened(*named("t-1", claim=CLAIM))
    assert ask(as_bea, CLAIM.lower()).headers["Location"] == address(network, "t-1")


def test_the_same_correlation_id_in_two_workflows_is_two_hits(as_ivo, happened):
    happened(*stuck("same"), *stuck("same", workflow=1))
    assert found(as_ivo, "same") == ["same", "same"]


def test_names_lead_to_pages_within_the_scope(as_bea, as_ivo, network):
    assert [cell.facility for cell in results(as_bea, "flow").context["answer"].cells] == [
        "North", "North",
    ]  # fmt: skip
    assert len(results(as_ivo, "flow").context["answer"].cells) == 4
    assert results(as_bea, "south").context["answer"].cells == []


def test_nothing_found_says_where_it_was_looked_for_and_what_else_may_help(as_bea, happened):
    happened(*named("t-1", claim=CLAIM))
    response = results(as_bea, "no-such-number")
    for words in ("Nothing at your facilities", "claim numbers", "at 1 facility", "quarantine"):
        assertContains(response, words)
    assertNotContains(response, "no-such-number")


@pytest.mark.parametrize("text", ["theirs", "C-SOUTH", "m-south"])
def test_what_lies_elsewhere_looks_and_costs_like_what_lies_nowhere(as_bea, happened, text, budget):
    said = named("theirs", claim="C-SOUTH")
    said[0]["id"] = "m-south"
    happened(*(one | {"facility": SOUTH} for one in said), *done("ours"))

    def page(text: str) -> tuple[str, list[str]]:
        with CaptureQueriesContext(connection) as asked:
            response = results(as_bea, text)
        rows = [re.sub(r"<tbody>.*?</tbody>", "", response.content.decode(), flags=re.S)]
        return without_tokens(rows[0]), [statement(one["sql"]) for one in asked]

    page("warm")
    assert page(text) == page("nowhere")


PLACEMENTS = st.lists(
    st.tuples(st.sampled_from(["n-1", "n-2", "n-3"]), st.sampled_from([NORTH, SOUTH]),
              st.sampled_from(["subject", "id", "claim"])), max_size=6,
)  # fmt: skip


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(placed=PLACEMENTS, text=st.sampled_from(["n-1", "n-2", "n-3", "n-4"]))
def test_wherever_numbers_lie_nobody_finds_a_foreign_one_nor_pays_another_price(
    network, bea, placed, text
):
    from django.db import transaction

    from apps.telemetry.search import find

    scope, lines = [network.facilities[NORTH].pk], [one.pk for one in network.workflows]
    with transaction.atomic():
        for place, (number, facility, role) in enumerate(placed):
            said = {"subject": f"s-{place}", "facility": facility, "id": f"e-{place}"}
            said |= (
                {role: number}
                if role != "claim"
                else {"business_keys": [business_key("claim", number)]}
            )
            fold(network, said)
        with CaptureQueriesContext(connection) as asked:
            hits = find(text, facilities=scope, workflows=lines).hits
        assert all(hit.transaction.facility_id in scope for hit in hits)
        assert len(asked) == (4 if hits else 3)
        transaction.set_rollback(True)


def test_the_number_stands_in_no_address_log_title_audit_row_or_cache(
    as_bea, happened, caplog, settings
):
    happened(*named("t-1", claim=CLAIM), *named("t-2", claim=CLAIM))
    with caplog.at_level(logging.DEBUG):
        response = ask(as_bea, CLAIM)
        page = as_bea.get(response.headers["Location"])
    assert CLAIM not in response.headers["Location"]
    assert CLAIM not in page.content.decode()
    assert not any(CLAIM in record.getMessage() for record in caplog.records)
    [row] = AuditEvent.objects.filter(act="search.by_identifier")
    assert (row.on, row.facility_id, row.facts) == ("", None, {"found_by": ["claim"], "hits": 2})
    assert CLAIM not in str(getattr(cache, "_cache", {}))
    assert CLAIM not in str(dict(as_bea.session))


def test_the_number_is_kept_encrypted_and_bound_to_its_row(as_bea, bea, happened):
    ask(as_bea, CLAIM)
    [row] = Search.objects.all()
    assert CLAIM.encode() not in bytes(row.sealed)
    assert row.label == "••••0417"
    assert searches.text_of(bea, row.token) == CLAIM
    Search.objects.update(token="another")
    assert searches.text_of(bea, "another") is None


def test_no_statement_carries_the_number_itself(as_bea, happened):
    happened(*named("t-1", claim=CLAIM))
    with CaptureQueriesContext(connection) as asked:
        results(as_bea, CLAIM)
    assert not [one for one in asked if CLAIM in one["sql"]]


def test_a_token_is_of_one_person(as_bea, as_ivo, happened):
    happened(*stuck("a"), *stuck("a", workflow=1))
    path = ask(as_bea, "a").headers["Location"]
    assert as_bea.get(path).status_code == 200
    assert as_ivo.get(path).status_code == 404
    assert as_bea.get("/search/nothing/").status_code == 404


def test_a_search_is_over_after_some_hours(as_bea, happened):
    from datetime import timedelta

    from django.utils.timezone import now

    path = ask(as_bea, "unknown").headers["Location"]
    Search.objects.update(at=now() - timedelta(hours=searches.KEPT_HOURS, minutes=1))
    assert as_bea.get(path).status_code == 404
    assert searches.forget_searches() == 1


def test_what_was_searched_lately_is_listed_masked_and_runs_again(as_bea, network, happened):
    happened(*named("t-1", claim=CLAIM))
    ask(as_bea, CLAIM)
    response = as_bea.get(SEARCH)
    assertContains(response, "••••0417")
    assertNotContains(response, CLAIM)
    [recent] = response.context["recent"]
    assert as_bea.get(f"/search/{recent.token}/").headers["Location"] == address(network, "t-1")


def test_recent_searches_are_cleared_and_still_counted(as_bea, bea, happened):
    path = ask(as_bea, "number-1234").headers["Location"]
    as_bea.post("/search/clear/")
    assert as_bea.get(SEARCH).context["recent"] == []
    assert as_bea.get(path).status_code == 404
    assert Search.objects.filter(user_id=bea.pk).count() == 1


def test_recent_searches_are_ones_own(as_bea, as_ivo):
    ask(as_bea, "number-1234")
    assert as_ivo.get(SEARCH).context["recent"] == []


def test_guessing_is_stopped_and_noted(as_bea, monkeypatch):
    monkeypatch.setattr(searches, "A_MINUTE", 3)
    for n in range(3):
        assert ask(as_bea, f"guess-{n}").status_code == 302
    response = ask(as_bea, "guess-4")
    assertContains(response, "very often", status_code=429)
    assert response.headers["Retry-After"]
    assert AuditEvent.objects.filter(act="search.by_identifier", on="refused").exists()


@pytest.mark.parametrize("text", ["", "   ", "\x00", "x" * 300])
def test_what_is_no_number_is_refused_with_a_word_how_to_mend_it(as_bea, text):
    response = ask(as_bea, text)
    assert response.status_code == 422
    assertContains(response, 'role="alert"', status_code=422)


@pytest.mark.parametrize("text", ["%", "' OR 1=1 --", "\u202e", "🧾", "1e400", "../..", "-" * 256])
def test_any_text_is_only_a_number_that_is_not_there(as_bea, text):
    assertContains(results(as_bea, text), "Nothing at your facilities")


def test_a_search_costs_as_much_whatever_it_finds(as_bea, happened, budget):
    happened(*(one for n in range(40) for one in named(f"t-{n}", account="A-1")))
    path = ask(as_bea, "A-1").headers["Location"]
    as_bea.get(path)
    with CaptureQueriesContext(connection) as asked:
        assert len(as_bea.get(path).context["rows"]) == 40
    assert len(asked) <= 16


def test_the_box_is_there_for_who_may_search_and_has_no_address_to_leak_into(
    as_bea, person, network
):
    assertContains(as_bea.get("/flow/"), 'method="post" action="/search/"')
    client = Client()
    client.force_login(person("eve", "executive", network.facilities[0]))
    assertNotContains(client.get("/flow/"), 'action="/search/"')


def test_a_get_searches_nothing(as_bea, happened):
    happened(*stuck("claim-1"))
    assert as_bea.get(SEARCH, {"q": "claim-1"}).context.get("rows") is None
    assert not Search.objects.exists()
