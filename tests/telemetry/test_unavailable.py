"""A database that is away acknowledges nothing."""

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from apps.telemetry.models import IngestBatch
from tests.telemetry.wire import event, rows


class Faulty:
    """Fails the statements a test names, as PostgreSQL would."""

    def __init__(self, fault: type[Exception]) -> None:
        self.fault = fault

    def __call__(self, *_: object) -> None:
        raise self.fault("disk full")


@pytest.mark.parametrize("fault", [OperationalError, InterfaceError, DatabaseError])
def test_a_fault_while_storing_is_answered_with_503(sender, monkeypatch, fault):
    monkeypatch.setattr("apps.core.db._run_prepared", Faulty(fault))

    answer = sender.post([event()])

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert not IngestBatch.objects.exists()


@pytest.mark.usefixtures("transactional_db")
def test_a_connection_that_died_is_replaced(sender):
    assert sender.post([event()]).status_code == 202
    [(pid,)] = rows("SELECT pg_backend_pid()")
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    other.close()

    assert sender.post([event()]).status_code == 202
    assert IngestBatch.objects.count() == 2
