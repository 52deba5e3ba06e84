"""What time alone makes due is found and counted once."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils.timezone import now

from apps.pipeline import services, tasks
from apps.scorecards.models import BacklogSnapshot
from apps.scorecards.services import take_snapshot
from apps.telemetry.journal import waiting
from apps.telemetry.models import Transaction
from apps.telemetry.partitions import EVENTS, JOURNAL, drop_expired, ensure_days, existing_days
from tests.pipeline.network import START, event, post
from tests.pipeline.world import stored_backlog, stored_cells

State = Transaction.State


def clock(text: str) -> datetime:
    hours, minutes = map(int, text.split(":"))
    return datetime(2026, 3, 6, hours, minutes, tzinfo=UTC)


def test_attainment_of_the_published_example_is_one_third(network):
    """domain: L = 60 min, window due in [11:00, 12:00): T1 met, T2 and T3 breached."""
    story = {"T1": ("10:00", "10:30"), "T2": ("10:10", "11:40"), "T3": ("10:20", None),
             "T4": ("11:30", None), "T5": ("11:45", "11:50")}  # fmt: skip
    for subject, (start, stop) in story.items():
        post(network, event(network, id=f"{subject}-1", subject=subject, at=clock(start)))
        if stop:
            post(
                network, event(network, id=f"{subject}-3", subject=subject, rank=3, at=clock(stop))
            )
    services.fold_waiting()
    services.sweep_due()

    cell = stored_cells()[2, clock("11:00"), network.workflows[0].pk, network.facilities[0].pk]

    assert (cell["met"], cell["breached"]) == (1, 2)


def test_overdue_work_is_counted_once_however_often_the_sweep_runs(network):
    post(network, event(network, id=1, amount=500))
    services.fold_waiting()

    assert services.sweep_due() == 1
    assert services.sweep_due() == 0
    tasks.sweep()

    cells = {key: cell for key, cell in stored_cells().items() if key[0] == 1 and key[3]}
    assert sum(cell.get("breached", 0) for cell in cells.values()) == 1
    [backlog] = stored_backlog().values()
    assert (backlog["open"], backlog["overdue"], backlog["amount_at_risk"]) == (1, 1, 500)


def test_open_work_of_which_nothing_was_heard_expires_and_leaves_the_backlog(network):
    post(network, event(network, id=1, workflow=1, amount=500))
    post(network, event(network, id=2, workflow=0))
    post(network, event(network, id=3, workflow=1, subject="c-2", at=now() - timedelta(days=29)))
    services.fold_waiting()

    assert services.sweep_silent() == 1
    assert services.sweep_silent() == 0

    assert Transaction.objects.get(state=State.EXPIRED).workflow_id == network.workflows[1].pk
    assert sum(backlog["open"] for backlog in stored_backlog().values()) == 2


def test_an_expired_transaction_opens_again_when_it_is_heard_of(network):
    post(network, event(network, id=1, workflow=1))
    services.fold_waiting()
    services.sweep_silent()
    post(network, event(network, id=2, workflow=1, rank=2, at=now() - timedelta(hours=1)))

    services.fold_waiting()
    services.sweep_silent()

    assert Transaction.objects.get().state == State.IN_FLIGHT
    [backlog] = stored_backlog().values()
    assert backlog["open"] == 1


def test_an_event_older_than_the_last_one_wakes_nothing_up(network):
    post(network, event(network, id=1, workflow=1))
    services.fold_waiting()
    services.sweep_silent()
    post(network, event(network, id=2, workflow=1, at=START - timedelta(hours=1)))

    services.fold_waiting()

    assert Transaction.objects.get().state == State.EXPIRED


def test_what_is_not_yet_due_stays_pending(network):
    post(network, event(network, id=1, at=now() - timedelta(minutes=5)))
    services.fold_waiting()

    assert services.sweep_due() == 0
    assert Transaction.objects.get().sla == Transaction.Sla.PENDING


def test_verify_names_a_cell_that_was_changed_and_heals_it(network, capsys):
    post(network, event(network, id=1))
    services.fold_waiting()
    call_command("verify", all=True)
    assert "every cell agrees" in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("UPDATE scorecards_rollup SET started = started + 5 WHERE grain = 3")

    with pytest.raises(CommandError) as failure:
        call_command("verify", all=True)

    assert failure.value.returncode == 1
    out = capsys.readouterr().out
    assert "day 2026-03-06 05:00 flow_1 NORTH started: is 6, should be 1" in out
    assert "day 2026-03-06 00:00 flow_1 the network started: is 6, should be 1" in out
    call_command("verify", all=True, heal=True)
    call_command("verify", all=True)


def test_verify_refuses_a_window_that_ends_before_it_begins(network):
    with pytest.raises(CommandError, match="ends before it begins"):
        call_command("verify", start="2026-03-02T00:00:00Z", end="2026-03-01T00:00:00Z")


def test_verify_finds_a_missing_row_and_a_wrong_backlog(network, capsys):
    post(network, event(network, id=1))
    services.fold_waiting()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scorecards_rollup WHERE grain = 2")
        cursor.execute("UPDATE scorecards_backlog SET open = 3")

    call_command("verify", all=True, heal=True)

    out = capsys.readouterr().out
    assert "hour 2026-03-06 12:00 flow_1 NORTH started: is 0, should be 1" in out
    assert "backlog flow_1 NORTH open: is 3, should be 1" in out
    assert stored_backlog()[network.workflows[0].pk, network.facilities[0].pk]["open"] == 1


def test_the_backlog_is_photographed_once_per_five_minutes_with_its_age(network):
    post(network, event(network, id=1, at=now() - timedelta(hours=5)))
    services.fold_waiting()

    take_snapshot()
    take_snapshot()

    found = BacklogSnapshot.objects.get()
    assert (found.open, found.under_24_hours, found.under_4_hours) == (1, 1, 0)


def test_expired_days_are_dropped_and_a_waiting_journal_row_is_kept(network):
    today = now().date()
    past = [today - timedelta(days=days) for days in (500, 30)]
    ensure_days(EVENTS, past)
    ensure_days(JOURNAL, [today - timedelta(days=days) for days in (20, 30)])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_ingestbatch (id, source_id, events, body)"
            " VALUES (uuidv7(interval '-20 days'), %s, 0, '')",
            [network.source.pk],
        )

    drop_expired(today)

    assert past[0] not in existing_days(EVENTS)
    assert past[1] in existing_days(EVENTS)
    assert today - timedelta(days=20) in existing_days(JOURNAL)
    assert today - timedelta(days=30) not in existing_days(JOURNAL)


@pytest.mark.parametrize("task", [tasks.fold, tasks.sweep, tasks.maintain])
def test_each_task_may_run_twice(network, task):
    post(network, event(network, id=1))
    task()
    before = stored_cells()

    task()

    assert stored_cells() == before


def test_a_worker_that_gathers_leaves_although_more_keeps_coming(network, monkeypatch):
    """Bells of the sweep would expire behind one that stays."""
    numbers = count(1)

    def one_more(_: float = 0) -> None:
        post(network, event(network, id=next(numbers)))

    one_more()
    monkeypatch.setattr(services.time, "sleep", one_more)

    assert services.fold_journal(gather=0.1) == 2
    assert waiting().waiting_batches == 0
