"""A key that speaks for some facilities cannot reach transactions of others."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connection, connections, transaction

from apps.pipeline import services
from apps.telemetry.models import Event, IngestBatch, Quarantine, Transaction
from tests.pipeline.network import START, event, post

EARLIER = START - timedelta(hours=1)
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def scope(network, *numbers):
    return [network.facilities[number].pk for number in numbers]


def test_an_earlier_event_of_another_facilitys_key_moves_no_transaction(network):
    post(network, event(network, id=1, facility=0))
    services.fold_waiting()
    batch = post(network, event(network, id=2, facility=1, at=EARLIER), scope=scope(network, 1))

    services.fold_waiting()

    found = Transaction.objects.get()
    assert (found.facility_id, found.first_at) == (network.facilities[0].pk, START)
    assert Event.objects.count() == 1
    row = IngestBatch.objects.get(id=batch)
    assert (row.state, row.stored, row.duplicates, row.conflicts) == (1, 0, 0, 1)
    item = Quarantine.objects.get()
    assert (item.code, item.batch_id, item.pointer) == ("foreign_transaction", batch, "/subject")
    # The item is shown to those of the facility the event named, not of the transaction's.
    assert item.facility_id == network.facilities[1].pk


def test_a_refused_event_may_come_again_under_a_wider_key(network):
    late = event(network, id=2, facility=1, rank=2)
    post(network, event(network, id=1, facility=0))
    post(network, late, scope=scope(network, 1))
    services.fold_waiting()

    batch = post(network, late, scope=scope(network, 0, 1))
    services.fold_waiting()

    assert IngestBatch.objects.get(id=batch).stored == 1
    assert Transaction.objects.get().events == 2


def test_a_redelivery_stays_a_duplicate_after_its_transaction_moved(network):
    own = event(network, id=1, facility=1)
    post(network, own, scope=scope(network, 1))
    post(network, event(network, id=2, facility=0, at=EARLIER))
    services.fold_waiting()
    batch = post(network, own, scope=scope(network, 1))

    services.fold_waiting()

    row = IngestBatch.objects.get(id=batch)
    assert (row.duplicates, row.conflicts) == (1, 0)
    assert not Quarantine.objects.exists()


def test_rows_of_different_scopes_waiting_together_are_told_apart(network):
    post(network, event(network, id=1, facility=1), scope=scope(network, 1))
    foreign = post(network, event(network, id=2, facility=0, at=EARLIER), scope=scope(network, 0))
    post(network, event(network, id=3, facility=1, rank=2), scope=scope(network, 1))

    services.fold_waiting()

    found = Transaction.objects.get()
    assert (found.facility_id, found.events) == (network.facilities[1].pk, 2)
    assert Quarantine.objects.get().batch_id == foreign


def test_a_transaction_that_another_fold_begins_meanwhile_is_respected(network):
    """The scoped fold looks before the other one commits, waits for its row, and looks again."""
    theirs = event(network, id=1, facility=0)
    first = post(network, theirs)
    batch = post(network, event(network, id=2, facility=1, at=EARLIER), scope=scope(network, 1))

    def fold_ours():
        try:
            services.fold_waiting()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert services._fold_claim(first, 1) == 1
            work = pool.submit(fold_ours)
            wait_for_a_lock()
        work.result(timeout=120)

    assert Transaction.objects.get().facility_id == theirs.facility_id
    assert Quarantine.objects.get().batch_id == batch


def wait_for_a_lock():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(WAITS)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")
