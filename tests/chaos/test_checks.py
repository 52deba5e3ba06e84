"""The checker finds what it is there to find: each test breaks one thing in a sound database."""

from uuid import UUID

import msgspec
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from apps.pipeline import services as pipeline
from apps.telemetry.services.keys import issue_key
from tests.chaos.checks import check
from tests.chaos.history import Stream, names, wire
from tests.chaos.load import Ledger
from tests.pipeline.conftest import empty

EVENTS = 400
BATCH = 25


@pytest.fixture
def ledger(transactional_db: None) -> Ledger:
    """A tiny load through the real endpoint, folded, and what its sender remembers."""
    call_command("seed", verbosity=0)
    empty()
    known, ledger = names(), Ledger()
    headers = {"authorization": f"Bearer {issue_key(source='chaos').bearer}"}
    stream = Stream(known, seed=11)
    for _ in range(EVENTS // BATCH):
        batch = stream.take(BATCH)
        ledger.note_sent(batch)
        body = msgspec.json.encode([wire(one, known) for one in batch])
        for _twice in range(2):
            answer = Client().post(
                "/api/v1/events", body, "application/cloudevents-batch+json", headers=headers
            )
            ledger.note_answer(batch, answer.status_code, answer.content, 0.0)
    pipeline.fold_waiting()
    pipeline.sweep_due()
    return ledger


def test_a_sound_database_passes(ledger: Ledger):
    found = check(ledger)
    assert found.wrong == []
    assert found.events == EVENTS
    assert found.transactions > 50
    assert found.cells > 100


# What the checker must say, and what is done to the database for it to say so.
BREAKS = {
    "acknowledged events are lost": """
        DELETE FROM telemetry_event WHERE event_key =
            (SELECT event_key FROM telemetry_event ORDER BY event_key LIMIT 1)""",
    "events are stored more than once": """
        INSERT INTO telemetry_event SELECT * FROM telemetry_event ORDER BY event_key LIMIT 1""",
    "stored events were never sent": """
        UPDATE telemetry_event SET event_id = 'nobody' WHERE event_key =
            (SELECT event_key FROM telemetry_event ORDER BY event_key DESC LIMIT 1)""",
    "stored events are not what was sent": """
        UPDATE telemetry_event SET outcome = 7 - outcome WHERE event_key =
            (SELECT event_key FROM telemetry_event ORDER BY event_key LIMIT 1 OFFSET 5)""",
    "acknowledged batches are not in the journal": """
        DELETE FROM telemetry_ingestbatch WHERE id =
            (SELECT id FROM telemetry_ingestbatch ORDER BY id LIMIT 1)""",
    "journal rows are not folded or do not add up": """
        UPDATE telemetry_ingestbatch SET stored = stored + 1 WHERE id =
            (SELECT id FROM telemetry_ingestbatch ORDER BY id LIMIT 1)""",
    "the journal counts": """
        DELETE FROM telemetry_event WHERE event_key =
            (SELECT event_key FROM telemetry_event ORDER BY event_key LIMIT 1 OFFSET 9)""",
    "transactions differ from the oracle": """
        UPDATE telemetry_transaction SET amount_minor = amount_minor + 1 WHERE id =
            (SELECT id FROM telemetry_transaction WHERE amount_minor > 0 ORDER BY id LIMIT 1)""",
    "backlog cells differ from the oracle": """
        UPDATE scorecards_backlog SET open = open - 1 WHERE ctid =
            (SELECT ctid FROM scorecards_backlog WHERE open > 0 LIMIT 1)""",
    "rollup cells differ from the oracle": """
        UPDATE scorecards_rollup SET started = started + 1 WHERE ctid =
            (SELECT ctid FROM scorecards_rollup WHERE grain = 2 AND started > 0 LIMIT 1)""",
    "valid events are in quarantine": """
        INSERT INTO telemetry_quarantine (source_id, event_id, code)
        SELECT id, 'e', 'conflict' FROM telemetry_source LIMIT 1""",
    "overdue for 15 s are not marked": """
        UPDATE telemetry_transaction SET overdue_at = NULL WHERE id =
            (SELECT id FROM telemetry_transaction
              WHERE sla = 2 AND stopped_at IS NULL AND due_at < now() - interval '1 hour'
              ORDER BY id LIMIT 1)""",
}


def test_each_of_these_breaks_is_found(ledger: Ledger):
    """One after the other in the same database: what is new in the findings is due to the last."""
    for finding, sql in BREAKS.items():
        before = [sentence for sentence in check(ledger).wrong if finding in sentence]
        break_one(sql)
        after = [sentence for sentence in check(ledger).wrong if finding in sentence]
        assert after != before, f"not found: {finding}"


def break_one(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.rowcount == 1, f"broke {cursor.rowcount} rows: {sql}"


def test_verify_finds_a_cell_that_was_counted_twice(ledger: Ledger):
    break_one("""
        UPDATE scorecards_rollup SET amount_started = 2 * amount_started WHERE ctid =
            (SELECT ctid FROM scorecards_rollup WHERE amount_started > 0 LIMIT 1)""")
    assert "1 rollup cells that differ from a recount" in "\n".join(check(ledger).wrong)


def test_what_the_clients_saw_go_wrong_is_reported(ledger: Ledger):
    ledger.note_answer([], 500, b"oops", 0.1)
    ledger.acked.pop()
    ledger.batches.add(UUID(int=7))
    wrong = "\n".join(check(ledger).wrong)
    assert "answer 500 to a valid batch" in wrong
    assert "1 events were never acknowledged" in wrong
    assert "1 acknowledged batches are not in the journal" in wrong
