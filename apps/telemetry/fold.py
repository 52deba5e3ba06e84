"""Step 1 of the fold: let new events in, once, and fold them into transactions.

Everything here runs inside the caller's transaction (`pipeline.services`). It leaves two temporary
tables for the steps after it: `fold_new`, the events that were let in, and `fold_changed`, the
image of every transaction touched before and after. The tables empty themselves at commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core.db import copy_rows, execute, fetch_all, fetch_value, runner
from apps.telemetry.canonical import Kind, decode_journal, split_journal
from apps.telemetry.refusals import Code
from apps.telemetry.tokens import refused_digest

DUPLICATE = "duplicate"
DAY_US = 86_400_000_000
EPOCH_DAY = date(1970, 1, 1)

# Session tables of a folding connection. The rules are copied because the views behind them resolve
# overrides for every facility, which is too slow to repeat for a fold of three events.
PREPARE_SESSION = """
CREATE TEMPORARY TABLE IF NOT EXISTS fold_new (
    batch integer, received_us bigint, source_id integer, kind smallint, event_key uuid,
    digest bigint, transaction_id uuid, occurred_us bigint, workflow_id integer,
    facility_id integer, interface_id integer, stage_id integer, rank smallint, outcome smallint,
    attempt smallint, amount_minor bigint, amount_kind smallint, event_id text, ce_source text,
    correlation_id text, error_standard text, error_code text, error_location text, payer text,
    service_date date, contract_version text, backfill boolean, data jsonb,
    -- exact: a double holds microseconds since 1970 until 2255
    occurred_at timestamptz GENERATED ALWAYS AS (to_timestamp(occurred_us / 1e6::float8)) STORED
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fold_key (
    event_key uuid, transaction_id uuid, kind text, token uuid, masked text
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fold_let_in (event_key uuid) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fold_changed (
    id uuid, is_new boolean, workflow_id integer,
    old_facility_id integer, new_facility_id integer, old_state smallint, new_state smallint,
    old_first_at timestamptz, new_first_at timestamptz, old_amount bigint, new_amount bigint,
    old_settled_at timestamptz, new_settled_at timestamptz,
    old_failed_at timestamptz, new_failed_at timestamptz,
    old_dead_lettered_at timestamptz, new_dead_lettered_at timestamptz,
    old_started_at timestamptz, new_started_at timestamptz, old_due_at timestamptz,
    new_due_at timestamptz, old_stopped_at timestamptz, new_stopped_at timestamptz,
    old_sla smallint, new_sla smallint,
    old_business_started_at timestamptz, new_business_started_at timestamptz,
    old_business_due_at timestamptz, new_business_due_at timestamptz,
    old_business_stopped_at timestamptz, new_business_stopped_at timestamptz,
    old_business_sla smallint, new_business_sla smallint
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fold_rule_version (version bigint NOT NULL);
CREATE TEMPORARY TABLE IF NOT EXISTS fold_stage_rule (LIKE catalog_stage_rule);
CREATE TEMPORARY TABLE IF NOT EXISTS fold_target_rule (LIKE catalog_target_rule);
CREATE INDEX IF NOT EXISTS fold_target_rule_of ON fold_target_rule (workflow_id, facility_id, clock)
"""

# Commit empties them; a fold inside a larger transaction must not meet the rows of the one before.
EMPTY_SESSION = """
DELETE FROM fold_new; DELETE FROM fold_key; DELETE FROM fold_let_in; DELETE FROM fold_changed
"""

SESSION_IS_NEW = "SELECT to_regclass('pg_temp.fold_target_rule') IS NULL"
LOOK_AT_SESSION = """
SELECT NOT EXISTS (SELECT FROM fold_rule_version JOIN catalog_catalogversion USING (version)),
       EXISTS (SELECT FROM fold_new) OR EXISTS (SELECT FROM fold_changed)
"""
REFRESH_RULES = """
TRUNCATE fold_rule_version, fold_stage_rule, fold_target_rule;
INSERT INTO fold_rule_version SELECT version FROM catalog_catalogversion;
INSERT INTO fold_stage_rule SELECT * FROM catalog_stage_rule;
INSERT INTO fold_target_rule SELECT * FROM catalog_target_rule;
ANALYZE fold_stage_rule;
ANALYZE fold_target_rule
"""

COPY_EVENTS = "COPY fold_new FROM STDIN (NULL '')"
COPY_KEYS = "COPY fold_key FROM STDIN (NULL '')"

# - Of several copies inside one fold the first enters: the second meets the first one's key. A
#   session table is filled once and in order, so its ctid says which was first.
# - ORDER BY event_key fixes the lock order: overlapping folds wait for each other, never deadlock.
# - What RETURNING gives back was not known before; everything else is a duplicate or a conflict.
LET_IN = """
WITH let_in AS (
    INSERT INTO telemetry_eventkey (event_key, digest, transaction_id)
    SELECT event_key, digest, transaction_id FROM fold_new ORDER BY event_key, ctid
        ON CONFLICT ON CONSTRAINT event_once DO NOTHING
    RETURNING event_key
)
INSERT INTO fold_let_in SELECT event_key FROM let_in
"""

# Only when fewer were let in than came: what was known leaves `fold_new`, and its keys with it.
REFUSE = """
WITH chosen AS MATERIALIZED (
    SELECT DISTINCT ON (event_key) e.ctid AS place
      FROM fold_new e JOIN fold_let_in USING (event_key)
     ORDER BY event_key, e.ctid
), refused AS (
    DELETE FROM fold_new WHERE ctid NOT IN (SELECT place FROM chosen)
    RETURNING batch, event_key, event_id, facility_id, digest
)
SELECT r.batch, r.event_id, r.facility_id,
       CASE WHEN k.digest = r.digest THEN 'duplicate' ELSE 'conflict' END AS code,
       lpad(to_hex(k.digest), 16, '0') AS first_digest,
       lpad(to_hex(r.digest), 16, '0') AS second_digest
  FROM refused r JOIN telemetry_eventkey k USING (event_key)
 ORDER BY r.batch, r.event_id
"""

# What a key that speaks for some facilities says about a transaction at another one. Its event key
# is forgotten: it is not kept, so it may come again once the key's scope is wider.
REFUSE_FOREIGN = """
WITH refused AS (
    DELETE FROM fold_new e USING telemetry_transaction t
     WHERE e.kind = 1 AND t.id = e.transaction_id AND t.facility_id <> ALL(%(scope)s)
    RETURNING e.batch, e.event_key, e.event_id, e.facility_id
), forgotten AS (
    DELETE FROM telemetry_eventkey k USING refused r WHERE k.event_key = r.event_key
)
SELECT batch, event_id, facility_id, 'foreign_transaction' AS code,
       NULL AS first_digest, NULL AS second_digest
  FROM refused ORDER BY batch, event_id
"""
# A transaction that another fold began after we looked.
MET_FOREIGN = """
SELECT EXISTS (SELECT FROM fold_changed WHERE old_facility_id <> ALL(%(scope)s))
"""
FORGET_KEYS_OF_REFUSED = """
DELETE FROM fold_key k
 WHERE NOT EXISTS (SELECT FROM fold_new e
                    WHERE e.event_key = k.event_key AND e.transaction_id = k.transaction_id)
"""

STORE = """
WITH signals AS (
    INSERT INTO telemetry_signal (event_key, kind, occurred_at, received_at, source_id, workflow_id,
           facility_id, interface_id, event_id, ce_source, data)
    SELECT event_key, kind, occurred_at, telemetry_at(received_us), source_id, workflow_id,
           facility_id, interface_id, event_id, ce_source, COALESCE(data, '{}')
      FROM fold_new WHERE kind > 1
)
INSERT INTO telemetry_event (
       event_key, transaction_id, occurred_at, received_at, source_id, workflow_id, facility_id,
       interface_id, stage_id, rank, outcome, attempt, amount_kind, backfill, amount_minor,
       service_date, event_id, ce_source, correlation_id, payer, error_standard, error_code,
       error_location, contract_version)
SELECT event_key, transaction_id, occurred_at, telemetry_at(received_us), source_id, workflow_id,
       facility_id, interface_id, stage_id, rank, outcome, attempt, amount_kind, backfill,
       amount_minor, service_date, event_id, ce_source, correlation_id, payer, error_standard,
       error_code, error_location, contract_version
  FROM fold_new WHERE kind < 2
 ORDER BY transaction_id, occurred_us
"""

KEEP_BUSINESS_KEYS = """
INSERT INTO telemetry_businesskey (transaction_id, kind, token, masked)
SELECT DISTINCT ON (transaction_id, token) transaction_id, kind, token, masked
  FROM fold_key
 ORDER BY transaction_id, token, kind, masked
    ON CONFLICT ON CONSTRAINT business_key_once DO NOTHING
"""

# A transaction before and after, in the order of `fold_changed`.
IMAGES = """
    RETURNING new.id, old.id IS NULL, new.workflow_id,
           old.facility_id, new.facility_id, old.state, new.state,
           old.first_at, new.first_at, old.amount_minor, new.amount_minor,
           old.settled_at, new.settled_at, old.failed_at, new.failed_at,
           old.dead_lettered_at, new.dead_lettered_at,
           old.started_at, new.started_at, old.due_at, new.due_at,
           old.stopped_at, new.stopped_at, old.sla, new.sla,
           old.business_started_at, new.business_started_at,
           old.business_due_at, new.business_due_at,
           old.business_stopped_at, new.business_stopped_at,
           old.business_sla, new.business_sla
"""

# What the catalogue says each event means: does it settle, reopen, start or stop a clock,
# and when is a clock it starts due. The due time belongs to the start event alone (its facility,
# the target in force at its moment), so it travels with that event and folding stays commutative.
# Of a scope's target versions one holds at a time (slatarget_no_overlap), so the joins add no rows.
#
# Stages are asked for as kind < 2: of a session table the planner knows nothing, and takes an
# equality for one row, which makes every join a loop.
#
# Arrays compare like tuples, so min(ARRAY[time, x]) is "x of the earliest". Where both parts fit
# into one bigint it does the same for a third of the CPU: time * 8 + how it settled, rank * 2^52 +
# time (microseconds need 51 bits until 2041, 52 until 2112). The ORDER BY of the upsert fixes the
# lock order of concurrent folds.
FOLD_TRANSACTIONS = (
    """
WITH ruled AS (
    SELECT e.*,
           CASE WHEN e.outcome = 6 THEN 7
                WHEN e.outcome = 1 AND r.terminal_outcome > 0 THEN r.terminal_outcome + 4 END
                    AS settles_as,
           (r.reopens AND e.outcome IN (1, 2, 3, 4))
           OR (r.terminal_outcome > 0 AND e.outcome IN (3, 4)) AS reopens,
           r.starts_integration AS starts, r.stops_integration AS stops,
           r.starts_business, r.stops_business,
           due.due_at, business_due.due_at AS business_due_at
      FROM fold_new e
      LEFT JOIN fold_stage_rule r USING (stage_id)
      LEFT JOIN fold_target_rule i
        ON r.starts_integration AND i.clock = 1 AND i.workflow_id = e.workflow_id
       AND i.facility_id = e.facility_id AND i.effective_from <= e.occurred_at
       AND (i.effective_to IS NULL OR i.effective_to > e.occurred_at)
      LEFT JOIN fold_target_rule b
        ON r.starts_business AND b.clock = 2 AND b.workflow_id = e.workflow_id
       AND b.facility_id = e.facility_id AND b.effective_from <= e.occurred_at
       AND (b.effective_to IS NULL OR b.effective_to > e.occurred_at)
      LEFT JOIN LATERAL catalog_dues(i.measure, e.occurred_at, i.threshold_seconds,
           i.calendar_id, i.time_zone) AS due ON true
      LEFT JOIN LATERAL catalog_dues(b.measure, e.occurred_at, b.threshold_seconds,
           b.calendar_id, b.time_zone) AS business_due ON true
     WHERE e.kind < 2
), summary AS (
    SELECT transaction_id, any_value(workflow_id) AS workflow_id,
           any_value(correlation_id) AS correlation_id,
           min(ARRAY[occurred_us, facility_id]) AS first, max(occurred_at) AS last_at,
           min(ARRAY[occurred_at, due_at]) FILTER (WHERE starts) AS start,
           min(occurred_at) FILTER (WHERE stops AND outcome = 1) AS stopped_at,
           min(ARRAY[occurred_at, business_due_at]) FILTER (WHERE starts_business)
               AS business_start,
           min(occurred_at) FILTER (WHERE stops_business AND outcome = 1) AS business_stopped_at,
           max(occurred_us * 8 + settles_as) AS settled,
           max(occurred_at) FILTER (WHERE reopens) AS reopened_at,
           max((rank::bigint << 52) + occurred_us) FILTER (WHERE outcome = 1) AS progress,
           min(occurred_at) FILTER (WHERE outcome = 3) AS failed_at,
           min(occurred_at) FILTER (WHERE outcome = 4) AS dead_lettered_at,
           max(ARRAY[occurred_us, amount_minor, COALESCE(amount_kind, 0)])
               FILTER (WHERE amount_minor IS NOT NULL) AS amount,
           min(service_date) AS service_date, count(*) AS events, max(attempt) AS attempts,
           count(*) FILTER (WHERE outcome = 2) AS retries,
           count(*) FILTER (WHERE outcome = 5) AS manual_touches, bool_and(backfill) AS backfill
      FROM ruled GROUP BY transaction_id
), trouble AS (
    SELECT DISTINCT ON (transaction_id) transaction_id, rank AS trouble_rank,
           occurred_at AS trouble_at, outcome AS trouble_as, interface_id AS trouble_interface_id,
           error_standard, error_code, error_location
      FROM fold_new WHERE kind < 2 AND outcome IN (2, 3, 4)
     ORDER BY transaction_id, rank DESC, occurred_at DESC, outcome DESC,
           COALESCE(error_standard, '') DESC, COALESCE(error_code, '') DESC,
           COALESCE(error_location, '') DESC, COALESCE(interface_id, 0) DESC
), paid_by AS (
    SELECT DISTINCT ON (transaction_id) transaction_id, occurred_at AS payer_at, payer
      FROM fold_new WHERE kind < 2 AND payer IS NOT NULL
     ORDER BY transaction_id, occurred_at DESC, payer DESC
), folded AS (
    INSERT INTO telemetry_transaction AS t (
           id, workflow_id, facility_id, correlation_id, first_at, last_at,
           started_at, due_at, stopped_at,
           business_started_at, business_due_at, business_stopped_at,
           settled_at, settled_as, reopened_at, progress_rank, progress_at,
           trouble_rank, trouble_at, trouble_as, trouble_interface_id,
           error_standard, error_code, error_location, failed_at, dead_lettered_at,
           amount_at, amount_minor, amount_kind, payer_at, payer, service_date,
           events, attempts, retries, manual_touches, backfill)
    SELECT transaction_id, workflow_id, first[2], correlation_id, telemetry_at(first[1]), last_at,
           start[1], start[2], stopped_at,
           business_start[1], business_start[2], business_stopped_at,
           telemetry_at(settled >> 3), settled & 7, reopened_at,
           progress >> 52, telemetry_at(progress & 4503599627370495),
           trouble_rank, trouble_at, trouble_as, trouble_interface_id,
           error_standard, error_code, error_location, failed_at, dead_lettered_at,
           telemetry_at(amount[1]), amount[2], NULLIF(amount[3], 0), payer_at, payer, service_date,
           events, attempts, retries, manual_touches, backfill
      FROM summary LEFT JOIN trouble USING (transaction_id) LEFT JOIN paid_by USING (transaction_id)
     ORDER BY transaction_id
        ON CONFLICT (id) DO UPDATE SET
           facility_id = CASE WHEN (excluded.first_at, excluded.facility_id) < (t.first_at,
               t.facility_id)
               THEN excluded.facility_id ELSE t.facility_id END,
           first_at = LEAST(t.first_at, excluded.first_at),
           last_at = GREATEST(t.last_at, excluded.last_at),
           due_at = CASE WHEN t.started_at IS NULL OR excluded.started_at < t.started_at
               THEN excluded.due_at
               WHEN excluded.started_at = t.started_at THEN LEAST(t.due_at, excluded.due_at)
               ELSE t.due_at END,
           started_at = LEAST(t.started_at, excluded.started_at),
           stopped_at = LEAST(t.stopped_at, excluded.stopped_at),
           business_due_at = CASE
               WHEN t.business_started_at IS NULL OR excluded.business_started_at <
                   t.business_started_at
               THEN excluded.business_due_at
               WHEN excluded.business_started_at = t.business_started_at
               THEN LEAST(t.business_due_at, excluded.business_due_at)
               ELSE t.business_due_at END,
           business_started_at = LEAST(t.business_started_at, excluded.business_started_at),
           business_stopped_at = LEAST(t.business_stopped_at, excluded.business_stopped_at),
           settled_as = CASE WHEN t.settled_at IS NULL
               OR (excluded.settled_at, excluded.settled_as) > (t.settled_at, t.settled_as)
               THEN excluded.settled_as ELSE t.settled_as END,
           settled_at = GREATEST(t.settled_at, excluded.settled_at),
           reopened_at = GREATEST(t.reopened_at, excluded.reopened_at),
           progress_at = CASE WHEN t.progress_rank IS NULL
               OR (excluded.progress_rank, excluded.progress_at) > (t.progress_rank, t.progress_at)
               THEN excluded.progress_at ELSE t.progress_at END,
           progress_rank = GREATEST(t.progress_rank, excluded.progress_rank),
           (trouble_rank, trouble_at, trouble_as, trouble_interface_id,
            error_standard, error_code, error_location) = (
            SELECT excluded.trouble_rank, excluded.trouble_at, excluded.trouble_as,
                   excluded.trouble_interface_id, excluded.error_standard, excluded.error_code,
                   excluded.error_location
             WHERE t.trouble_rank IS NULL
                OR (excluded.trouble_rank, excluded.trouble_at, excluded.trouble_as,
                    COALESCE(excluded.error_standard, ''), COALESCE(excluded.error_code, ''),
                    COALESCE(excluded.error_location, ''),
                    COALESCE(excluded.trouble_interface_id, 0))
                 > (t.trouble_rank, t.trouble_at, t.trouble_as,
                    COALESCE(t.error_standard, ''), COALESCE(t.error_code, ''),
                    COALESCE(t.error_location, ''), COALESCE(t.trouble_interface_id, 0))
             UNION ALL
            SELECT t.trouble_rank, t.trouble_at, t.trouble_as, t.trouble_interface_id,
                   t.error_standard, t.error_code, t.error_location
             LIMIT 1),
           failed_at = LEAST(t.failed_at, excluded.failed_at),
           dead_lettered_at = LEAST(t.dead_lettered_at, excluded.dead_lettered_at),
           amount_kind = CASE WHEN t.amount_at IS NULL
               OR (excluded.amount_at, excluded.amount_minor, COALESCE(excluded.amount_kind, 0))
                  > (t.amount_at, t.amount_minor, COALESCE(t.amount_kind, 0))
               THEN excluded.amount_kind ELSE t.amount_kind END,
           amount_minor = CASE WHEN t.amount_at IS NULL
               OR (excluded.amount_at, excluded.amount_minor) > (t.amount_at, t.amount_minor)
               THEN excluded.amount_minor ELSE t.amount_minor END,
           amount_at = GREATEST(t.amount_at, excluded.amount_at),
           payer = CASE WHEN t.payer_at IS NULL
               OR (excluded.payer_at, excluded.payer) > (t.payer_at, t.payer)
               THEN excluded.payer ELSE t.payer END,
           payer_at = GREATEST(t.payer_at, excluded.payer_at),
           service_date = LEAST(t.service_date, excluded.service_date),
           events = t.events + excluded.events,
           attempts = GREATEST(t.attempts, excluded.attempts),
           retries = t.retries + excluded.retries,
           manual_touches = t.manual_touches + excluded.manual_touches,
           backfill = t.backfill AND excluded.backfill,
           expired_at = CASE WHEN excluded.last_at <= t.last_at THEN t.expired_at END
"""  # noqa: S608  constants only
    + IMAGES
    + """)
INSERT INTO fold_changed SELECT * FROM folded
"""
)

# SKIP LOCKED leaves a transaction that a fold holds to the next look. The generated columns
# `sla` and `business_sla` read the mark: overdue_at >= due_at is a breach.
MARK_OVERDUE = (
    """
WITH late AS MATERIALIZED (
    SELECT id FROM telemetry_transaction
     WHERE (sla = 0 AND due_at <= now()) OR (business_sla = 0 AND business_due_at <= now())
     LIMIT %(rows)s FOR UPDATE SKIP LOCKED
), marked AS (
    UPDATE telemetry_transaction t
       SET overdue_at = CASE WHEN t.sla = 0 AND t.due_at <= now() THEN now() ELSE t.overdue_at END,
           business_overdue_at = CASE WHEN t.business_sla = 0 AND t.business_due_at <= now()
               THEN now() ELSE t.business_overdue_at END
      FROM late WHERE t.id = late.id
"""  # noqa: S608  constants only
    + IMAGES
    + """)
INSERT INTO fold_changed SELECT * FROM marked
"""
)

# What began long enough ago is found by the index of open transactions.
MARK_EXPIRED = (
    """
WITH silent AS MATERIALIZED (
    SELECT t.id FROM catalog_workflow w JOIN telemetry_transaction t ON t.workflow_id = w.id
     WHERE t.state < 5 AND t.first_at < now() - make_interval(days => w.expires_after_days)
       AND t.last_at < now() - make_interval(days => w.expires_after_days)
     LIMIT %(rows)s FOR UPDATE OF t SKIP LOCKED
), marked AS (
    UPDATE telemetry_transaction t SET expired_at = now()
      FROM silent WHERE t.id = silent.id
"""  # noqa: S608  constants only
    + IMAGES
    + """)
INSERT INTO fold_changed SELECT * FROM marked
"""
)

# Both digests are named, so that a person can ask the sender which one it meant. The same again is
# counted on its row.
QUARANTINE_REFUSED = """
INSERT INTO telemetry_quarantine AS q (source_id, batch_id, event_id, facility_id, code, pointer,
       message, first_digest, second_digest, digest)
VALUES (%(source_id)s, %(batch_id)s, %(event_id)s, %(facility_id)s, %(code)s, %(pointer)s,
       %(message)s, %(first_digest)s, %(second_digest)s, %(digest)s)
    ON CONFLICT (source_id, digest) WHERE state = 'open' DO UPDATE
   SET seen = q.seen + 1, last_seen_at = now()
"""
REASONS = {
    Code.CONFLICT: (
        "/id",
        "This source and id arrived before with other content. Send a correction under a new id.",
    ),
    Code.FOREIGN_TRANSACTION: (
        "/subject",
        "The transaction is at a facility that the sender may not speak for. Send it again with a "
        "wider key, or under another subject.",
    ),
}


# A rebuild forgets the transactions whose whole history is still kept, and folds it again. What
# began before the oldest kept day stays as it is: its first events are gone.
FORGET = "DELETE FROM telemetry_transaction WHERE first_at >= %(horizon)s"
RECALL = """
INSERT INTO fold_new (
       kind, event_key, transaction_id, occurred_us, workflow_id, facility_id, interface_id,
       stage_id, rank, outcome, attempt, amount_kind, backfill, amount_minor, service_date,
       correlation_id, payer, error_standard, error_code, error_location)
SELECT 1, e.event_key, e.transaction_id, (extract(epoch FROM e.occurred_at) * 1000000)::bigint,
       e.workflow_id, e.facility_id, e.interface_id, e.stage_id, e.rank, e.outcome, e.attempt,
       e.amount_kind, e.backfill, e.amount_minor, e.service_date, e.correlation_id, e.payer,
       e.error_standard, e.error_code, e.error_location
  FROM telemetry_event e
 WHERE NOT EXISTS (SELECT FROM telemetry_transaction t WHERE t.id = e.transaction_id)
"""


@dataclass(frozen=True)
class Refusal:
    """An event that was not let in: a duplicate, or for `code` before a person.

    The digests, in hexadecimal, are of the event that was first under its id and of this one.
    """

    batch: int
    event_id: str
    facility_id: int | None
    code: str
    first_digest: str | None
    second_digest: str | None

    @property
    def is_duplicate(self) -> bool:
        """Whether it only came again."""
        return self.code == DUPLICATE


@dataclass(frozen=True)
class JournalRow:
    """A claimed journal row; `batch` numbers it within the claim."""

    batch: int
    source_id: int
    received_us: int
    body: bytes


class ForeignMet(Exception):
    """A fold met transactions outside its key's scope that began while it worked: fold again."""


def prepare_session() -> None:
    """Make the session tables and copy the catalogue's rules when they changed."""
    with connection.cursor() as cursor:
        cursor.execute(SESSION_IS_NEW)
        if cursor.fetchone()[0]:
            cursor.execute(PREPARE_SESSION)
        cursor.execute(LOOK_AT_SESSION)
        rules_are_stale, is_used = cursor.fetchone()
        if rules_are_stale:
            cursor.execute(REFRESH_RULES)
        if is_used:
            cursor.execute(EMPTY_SESSION)


def fold_events(rows: Sequence[JournalRow], *, scope: Sequence[int] | None) -> list[Refusal]:
    """Let the new events of these journal rows in, fold them, and say which were not let in.

    `scope` is the facilities that the rows' keys may speak for, None for all.
    """
    came = copy_rows(COPY_EVENTS, map(event_text, rows))
    keys = b"".join(split_journal(row.body)[1] for row in rows)
    if keys:
        copy_rows(COPY_KEYS, [keys])
    refused = let_in(came, scope)
    if refused and keys:
        execute(FORGET_KEYS_OF_REFUSED)
    run = runner(came)
    run(STORE)
    if keys:
        run(KEEP_BUSINESS_KEYS)
    run(FOLD_TRANSACTIONS)
    if scope is not None and fetch_value(MET_FOREIGN, {"scope": scope}):
        raise ForeignMet
    return refused


def let_in(came: int, scope: Sequence[int] | None) -> list[Refusal]:
    """Keep in `fold_new` what was not known and is in scope; return the rest."""
    refused = []
    if runner(came)(LET_IN) < came:
        refused = fetch_all(REFUSE, {}, row=Refusal)
    if scope is not None:
        refused += fetch_all(REFUSE_FOREIGN, {"scope": scope}, row=Refusal)
    return refused


def fold_transactions() -> None:
    """Fold all that `fold_new` holds, in any number; the images go to `fold_changed`."""
    execute(FOLD_TRANSACTIONS)


def refold(*, horizon: datetime) -> int:
    """Fold every transaction that began at or after `horizon` again from its events."""
    execute(FORGET, {"horizon": horizon})
    events = execute(RECALL)
    fold_transactions()
    return events


def mark_overdue(*, rows: int) -> int:
    """Mark up to `rows` open transactions that are past due; images go to `fold_changed`."""
    return execute(MARK_OVERDUE, {"rows": rows})


def mark_expired(*, rows: int) -> int:
    """Mark up to `rows` open transactions not heard of for too long; images as above."""
    return execute(MARK_EXPIRED, {"rows": rows})


def quarantine(found: Iterable[tuple[int, UUID, Refusal]]) -> None:
    """Put refused events, each with its source and batch, before a person."""
    # By digest, so that folds which refuse the same events never deadlock.
    rows = sorted((_quarantined(*one) for one in found), key=lambda row: bytes(row["digest"]))
    with connection.cursor() as cursor:
        cursor.executemany(QUARANTINE_REFUSED, rows)


def _quarantined(source: int, batch: UUID, refusal: Refusal) -> dict[str, Any]:
    pointer, message = REASONS[Code(refusal.code)]
    content = f"{refusal.event_id}\x1f{refusal.facility_id}\x1f{refusal.second_digest}"
    return {
        "source_id": source,
        "batch_id": batch,
        "event_id": refusal.event_id,
        "facility_id": refusal.facility_id,
        "code": refusal.code,
        "pointer": pointer,
        "message": message,
        "first_digest": refusal.first_digest,
        "second_digest": refusal.second_digest,
        "digest": refused_digest(refusal.code, content.encode()),
    }


def event_days(rows: Iterable[JournalRow]) -> set[date]:
    """The UTC days these events fall on: each needs its partition."""
    days = {
        event.occurred_at // DAY_US
        for row in rows
        for event in decode_journal(row.body)
        if event.kind == Kind.STAGE
    }
    return {EPOCH_DAY + timedelta(days=day) for day in days}


def event_text(row: JournalRow) -> bytes:
    """COPY text of `fold_new`: what the journal row holds, each line with the row's own facts."""
    events, _ = split_journal(row.body)
    head = f"{row.batch}\t{row.received_us}\t{row.source_id}\t".encode()
    return head + events.replace(b"\n", b"\n" + head) + b"\n"
