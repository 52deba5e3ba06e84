"""Ninety days of history, made once and kept: events by SQL, all else by the product's own fold.

A day's events are generated straight into the fold's staging table and go through the statements
that every fold runs. Each size is a database of its own beside the one that is made anew each run;
it is built again when the statements or the tables change.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.core.management import call_command
from django.db import connection, transaction

from apps.core.db import execute, fetch_value
from apps.pipeline import services
from apps.scorecards import compaction
from apps.scorecards import services as scorecards
from apps.telemetry import fold, partitions
from bench.instance import Instance
from bench.place import PROJECT

DAYS = 90
EVENTS_A_TRANSACTION = 4
BUILT_FROM = [
    "bench/history.py", "apps/telemetry/sql/tables.sql", "apps/scorecards/sql/tables.sql",
    "apps/scorecards/sql/grains.sql", "apps/catalog/seed/workflows.toml",
    "apps/catalog/seed/facilities.toml",
]  # fmt: skip

# Start times over the whole day, stages minutes to hours apart; a few fail, a few never end. Keys
# begin with their time, as those of senders do who number by UUIDv7.
GENERATE = """
INSERT INTO fold_new (batch, received_us, source_id, kind, event_key, digest, transaction_id,
       occurred_us, workflow_id, facility_id, stage_id, rank, outcome, attempt, amount_minor,
       amount_kind, event_id, ce_source, correlation_id, payer, backfill)
WITH flow AS (
    SELECT workflow_id, array_agg(id ORDER BY rank) AS stages,
           array_agg(rank ORDER BY rank) AS ranks,
           row_number() OVER (ORDER BY workflow_id) - 1 AS number, count(*) OVER () AS flows
      FROM catalog_stage GROUP BY workflow_id
), place AS (
    SELECT id AS facility_id, row_number() OVER (ORDER BY id) - 1 AS number,
           count(*) OVER () AS places
      FROM catalog_facility WHERE kind IN ('hospital', 'clinic')
), began AS (
    SELECT i, (extract(epoch FROM %(day)s::timestamptz) * 1000000)::bigint
              + (random() * 86400e6)::bigint AS start_us,
           md5(%(day)s || ' ' || i) AS name, random() AS fate, random() AS pace,
           (random() * 900000)::bigint AS amount
      FROM generate_series(1, %(transactions)s) AS i
)
SELECT 0, e.us, 1, 1,
       (lpad(to_hex(e.us / 1000), 12, '0') || substr(md5(b.name || step), 13))::uuid, b.i,
       (lpad(to_hex(b.start_us / 1000), 12, '0') || substr(b.name, 13))::uuid,
       e.us, f.workflow_id, p.facility_id, f.stages[e.position], f.ranks[e.position],
       CASE WHEN step = 3 AND b.fate < 0.04 THEN 3
            WHEN step = 2 AND b.fate > 0.95 THEN 2 ELSE 1 END,
       1, CASE step WHEN 1 THEN b.amount END, CASE step WHEN 1 THEN 1 END,
       b.name || '-' || step, '/history', b.name, CASE step WHEN 1 THEN 'Aster Health' END, false
  FROM began b
  JOIN flow f ON f.number = b.i %% f.flows
  JOIN place p ON p.number = (b.i / f.flows) %% p.places
 CROSS JOIN generate_series(1, %(steps)s) AS step
 CROSS JOIN LATERAL (
       SELECT b.start_us + ((step - 1) * (30 + 7200 * b.pace * b.pace) * 1e6)::bigint AS us,
              CASE step WHEN %(steps)s THEN cardinality(f.stages)
                   ELSE LEAST(step, cardinality(f.stages)) END AS position) AS e
 WHERE e.us < (extract(epoch FROM now()) * 1000000)::bigint
   AND (step < %(steps)s OR b.fate NOT BETWEEN 0.04 AND 0.06)
"""
# Two numbers a transaction, as most senders know.
GENERATE_KEYS = """
INSERT INTO fold_key (event_key, transaction_id, kind, token, masked)
SELECT event_key, transaction_id, given, md5(given || correlation_id)::uuid,
       right(correlation_id, 4)
  FROM fold_new CROSS JOIN unnest(ARRAY['account', 'encounter']) AS given
 WHERE amount_minor IS NOT NULL
"""
NOTE = "CREATE TABLE bench_history (fingerprint text)"
NOTED = "INSERT INTO bench_history VALUES (%(fingerprint)s)"
FINGERPRINT = "SELECT (SELECT fingerprint FROM bench_history)"
IS_NOTED = "SELECT to_regclass('bench_history') IS NOT NULL"


@contextmanager
def using(database: str) -> Iterator[None]:
    """Everything in this process meanwhile happens in another database of the same server."""
    kept = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = kept


def ensure(instance: Instance, events: int) -> str:
    """The database that holds a history of so many events; built if it is not there."""
    name = f"history_{events}"
    if instance.has(name) and _is_current(name):
        with using(name):
            call_command("migrate", verbosity=0)
        return name
    instance.drop(name)
    instance.copy(name)
    began = time.monotonic()
    with using(name):
        for done, day in enumerate(_days(), start=1):
            build_day(day, events // EVENTS_A_TRANSACTION // DAYS)
            if done % 10 == 0:
                instance.console.say(f"{events:,} events: {done} of {DAYS} days")
        finish()
    instance.console.say(f"{events:,} events built in {time.monotonic() - began:.0f} s")
    return name


def _days() -> list[datetime]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]


def build_day(day: datetime, transactions: int) -> None:
    """The events of the transactions that begin on this day, folded."""
    partitions.ensure_days(partitions.EVENTS, [(day + timedelta(days=n)).date() for n in (0, 1)])
    with transaction.atomic():
        fold.prepare_session()
        came = execute(
            GENERATE,
            {"day": day.isoformat(), "transactions": transactions, "steps": EVENTS_A_TRANSACTION},
        )
        assert not fold.let_in(came, None)
        execute(GENERATE_KEYS)
        execute(fold.STORE)
        execute(fold.KEEP_BUSINESS_KEYS)
        fold.fold_transactions()
        scorecards.record_changes(came)
    compaction.compact()


def finish() -> None:
    """What time would have done meanwhile: overdue counted, old minutes dropped, all vacuumed."""
    services.sweep_due()
    compaction.compact()
    scorecards.drop_old_rollups()
    scorecards.take_snapshot()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    execute(NOTE)
    execute(NOTED, {"fingerprint": _fingerprint()})


def _is_current(name: str) -> bool:
    with using(name):
        return bool(fetch_value(IS_NOTED)) and fetch_value(FINGERPRINT) == _fingerprint()


def _fingerprint() -> str:
    content = b"".join((PROJECT / path).read_bytes() for path in BUILT_FROM)
    return hashlib.sha256(content).hexdigest()
