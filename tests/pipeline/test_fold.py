"""What one fold does with one journal row, case by case."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from apps.pipeline import services
from apps.telemetry import journal
from apps.telemetry.canonical import digest_of
from apps.telemetry.models import BusinessKey, Event, IngestBatch, Quarantine, Signal, Transaction
from apps.telemetry.partitions import EVENTS, existing_days
from tests.pipeline.network import START, event, post
from tests.pipeline.world import stored_cells

State, Sla = Transaction.State, Transaction.Sla


def later(**span: float):
    return START + timedelta(**span)


def fold_events(network, *events):
    post(network, *events)
    services.fold_waiting()
    return Transaction.objects.get(id=events[-1].transaction_id)


def minute_total(measure):
    return sum(
        cell.get(measure, 0) for (grain, *_, place), cell in stored_cells().items()
        if grain == 1 and place
    )  # fmt: skip


def test_a_first_event_starts_a_transaction_and_its_clock(network):
    found = fold_events(network, event(network, id=1, amount=12_345))

    assert (found.state, found.sla) == (State.IN_FLIGHT, Sla.PENDING)
    assert found.due_at == later(hours=1)
    assert found.amount_minor == 12_345


def test_the_batch_row_says_what_became_of_its_events(network):
    one, two = event(network, id=1), event(network, id=2, rank=2)
    post(network, one)
    again = post(network, one, two, two)

    services.fold_waiting()

    row = IngestBatch.objects.get(id=again)
    assert (row.state, row.stored, row.duplicates, row.conflicts) == (1, 1, 2, 0)
    assert row.folded_at is not None


@pytest.mark.parametrize("other", [{"amount": 5}, {"at": later(days=3)}, {"subject": "c-2"}])
def test_a_known_id_with_another_body_is_a_conflict_whatever_differs(network, other):
    first = event(network, id=1, amount=1)
    fold_events(network, first)
    second = event(network, id=1, **{"amount": 1, **other})
    batch = post(network, second)

    services.fold_waiting()

    assert Event.objects.count() == 1
    assert IngestBatch.objects.get(id=batch).conflicts == 1
    found = Quarantine.objects.get(code="conflict")
    assert found.batch_id == batch
    assert found.first_digest == f"{digest_of(first) % 2**64:016x}"
    assert found.second_digest == f"{digest_of(second) % 2**64:016x}"


def test_a_corrected_amount_moves_the_money(network):
    fold_events(network, event(network, id=1, amount=10_000))
    fold_events(network, event(network, id=2, rank=2, at=later(minutes=1), amount=7_500))

    assert minute_total("amount_started") == 7_500


def test_an_event_from_before_the_first_one_seen_moves_the_start(network):
    fold_events(network, event(network, id=1, rank=2, at=later(minutes=30)))
    found = fold_events(network, event(network, id=2, rank=1, at=START))

    assert found.first_at == START
    assert [
        key[1]
        for key, cell in stored_cells().items()
        if cell.get("started") and key[0] == 1 and key[3]
    ] == [START]


def test_a_late_report_of_a_timely_completion_turns_the_breach_into_met(network):
    fold_events(network, event(network, id=1))
    services.sweep_due()
    assert (minute_total("met"), minute_total("breached")) == (0, 1)

    found = fold_events(network, event(network, id=2, rank=3, at=later(minutes=20)))

    assert found.sla == Sla.MET
    assert (minute_total("met"), minute_total("breached")) == (1, 0)


def test_a_completed_transaction_reopens_by_a_later_business_event_and_closes_again(network):
    fold_events(network, event(network, id=1))
    assert fold_events(network, event(network, id=2, rank=4, at=later(hours=1))).state == 5

    assert fold_events(network, event(network, id=3, rank=6, at=later(hours=2))).state == 1
    assert fold_events(network, event(network, id=4, rank=4, at=later(hours=3))).state == 5
    assert minute_total("completed") == 1


def test_a_failure_counts_once_and_is_passed_by_a_success_at_its_stage(network):
    fold_events(
        network, event(network, id=1, rank=2, outcome="failed", error=("http", "503", "", ""))
    )
    found = fold_events(network, event(network, id=2, rank=1, at=later(minutes=5)))
    assert (found.state, found.error_code) == (State.FAILED, "503")

    found = fold_events(network, event(network, id=3, rank=2, at=later(minutes=9)))

    assert found.state == State.IN_FLIGHT
    assert minute_total("failed") == 1


def test_cancelled_before_due_is_excluded(network):
    fold_events(network, event(network, id=1))
    found = fold_events(network, event(network, id=2, outcome="cancelled", at=later(minutes=5)))

    assert (found.state, found.sla) == (State.CANCELLED, Sla.EXCLUDED)
    assert minute_total("excluded") == 1


def test_a_day_without_a_partition_gets_one(network):
    long_ago = START - timedelta(days=45)
    fold_events(network, event(network, id=1, at=long_ago))

    assert long_ago.date() in existing_days(EVENTS)
    assert Event.objects.get().occurred_at == long_ago


def test_a_row_that_cannot_fold_waits_for_a_person_and_its_neighbours_do_not(network):
    bad = post(network, event(network, id=1))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE telemetry_ingestbatch SET body = '[1, broken' WHERE id = %s", [bad])
    good = post(network, event(network, id=2, subject="c-2"))

    for _ in range(journal.ATTEMPTS):
        services.fold_waiting()

    assert IngestBatch.objects.get(id=good).state == IngestBatch.State.FOLDED
    row = IngestBatch.objects.get(id=bad)
    assert (row.state, row.attempts) == (IngestBatch.State.FAILED, journal.ATTEMPTS)
    assert "broken" not in row.error


def test_a_row_that_failed_is_folded_once_its_cause_is_mended(network):
    one = event(network, id=1)
    row = IngestBatch.objects.filter(id=post(network, one))
    row.update(state=IngestBatch.State.FAILED, attempts=journal.ATTEMPTS)
    services.fold_waiting()
    assert not Event.objects.exists()

    call_command("sweep", "--once", "--retry")

    assert row.get().state == IngestBatch.State.FOLDED


def test_a_signal_is_kept_once_and_moves_no_transaction(network):
    beat = event(network, id=9)
    beat.kind, beat.transaction_id, beat.data = 4, "", {"queue_depth": 12}
    beat.interface_id, beat.workflow_id, beat.facility_id = 3, 0, 0
    post(network, beat, beat)

    services.fold_waiting()

    found = Signal.objects.get()
    assert (found.kind, found.interface_id, found.data) == (4, 3, {"queue_depth": 12})
    assert Transaction.objects.count() == 0


def test_business_keys_are_kept_as_tokens_once_per_transaction(network):
    keys = [("account", "ab" * 16, "••7731")]
    fold_events(
        network,
        event(network, id=1, business_keys=keys),
        event(network, id=2, rank=2, business_keys=keys),
    )

    found = BusinessKey.objects.get()
    assert (found.kind, found.token.hex, found.masked) == ("account", "ab" * 16, "••7731")


def test_text_from_senders_survives_copy_unchanged(network):
    odd = 'c:\\new \\N "x" ünï'
    found = fold_events(network, event(network, id="a\\b", subject=odd, payer="\\N"))

    assert (found.correlation_id, found.payer) == (odd, "\\N")
    assert Event.objects.get().event_id == "a\\b"


def test_a_changed_target_holds_for_what_starts_after_it(network):
    from apps.catalog.models import Clock, SlaTarget
    from tests.pipeline.network import TARGET_CHANGE

    before = fold_events(network, event(network, id=1, at=TARGET_CHANGE - timedelta(seconds=1)))
    after = fold_events(network, event(network, id=2, at=TARGET_CHANGE, subject="c-2"))

    assert before.due_at - before.started_at == timedelta(hours=1)
    assert after.due_at - after.started_at == timedelta(hours=2)
    assert SlaTarget.objects.filter(clock=Clock.objects.first()).count() >= 2


def test_an_override_holds_at_its_facility(network):
    found = fold_events(network, event(network, id=1, facility=1))

    assert found.due_at - found.started_at == timedelta(minutes=30)
