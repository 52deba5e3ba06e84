"""What another hour of waiting costs: the number the queue is in order of, and its parts.

In dollars, whole ones, so that the order can be explained and repeated:

- **money**: the amount, if it is counted at this case (`apps.triage.counting`), times how much of
  it such trouble usually gives back, times the urgency of the deadline that matters, 24 / (24 +
  hours left). With a deadline of money that is it, else our own time to resolve. What a passed
  deadline took is not lost more by waiting: a tenth.
- **time**: up to 1,000 as our own time to resolve runs out, 2,000 once it has; none while paused.
- **severity**: 20,000, 3,000, 500, 0.
- **came back**: 1,000 each time, up to three.

The SQL and `parts_of` are the same formula; a test holds them to each other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.catalog.models import ErrorClass, MoneyDeadline
from apps.triage.models import Case

HOUR = timedelta(hours=1)
SEVERITY = {1: 20_000, 2: 3_000, 3: 500, 4: 0}
# Of a thousand dollars stopped by such trouble, how many come in the end if somebody works it.
# Our defaults: nobody publishes these.
USUAL_RECOVERY = 900
RECOVERY = {
    ErrorClass.PAYER_DECISION: 400,
    ErrorClass.PAYER_REJECT: 800,
    ErrorClass.DEADLINE: 500,
    ErrorClass.DUPLICATE: 100,
    ErrorClass.GOVERNANCE: 300,
}
MOST_CENTS = 10_000_000_000

# Reads `amount_minor`, `counts_money`, `error_class`, `money_at`, `resolve`, `severe`,
# `regressions`, `is_paused`.
SCORE = """(
    LEAST(abs(CASE WHEN counts_money THEN COALESCE(amount_minor, 0) ELSE 0 END), 10000000000) / 100
    * CASE error_class WHEN 'payer_decision' THEN 400 WHEN 'payer_reject' THEN 800
           WHEN 'deadline' THEN 500 WHEN 'duplicate' THEN 100 WHEN 'governance' THEN 300
           ELSE 900 END
    * CASE WHEN money_at <= now() THEN 100 WHEN COALESCE(money_at, resolve) <= now() THEN 1000
           ELSE 24000 / (24 + floor(extract(epoch FROM COALESCE(money_at, resolve) - now())
                / 3600)::bigint) END
    / 1000000
    + CASE WHEN is_paused THEN 0 WHEN resolve <= now() THEN 2000
           ELSE 24000 / (24 + floor(extract(epoch FROM resolve - now()) / 3600)::bigint) END
    + (ARRAY[20000, 3000, 500, 0])[severe]
    + 1000 * LEAST(regressions, 3))"""

# By when the score has moved by a two-hundredth: near a deadline often, far from it rarely, so that
# a million open cases are some dozens a second. A deadline itself is never missed.
SCORE_MOVES = """LEAST(
    CASE WHEN money_at > now() THEN LEAST(money_at, now() + GREATEST(interval '5 minutes',
         (money_at - now() + interval '24 hours') / 200)) END,
    CASE WHEN resolve > now() THEN LEAST(resolve, now() + GREATEST(interval '5 minutes',
         (resolve - now() + interval '24 hours') / 200)) END)"""

# The days are those of the place, and the last of them counts in full.
MONEY = """, valued AS MATERIALIZED (
    SELECT k.*, money.due_at AS money_at, COALESCE(money.kind, '') AS money_kind,
           k.paused_at IS NOT NULL AS is_paused
      FROM clocked k
      LEFT JOIN LATERAL (
           SELECT kind, due_at FROM (
               SELECT DISTINCT ON (d.kind) d.kind,
                      (date_trunc('day', CASE d.since
                           WHEN 'service' THEN k.service_date::timestamp
                           WHEN 'opened' THEN k.opened_at AT TIME ZONE k.time_zone
                           ELSE date_trunc('month', k.opened_at AT TIME ZONE k.time_zone)
                                + interval '1 month - 1 day' END)
                       + make_interval(days => d.days + 1)) AT TIME ZONE k.time_zone AS due_at
                 FROM catalog_deadlinerule d
                WHERE d.workflow_id = k.workflow_id
                  AND (d.payer = '' OR k.payer ILIKE catalog_pattern(d.payer))
                ORDER BY d.kind, length(replace(d.payer, '*', '')) DESC, d.id) AS fits
            WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1) AS money ON true
)"""


@dataclass(frozen=True, slots=True)
class Part:
    """One reason why a case stands where it stands."""

    name: str
    points: int
    why: str


def parts_of(case: Case, at: datetime | None = None) -> list[Part]:
    """The parts of a score as it was computed, which add up to it; or as of another moment."""
    moment = at or case.scored_at
    if moment is None or case.resolve_by is None:
        return []
    return [
        _money(case, moment),
        _time(case.resolve_by, moment, is_paused=case.paused_at is not None),
        Part("severity", SEVERITY[case.severity], case.get_severity_display()),
        Part("came back", 1_000 * min(case.regressions, 3), _times(case.regressions)),
    ]


def _money(case: Case, moment: datetime) -> Part:
    dollars = min(abs(case.amount_minor or 0), MOST_CENTS) // 100
    recovery = RECOVERY.get(ErrorClass(case.error_class), USUAL_RECOVERY)
    points = dollars * recovery * _urgency(case, moment) // 1_000_000
    if not dollars:
        return Part("money", 0, "No amount is known.")
    if not case.counts_money:
        return Part("money", 0, f"${dollars:,} counted at an earlier case of this transaction")
    kind = MoneyDeadline(case.money_due_kind).label.lower() if case.money_due_at else "our own time"
    return Part("money", points, f"${dollars:,}, {recovery / 10:g} % usually recovered; {kind}")


def _urgency(case: Case, moment: datetime) -> int:
    if case.money_due_at and case.money_due_at <= moment:
        return 100
    return _share(case.money_due_at or case.resolve_by, moment)


def _time(resolve_by: datetime, moment: datetime, *, is_paused: bool) -> Part:
    if is_paused:
        return Part("time", 0, "Paused")
    if resolve_by <= moment:
        return Part("time", 2_000, "Overdue")
    return Part("time", _share(resolve_by, moment), "Until it is overdue")


def _share(deadline: datetime | None, moment: datetime) -> int:
    """1,000 at the deadline, half of it a day before, and so on."""
    if deadline is None or deadline <= moment:
        return 1_000
    return 24_000 // (24 + (deadline - moment) // HOUR)


def _times(count: int) -> str:
    return "Never" if not count else f"{count} time{'' if count == 1 else 's'}"
