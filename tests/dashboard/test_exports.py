"""Tables that people download: what is in them, for whom, and how many at once."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts import exports
from tests.dashboard.cast import NORTH, SOUTH, address, done, stuck

pytestmark = pytest.mark.slow

CELL = "/flow/flow_1/NORTH/"
TABLES = ["/flow/cells.csv", f"{CELL}transactions.csv", "/quarantine/events.csv"]


def rows_of(response: Any) -> list[dict[str, str]]:
    body = response.getvalue() if response.streaming else response.content
    lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    return [dict(zip(lines[1], line, strict=True)) for line in lines[2:]]


def rows_at(client: Client, path: str) -> list[dict[str, str]]:
    return rows_of(client.get(path))


def test_the_list_of_a_cell_is_all_of_it_with_exact_money(as_bea, happened):
    happened(*stuck("s-1", amount=1_234_50), *(one for n in range(60) for one in stuck(f"t-{n}")))
    rows = rows_at(as_bea, f"{CELL}transactions.csv")
    assert len(rows) == 61
    [first] = [row for row in rows if row["Transaction"] == "s-1"]
    assert first["Amount, USD"] == "1234.50"
    assert first["State"] == "Failed"
    assert first["Started"].endswith("-06:00") or first["Started"].endswith("-05:00")


def test_the_choice_of_the_page_goes_along(as_bea, happened):
    happened(*stuck("open"), *done("done"))
    assertContains(as_bea.get(CELL, {"show": "recent"}), "transactions.csv?show=recent")
    rows = rows_at(as_bea, f"{CELL}transactions.csv?show=recent")
    assert {row["Transaction"] for row in rows} == {"open", "done"}


def test_what_a_source_wrote_cannot_run_in_a_spreadsheet(as_bea, happened):
    happened(*stuck("=HYPERLINK(A1)"))
    [row] = rows_at(as_bea, f"{CELL}transactions.csv")
    assert row["Transaction"] == "'=HYPERLINK(A1)"


def test_the_matrix_is_a_row_a_cell_within_the_scope(as_bea, happened):
    happened(*done("ours", facility=NORTH), *done("theirs", facility=SOUTH))
    rows = rows_at(as_bea, "/flow/cells.csv?window=24h")
    assert [row["Facility"] for row in rows] == ["North"]
    assert rows[0]["Met"] == "1"


def test_a_foreign_facility_changes_no_byte(as_bea, happened, monkeypatch):
    happened(*stuck("ours"))
    before = [rows_at(as_bea, path) for path in TABLES]
    happened(*stuck("theirs", facility=SOUTH))
    assert [rows_at(as_bea, path) for path in TABLES] == before


def test_events_of_a_transaction_come_with_their_errors(as_bea, network, happened):
    happened(*stuck("s-1"))
    rows = rows_at(as_bea, f"{address(network, 's-1')}events.csv")
    assert [row["Error code"] for row in rows] == ["", "503", "NO_COSTCENTER"]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_elsewhere_and_nowhere_are_the_same_404(as_bea, network, happened, form):
    happened(*stuck("theirs", facility=SOUTH))
    for path in (
        f"/flow/flow_1/SOUTH/transactions.{form}",
        f"/flow/flow_1/NOWHERE/transactions.{form}",
        f"{address(network, 'theirs')}events.{form}",
        f"{address(network, 'nobodys')}events.{form}",
    ):
        assert as_bea.get(path).status_code == 404


def test_scope_is_asked_for_at_the_download(as_bea, bea, network, happened):
    from apps.accounts.services import revoke_facility

    happened(*stuck("s-1"))
    revoke_facility(of=bea, facility=network.facilities[0])
    assert as_bea.get(f"{CELL}transactions.csv").status_code == 404


def test_an_integration_role_takes_no_money(as_ivo, happened):
    happened(*stuck("s-1", amount=100))
    assert "Amount, USD" not in rows_at(as_ivo, f"{CELL}transactions.csv")[0]


def test_an_executive_takes_aggregates_only(person, network, happened):
    happened(*done("d-1"))
    client = Client()
    client.force_login(person("eve", "executive", network.facilities[0]))
    assert rows_at(client, "/flow/cells.csv")[0]["Met"] == "under 11"
    assert client.get(f"{CELL}transactions.csv").status_code == 403


def test_who_sees_aggregates_only_takes_no_figure_of_a_few(person, network, as_bea, happened):
    few = [one for n in range(3) for one in stuck(f"s-{n}", amount=99_00)]
    happened(*few, *(one for n in range(12) for one in done(f"d-{n}")))
    eve = Client()
    eve.force_login(person("eve", "executive", network.facilities[0]))

    for path, started, money in (
        ("/flow/cells.csv", "Started", "Open, USD"),
        ("/scorecards/lines.csv", "Started", "Waiting, USD"),
    ):
        [whole], [hers] = rows_at(as_bea, path), rows_at(eve, path)
        assert (whole[money], whole["Oldest open since"] != "") == ("297.00", True)
        assert (hers[money], hers["Oldest open since"]) == ("", "")
        assert hers[started] == whole[started] == "15"
        assert hers.get("Open", hers.get("Backlog")) == "under 11"
        assert float(hers["p95, ms"]) == float(whole["p95, ms"])


def test_an_analyst_takes_fewer_rows_at_once(as_bea, as_ivo, happened, monkeypatch):
    monkeypatch.setattr(exports, "FEW_ROWS", 2)
    happened(*(one for n in range(3) for one in stuck(f"t-{n}")))
    assert as_ivo.get(f"{CELL}transactions.csv").content.count(b"\r\n") == 2 + 3
    body = as_bea.get(f"{CELL}transactions.csv").content.decode()
    assert body.count("\r\n") == 2 + 2 + 1
    assert "A file of yours holds 2" in body


def test_the_second_at_the_same_time_is_told_to_come_again(as_bea, happened):
    with exports._a_place():
        response = as_bea.get(f"{CELL}transactions.csv")
    assertContains(response, "one at a time", status_code=503)
    assert response.headers["Retry-After"]
    assert as_bea.get(f"{CELL}transactions.csv").status_code == 200


def test_a_place_is_given_back_when_the_table_cannot_be_written(as_bea, monkeypatch):
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(exports, "write", breaks)
    as_bea.raise_request_exception = False
    assert as_bea.get(f"{CELL}transactions.csv").status_code == 500
    monkeypatch.undo()
    assert as_bea.get(f"{CELL}transactions.csv").status_code == 200


def test_who_may_not_take_tables_sees_no_link(as_bea, as_sam, bea, happened):
    happened(*stuck("s-1"))
    assertContains(as_bea.get(CELL), "transactions.xlsx")
    bea.groups.clear()
    assertNotContains(as_bea.get("/"), ".xlsx")


def test_a_table_costs_as_many_queries_whatever_its_length(
    as_bea, happened, django_assert_num_queries
):
    happened(*(one for n in range(3) for one in stuck(f"t-{n}")))
    as_bea.get(f"{CELL}transactions.csv")
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        as_bea.get(f"{CELL}transactions.csv")
    happened(*(one for n in range(40) for one in stuck(f"u-{n}")))
    as_bea.get(CELL)
    with CaptureQueriesContext(connection) as many:
        as_bea.get(f"{CELL}transactions.csv")
    assert len(many) <= len(few) + 1


def test_a_download_is_audited_by_what_and_how_much_and_never_by_whom_it_is_about(
    as_bea, bea, network, happened
):
    from apps.accounts.models import AuditEvent

    happened(*stuck("claim-of-somebody"))
    as_bea.get(f"{CELL}transactions.xlsx")
    row = AuditEvent.objects.get(act="export.downloaded")
    assert (row.actor_id, row.on) == (bea.pk, "transactions flow_1 NORTH")
    assert row.facility_id == network.facilities[0].pk
    assert row.facts == {"form": "xlsx", "rows": 1, "is_cut": False, "facilities": 1}
