"""GET /api/v1/scorecards and /api/v1/transactions/..., up the ladder of permissions."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.services import issue_token
from apps.catalog.models import Facility
from apps.catalog.snapshot import forget_snapshot
from apps.core import openapi
from apps.core.db import fetch_value
from apps.pipeline.services import fold_journal, sweep_silent
from apps.scorecards.views import ScorecardAnswer
from apps.telemetry.models import Transaction
from tests.dashboard.cast import NORTH, SOUTH, ago, done, fold, stuck
from tests.pipeline.network import event, post

pytestmark = pytest.mark.slow

SCORECARDS = "/api/v1/scorecards"
TRANSACTION = "/api/v1/transactions/flow_1/s-1"


def cells(response) -> dict[tuple[str, str], dict]:
    assert response.status_code == 200, response.content
    return {(one["workflow"], one["facility"]): one for one in response.json()["cells"]}


def by_token(user) -> Client:
    return Client(headers={"Authorization": f"Bearer {issue_token(user=user)}"})


def test_a_token_reads_the_cells_of_its_user(bea, happened):
    happened(*done("d-1", amount=100_50), *stuck("s-1", hours_ago=5, amount=7))
    [(key, cell)] = cells(by_token(bea).get(SCORECARDS)).items()

    assert key == ("flow_1", "NORTH")
    assert (cell["started"], cell["completed"], cell["failed"], cell["open"]) == (2, 1, 1, 1)
    assert (cell["met"], cell["breached"], cell["overdue"]) == (1, 1, 1)
    assert cell["attainment"] == 0.5
    assert (cell["amount_completed"], cell["amount_open"]) == ("100.50", "0.07")
    assert cell["retried"] == 1
    assert 5 * 3600 <= cell["oldest_open_seconds"] < 5 * 3600 + 60
    assert cell["p50_ms"] == pytest.approx(150_000, rel=0.1)
    assert cell["censored"] == ["p99_ms", "p95_ms"]
    assert "bucket" not in cell


def test_a_clock_that_starts_and_stops_in_one_instant_is_the_shortest_latency(as_bea, happened):
    happened(*done("d-1", minutes=0), *done("d-2", minutes=10), *done("d-3", minutes=0))
    [cell] = as_bea.get(SCORECARDS).json()["cells"]

    assert cell["p50_ms"] == 1
    assert cell["p99_ms"] == pytest.approx(300_000, rel=0.1)


def test_a_facility_with_a_new_code_is_a_new_answer(as_bea, happened, network):
    happened(*done("d-1"))
    etag = as_bea.get(SCORECARDS)["ETag"]
    Facility.objects.filter(pk=network.facilities[0].pk).update(code="RENAMED")
    forget_snapshot()

    answer = as_bea.get(SCORECARDS, headers={"If-None-Match": etag})

    assert answer.json()["cells"][0]["facility"] == "RENAMED"


def test_what_had_expired_by_then_was_not_open(as_bea, happened):
    happened(*stuck("s-1", hours_ago=24 * 40, workflow=1))
    sweep_silent()
    Transaction.objects.update(expired_at=ago(days=2))

    def open_then(**span: float) -> list[int]:
        found = as_bea.get(SCORECARDS, {"as_of": ago(**span).isoformat()}).json()["cells"]
        return [cell["open"] for cell in found if cell["open"]]

    assert open_then(days=1) == []
    assert open_then(days=3) == [1]


def test_the_answer_is_what_its_description_says(as_bea, happened):
    happened(*done("d-1"))
    response = as_bea.get(SCORECARDS)
    answer = msgspec.json.decode(response.content, type=ScorecardAnswer)
    assert answer.cells[0].watermark == answer.watermark
    paths = openapi.document()["paths"]
    assert {SCORECARDS, "/api/v1/transactions/{workflow}/{correlation_id}"} <= set(paths)


def test_no_data_is_null_and_never_a_hundred_percent(as_bea, happened):
    happened({"subject": "c-1", "at": ago(minutes=1)})
    [cell] = cells(as_bea.get(SCORECARDS)).values()
    assert [cell[name] for name in ("attainment", "p50_ms", "p95_ms", "p99_ms")] == [None] * 4
    assert cell["business"]["attainment"] is None


def test_the_window_is_named_in_the_answer_and_cut_to_minutes(as_bea, time_machine):
    time_machine.move_to(datetime(2026, 3, 10, 15, 42, 7, tzinfo=UTC), tick=False)
    answer = as_bea.get(SCORECARDS, {"window": "1h"}).json()
    assert (answer["from"], answer["to"]) == (
        "2026-03-10T14:42:00+00:00",
        "2026-03-10T15:43:00+00:00",
    )
    explicit = {"from": "2026-03-10T09:00:00-05:00", "to": "2026-03-10 15:00:00+00:00"}
    answer = as_bea.get(SCORECARDS, explicit).json()
    assert (answer["from"], answer["to"]) == (
        "2026-03-10T14:00:00+00:00",
        "2026-03-10T15:00:00+00:00",
    )


def test_workflow_and_facility_narrow_the_answer(as_ivo, happened):
    happened(*done("a"), *done("b", workflow=1), *done("c", facility=SOUTH))
    assert set(cells(as_ivo.get(SCORECARDS, {"workflow": "flow_2"}))) == {("flow_2", "NORTH")}
    assert set(cells(as_ivo.get(SCORECARDS, {"facility": "SOUTH"}))) == {("flow_1", "SOUTH")}
    both = as_ivo.get(SCORECARDS, {"workflow": ["flow_1", "flow_2"], "facility": ["NORTH"]})
    assert set(cells(both)) == {("flow_1", "NORTH"), ("flow_2", "NORTH")}


def test_a_node_of_the_tree_means_everything_below_it(as_ivo, happened):
    happened(*done("a"), *done("c", facility=SOUTH))
    assert len(cells(as_ivo.get(SCORECARDS, {"facility": "ORG"}))) == 2


def test_cells_come_in_the_order_of_pages(as_ivo, happened):
    happened(*done("a", workflow=1), *done("b"), *done("c", facility=SOUTH))
    assert list(cells(as_ivo.get(SCORECARDS))) == [
        ("flow_1", "NORTH"),
        ("flow_1", "SOUTH"),
        ("flow_2", "NORTH"),
    ]


@pytest.mark.parametrize("grain", ["minute", "hour", "day"])
def test_a_grain_gives_a_cell_for_each_bucket(as_bea, happened, grain):
    happened(*done("a", hours_ago=2), *done("b", hours_ago=72))
    answer = as_bea.get(SCORECARDS, {"from": ago(hours=20).isoformat(), "grain": grain})
    found = answer.json()["cells"]
    assert sum(one["started"] for one in found) == 1
    assert all(one["open"] is None and one["bucket"] for one in found)


@pytest.mark.parametrize("grain", ["minute", "hour", "day"])
def test_a_bucket_that_is_not_compacted_yet_has_zeros_and_no_nulls(network, as_bea, grain):
    post(network, event(network, id="a", subject="a", rank=1, at=ago(minutes=1)))
    fold_journal()
    assert fetch_value("SELECT count(*) FROM scorecards_rollupdelta WHERE met IS NULL")
    answer = as_bea.get(SCORECARDS, {"window": "1h", "grain": grain})
    [cell] = answer.json()["cells"]
    assert (cell["started"], cell["met"], cell["amount_started"]) == (1, 0, "0.00")
    assert cell["attainment"] is None


def test_as_of_shows_what_was_open_then(as_bea, happened):
    happened(*done("d", hours_ago=10, minutes=560, amount=7), *stuck("s", hours_ago=1))
    [cell] = cells(as_bea.get(SCORECARDS, {"as_of": ago(hours=6).isoformat()})).values()
    assert (cell["open"], cell["overdue"], cell["amount_open"]) == (1, 1, "0.07")
    assert cell["oldest_open_seconds"] == pytest.approx(4 * 3600, abs=90)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"window": "2h"}, "/window"),
        ({"window": "24h", "from": "2026-03-01T00:00:00Z"}, "/window"),
        ({"from": "yesterday"}, "/from"),
        ({"from": "2026-03-01T00:00:00"}, "/from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "/from"),
        ({"from": "2000-01-01T00:00:00Z"}, "/from"),
        ({"from": "2026-W10-1T00:00:00Z"}, "/from"),
        ({"from": "{hour_ago}", "to": "9999-12-31T23:59:59Z"}, "/to"),
        ({"as_of": "0001-01-01T00:00:00Z"}, "/as_of"),
        ({"to": "2026-03-01T00:00:00Z"}, "/from"),
        ({"from": "{now}", "to": "{hour_ago}"}, "/from"),
        ({"from": "{hour_ahead}"}, "/from"),
        ({"as_of": "{hour_ahead}"}, "/as_of"),
        ({"as_of": "2001-01-01T00:00:00Z"}, "/as_of"),
        ({"from": "{hour_ago}", "to": "{now}", "as_of": "{now}"}, "/as_of"),
        ({"grain": "week"}, "/grain"),
        ({"grain": "minute", "window": "28d"}, "/grain"),
        ({"grain": "hour", "window": "90d"}, "/grain"),
        ({"workflow": "nothing"}, "/workflow"),
        ({"wndow": "1h"}, "/wndow"),
    ],
)
def test_a_parameter_that_means_nothing_is_a_400_that_points_at_it(as_bea, query, pointer):
    moments = {"{now}": ago(), "{hour_ago}": ago(hours=1), "{hour_ahead}": ago(hours=-1)}
    query = {
        name: moments[value].isoformat() if value in moments else value
        for name, value in query.items()
    }
    response = as_bea.get(SCORECARDS, query)
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["pointer"] == pointer
    assert response.json()["code"] == "bad_parameter"


@pytest.mark.parametrize("facility", ["SOUTH", "ORG", "NOWHERE"])
def test_a_facility_elsewhere_and_one_that_is_none_are_the_same_404(as_bea, facility):
    response = as_bea.get(SCORECARDS, {"facility": facility})
    assert response.status_code == 404
    assert response.json() == as_bea.get(SCORECARDS, {"facility": "NEVER"}).json()


def test_a_stranger_gets_no_cell(as_sam, happened):
    happened(*done("a"))
    assert as_sam.get(SCORECARDS).json()["cells"] == []
    assert as_sam.get(SCORECARDS, {"grain": "hour"}).json()["cells"] == []


def test_what_others_see_changes_no_figure_of_mine(network, as_bea, as_ivo, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    fold(network, *done("a"), *stuck("b", amount=5))
    mine, theirs = as_bea.get(SCORECARDS).content, as_ivo.get(SCORECARDS).content
    fold(network, *done("c", facility=SOUTH), *stuck("d", facility=SOUTH, amount=9))
    assert as_bea.get(SCORECARDS).content == mine
    assert as_ivo.get(SCORECARDS).content != theirs


@pytest.mark.parametrize("path", [SCORECARDS, TRANSACTION])
@pytest.mark.parametrize("header", [None, "Bearer usr_abcdefgh_wrong", "Bearer src_x_y", "Basic x"])
def test_without_a_valid_token_it_is_a_401_problem(db, path, header):
    response = Client().get(path, headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.json()["code"] == "unauthenticated"
    assert "Bearer" in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", [SCORECARDS, TRANSACTION])
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(as_bea, path, method):
    assert getattr(as_bea, method)(path).status_code == 405


@pytest.mark.parametrize("path", [SCORECARDS, TRANSACTION])
def test_an_unchanged_answer_is_304(network, as_bea, path, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    fold(network, *stuck("s-1"))
    etag = as_bea.get(path).headers["ETag"]
    again = as_bea.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")

    fold(network, {"subject": "s-1", "rank": 4, "at": ago(minutes=1)})
    assert as_bea.get(path, headers={"If-None-Match": etag}).status_code == 200


def test_the_answer_costs_the_same_queries_for_any_number_of_cells(bea, happened, budget):
    client = by_token(bea)
    happened(*done("a"))
    client.get(SCORECARDS)
    happened(*done("b", workflow=1))
    # Token, permissions (own, of roles), facilities, state, figures.
    with budget(6):
        client.get(SCORECARDS)


def test_an_unchanged_answer_costs_no_figures(bea, happened, budget, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    client = by_token(bea)
    happened(*done("a"))
    etag = client.get(SCORECARDS).headers["ETag"]
    # Token, permissions (own, of roles), facilities, state.
    with budget(5):
        again = client.get(SCORECARDS, headers={"If-None-Match": etag})
    assert again.status_code == 304


def test_a_transaction_comes_with_its_events_in_order(as_bea, network):
    keys = [("claim", "ab" * 16, "CLM ••7731")]
    fold(network, *reversed(stuck("s-1", amount=1_00, business_keys=keys)))
    answer = as_bea.get(TRANSACTION).json()

    assert (answer["workflow"], answer["facility"], answer["state"]) == (
        "flow_1",
        "NORTH",
        "failed",
    )
    assert (answer["amount"], answer["amount_kind"], answer["currency"]) == ("1.00", "gross", "USD")
    assert answer["error"] == {"standard": "erp", "code": "NO_COSTCENTER", "location": "line[3]"}
    assert answer["business_keys"] == [{"kind": "claim", "masked": "CLM ••7731"}]
    assert [one["outcome"] for one in answer["events"]] == ["ok", "retry", "failed"]
    assert answer["event_count"] == 3
    assert answer["clocks"]["integration"]["state"] == "breached"
    assert answer["stage"] == "step_2"


def test_an_identifier_may_hold_slashes(as_bea, network):
    fold(network, *done("a/b c"))
    response = as_bea.get("/api/v1/transactions/flow_1/a%2Fb%20c")
    assert response.json()["correlation_id"] == "a/b c"


@pytest.mark.parametrize(
    "path", ["flow_1/theirs", "flow_1/nothing", "nothing/theirs", "flow_2/theirs"]
)
def test_a_transaction_elsewhere_and_one_that_is_none_are_the_same_404(network, as_bea, path):
    fold(network, *done("theirs", facility=SOUTH))
    response = as_bea.get(f"/api/v1/transactions/{path}")
    assert response.status_code == 404
    assert response.json()["detail"] == "No such transaction, or not yours."


def test_figures_of_the_page_and_of_the_api_are_the_same(as_bea, happened):
    happened(*done("a"), *stuck("b", hours_ago=5, facility=NORTH))
    [cell] = cells(as_bea.get(SCORECARDS)).values()
    tiles = {tile.label: tile.figure for tile in as_bea.get("/flow/").context["picture"].tiles}
    assert tiles["Messages"] == str(cell["events"])
    assert tiles["Backlog"] == str(cell["open"])
    assert tiles["Within SLA"] == f"{cell['attainment'] * 100:.1f}"


def test_a_future_end_means_now(as_bea):
    query = {"from": ago(hours=1).isoformat(), "to": (ago() + timedelta(days=9)).isoformat()}
    answer = as_bea.get(SCORECARDS, query).json()
    assert datetime.fromisoformat(answer["to"]) <= timezone.now() + timedelta(minutes=1)
