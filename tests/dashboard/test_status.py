"""The page of the product itself: each part's word, and what it says when the part is away."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from apps.core.db import execute
from apps.dashboard import status as page
from apps.pipeline import status
from apps.telemetry import journal, partitions
from apps.telemetry.journal import Waiting
from tests.dashboard.conftest import signed_in
from tests.pipeline.network import event, post

PAGE = "/status/"


def parts(**changes: Any) -> dict[str, page.Part]:
    found = page.picture(now=timezone.now() + changes.get("later", timedelta()))
    return {part.name.split()[0]: part for part in found.parts}


def give_up(network: Any) -> None:
    """A batch that failed three times."""
    post(network, event(network, id=1))
    [batch] = journal.waiting_ids(rows=1)
    for _ in range(journal.ATTEMPTS):
        journal.mark_failed(batch, "DataError 22003")


def test_every_figure_of_a_quiet_product_is_said(as_ivo):
    answer = as_ivo.get(PAGE)

    assertContains(answer, "System status")
    for word in ("Folding", "Sweeper", "PostgreSQL 18", "Broker", "Disk", "telemetry_event"):
        assertContains(answer, word)


def test_the_parts_that_answer_are_told_from_those_that_do_not(network):
    found = parts()

    assert {name for name, part in found.items() if part.css == "ok"} >= {
        "Folding", "Rollups", "PostgreSQL", "Broker", "Disk",
    }  # fmt: skip
    # A test run has neither worker nor sweeper.
    assert (found["Workers"].word, found["Sweeper"].css) == ("Not connected", "warn")


def test_a_batch_that_was_given_up_is_listed_with_the_way_back(network, as_ivo):
    give_up(network)

    answer = as_ivo.get(PAGE)

    assertContains(answer, "Batches given up")
    assertContains(answer, "DataError 22003")
    assertContains(answer, "sweep --once --retry")
    assertContains(answer, "Something needs a look")
    [failed] = status.failed_batches()
    assert (failed.source, failed.events) == (network.source.name, 1)


def test_without_one_nothing_is_said_of_it(as_ivo):
    assertNotContains(as_ivo.get(PAGE), "sweep --once --retry")


@pytest.mark.parametrize(
    ("lag", "word"), [(0.0, "Keeps up"), (2.9, "Keeps up"), (3.1, "Behind"), (86_400, "Behind")]
)
def test_a_fold_behind_what_the_sweeper_keeps_is_behind(lag, word):
    assert page._folding(Waiting(waiting_batches=1, fold_lag_seconds=lag), failed=0).word == word


def test_work_that_stands_still_is_late(network):
    execute("""INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, events)
               VALUES (now(), 1, 1, 1)""")
    execute("UPDATE scorecards_revision SET minutes_at = now(), blocks_at = now()")
    assert parts()["Rollups"].word == "Up to date"
    assert parts(later=timedelta(minutes=1))["Rollups"].word == "Late"


def a_moment_ago(**changes: Any) -> status.Work:
    now = timezone.now()
    fresh = status.Work(failed=0, deltas=0, quarters=0, minutes_at=now, blocks_at=now,
                        is_anything_open=True, photographed_at=now)  # fmt: skip
    return replace(fresh, **changes)


def test_either_step_of_the_compaction_may_be_late():
    now, yesterday = timezone.now(), timezone.now() - timedelta(days=1)
    assert a_moment_ago(minutes_at=yesterday, blocks_at=yesterday).late(now) == timedelta()
    assert a_moment_ago(quarters=5, blocks_at=yesterday).late(now) > timedelta(hours=23)
    assert a_moment_ago(deltas=5, minutes_at=yesterday).late(now) > timedelta(hours=23)
    # A clock that was put back.
    assert a_moment_ago(deltas=5, minutes_at=now + timedelta(hours=1)).late(now) > timedelta(0)


def test_a_backlog_nobody_photographs_is_late():
    now, taken = timezone.now(), a_moment_ago()
    assert page._maintenance(taken, now).word == "Runs"
    assert page._maintenance(taken, now + timedelta(minutes=16)).word == "Late"
    assert page._maintenance(replace(taken, photographed_at=None), now).css == "ok"
    # Nothing open leaves nothing to photograph.
    quiet = replace(taken, is_anything_open=False)
    assert page._maintenance(quiet, now + timedelta(minutes=16)).css == "ok"


def test_days_without_a_partition_ahead_are_told(network):
    last = max(partitions.existing_days(partitions.EVENTS))
    assert page._partitions({last}, timezone.now()).word == "Made ahead"
    assert page._partitions({last}, timezone.now() + timedelta(days=30)).word == "Short"
    assert page._partitions(set(), timezone.now()).word == "Short"


def test_a_table_that_is_locked_holds_nobody_up(network, as_ivo):
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE telemetry_usedsignature IN ACCESS EXCLUSIVE MODE")
        assert "telemetry_usedsignature" in {one.name for one in status.stored(most=50)}


def test_an_instance_that_keeps_no_data_here_tells_nothing_of_a_disk(network, settings, tmp_path):
    settings.VAR = tmp_path / "nowhere"
    assert parts()["Disk"].word == "Not told"


def test_sessions_named_by_someone_else_are_not_called_away(network):
    execute("SET application_name = 'theirs'")
    assert parts()["Processes"].word == "Cannot be told"
    assert status.sessions()["web"].sessions == 1


def test_partitions_are_added_up_under_their_table(network):
    tables = {one.name: one for one in status.stored(most=50)}
    events = tables["telemetry_event"]
    assert events.days == len(partitions.existing_days(partitions.EVENTS)) > 1
    assert events.first_day < events.last_day
    assert tables["scorecards_rollup"].days == 0


def test_a_transaction_that_stays_open_is_told():
    slow = status.Sessions("web", sessions=3, longest_seconds=90.0)
    assert page._process("Web", "bad", "", slow).word == "Slow"
    assert page._process("Web", "bad", "", replace(slow, longest_seconds=1.0)).word == "Connected"


@pytest.mark.parametrize(("share", "css"), [(0.5, "ok"), (0.05, "bad")])
def test_a_full_disk_is_a_fault(share, css):
    assert page._disk(free=int(share * 100), total=100).css == css


def test_a_server_short_of_connections_says_so():
    server = status.Server("18.0", bytes=1, sessions=58, most_sessions=60, tells_processes=True)
    assert page._database(server).word == "Nearly full"


def test_a_broker_that_is_away_loses_nothing():
    assert page._broker(None).word == "Does not answer"
    assert page._broker(None).css == "warn"


def test_its_icons_are_in_the_sprite():
    sprite = (settings.BASE_DIR / "static/vendor/icons/icons.svg").read_text()
    for css in ("ok", "warn", "bad"):
        assert f'<symbol id="{page.Part("", css, "", "").look.icon}"' in sprite


@pytest.mark.parametrize("role", ["revenue_cycle_analyst", "finance_approver", "executive"])
def test_it_is_for_who_operates_the_product(network, person, role):
    client: Client = signed_in(person("rae", role, network.facilities[0]))
    answer = client.get(PAGE)
    assert answer.status_code == 403


def test_it_asks_few_questions_whatever_there_is(network, as_ivo, budget):
    as_ivo.get(PAGE)
    with budget(14):
        as_ivo.get(PAGE)
