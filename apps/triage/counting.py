"""A dollar is counted once: of the open cases of a transaction, one has its money in every sum.

It is the earliest that blocks it: the lowest step, then the condition, then the oldest. The others
show their dollars and where they are counted, and add nothing, so that groups add up to the
headline whatever they are by. Whatever opens or closes a case counts anew for its transaction,
having locked all of its cases in the order of their ids, as the fold does.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from apps.core.db import execute, fetch_all
from apps.triage import policy

FAMILIES: LiteralString = """
SELECT transaction_id FROM triage_case WHERE id = ANY(%(ids)s::uuid[])
"""
LOCK: LiteralString = f"""
SELECT FROM triage_case WHERE transaction_id IN ({FAMILIES}) ORDER BY id FOR UPDATE
"""
# Those of whose transaction somebody else holds no case.
LOCK_FREE: LiteralString = f"""
WITH family AS MATERIALIZED (
    SELECT id, transaction_id FROM triage_case WHERE transaction_id IN ({FAMILIES})
), free AS MATERIALIZED (
    SELECT id FROM triage_case WHERE id IN (SELECT id FROM family)
     ORDER BY id FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT transaction_id FROM family WHERE id NOT IN (SELECT id FROM free)
)
SELECT id FROM family
 WHERE id = ANY(%(ids)s::uuid[]) AND transaction_id NOT IN (SELECT transaction_id FROM held)
"""  # noqa: S608  constants only

# What waiting costs depends on it: an empty `resolve_by` asks for that to be said anew.
RECOUNT: LiteralString = """
WITH ranked AS (
    SELECT id, is_open AND row_number() OVER (
               PARTITION BY transaction_id ORDER BY NOT is_open, rank, condition, id) = 1 AS counts
      FROM (SELECT *, status NOT IN ('resolved', 'dismissed', 'merged') AS is_open
              FROM triage_case WHERE transaction_id IN ({transactions})) c
)
UPDATE triage_case c
   SET counts_money = r.counts,
       resolve_by = CASE WHEN c.status IN ('resolved', 'dismissed', 'merged') THEN c.resolve_by END
  FROM ranked r WHERE c.id = r.id AND c.counts_money <> r.counts
"""
RECOUNT_TOUCHED = RECOUNT.format(transactions="SELECT id FROM fold_changed")
RECOUNT_OF = RECOUNT.format(transactions=FAMILIES) + "RETURNING c.id, c.resolve_by IS NULL AS stale"


@dataclass(frozen=True, slots=True)
class _Recounted:
    id: UUID
    stale: bool


@dataclass(frozen=True, slots=True)
class _Free:
    id: UUID


def lock(ids: Collection[UUID]) -> None:
    """Let nobody else open or close a case of the transactions of these."""
    execute(LOCK, {"ids": list(ids)})


def lock_free(ids: Collection[UUID]) -> list[UUID]:
    """The same without waiting: those that were locked, with all of their transaction."""
    return [one.id for one in fetch_all(LOCK_FREE, {"ids": list(ids)}, row=_Free)]


def recount(ids: Collection[UUID]) -> None:
    """Say anew which case has the money, of the transactions of cases that opened or closed."""
    found = fetch_all(RECOUNT_OF, {"ids": list(ids)}, row=_Recounted)
    policy.apply([one.id for one in found if one.stale])
