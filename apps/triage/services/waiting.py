"""Putting a case aside until something happens, or until a day."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import partial
from typing import Unpack
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import TextChoices

from apps.catalog.snapshot import snapshot
from apps.core.db import fetch_value
from apps.telemetry.models import Transaction
from apps.triage.models import Case, Pend
from apps.triage.services.acting import Act, Ask, Kind, Refused, perform, put_away
from apps.triage.transitions import Clock, Trigger

LONGEST = timedelta(days=30)
# So long before the money is lost, a case comes back, whatever it waits for.
BEFORE_MONEY = timedelta(hours=24)
EVENING = time(17)

# The first open moment of the n-th open day after today, as the facility's wall shows it.
NTH_OPEN_DAY = """
WITH place AS (
    SELECT f.time_zone, a.calendar_id
      FROM catalog_facility f
      JOIN catalog_facility a ON starts_with(f.path, a.path) AND a.calendar_id IS NOT NULL
     WHERE f.id = %(facility)s ORDER BY length(a.path) DESC LIMIT 1
), days AS (
    SELECT min(s.opens_at) AS opens_at
      FROM place p
      JOIN catalog_calendarspan s USING (calendar_id, time_zone)
     WHERE s.opens_at > %(at)s::timestamptz
       AND s.opens_at < %(at)s::timestamptz + interval '60 days'
       AND (s.opens_at AT TIME ZONE p.time_zone)::date
           > (%(at)s::timestamptz AT TIME ZONE p.time_zone)::date
     GROUP BY (s.opens_at AT TIME ZONE p.time_zone)::date
     ORDER BY 1 OFFSET %(days)s - 1 LIMIT 1
)
SELECT (SELECT opens_at FROM days)
"""


class Waits(TextChoices):
    """What somebody waits for."""

    PAYER = "payer", "The payer"
    PATIENT = "patient", "The patient or the family"
    RECORDS = "records", "Records of the provider"
    COLLEAGUES = "colleagues", "Another team of ours"
    SYSTEM = "system", "A system of ours"
    LATER = "later", "Planned for later"


# Whoever waits for somebody outside is not late meanwhile; whoever waits for us is.
PAUSES = frozenset({Waits.PAYER, Waits.PATIENT, Waits.RECORDS})


class Until(StrEnum):
    """The days that are offered, beside a day and time of one's own."""

    EVENING = "evening"
    TOMORROW = "tomorrow"
    THREE_DAYS = "3"
    FIVE_DAYS = "5"
    TEN_DAYS = "10"


@dataclass(frozen=True, slots=True)
class Wait:
    """What brings a case back; the day does in any case."""

    waits_for: Waits
    until: datetime
    until_reply: bool = False
    until_amount_minor: int | None = None
    until_escalating: bool = False
    comes_back_to_me: bool = True


def moment_of(choice: Until, case: Case, at: datetime) -> datetime:
    """The moment a choice means where the case lies: an opening hour, but for this evening."""
    if choice == Until.EVENING:
        zone = ZoneInfo(snapshot().facilities_by_id[case.facility_id].time_zone)
        return datetime.combine(at.astimezone(zone).date(), EVENING, zone)
    days = 1 if choice == Until.TOMORROW else int(choice)
    asked = {"facility": case.facility_id, "at": at, "days": days}
    found: datetime | None = fetch_value(NTH_OPEN_DAY, asked)
    if found is None:
        raise Refused("No opening hours are known so far ahead: give a day and time.")
    return found


def pend(
    case_id: UUID, *, wait: Wait | tuple[Waits, Until], reason: str, **ask: Unpack[Ask]
) -> Case:
    """Put it aside, with a reason, for 30 days at most."""
    return perform(case_id, Kind.PENDED, partial(pending, wait=wait, reason=reason), **ask)


def pending(act: Act, *, wait: Wait | tuple[Waits, Until], reason: str) -> None:
    act.says_why(reason)
    case = act.case
    if not isinstance(wait, Wait):
        waits_for, until = wait
        key = ("until", until, case.facility_id)
        wait = Wait(waits_for, act.once(key, lambda: moment_of(until, case, act.at)))
    _check(act, wait)
    earlier = put_away(case)
    act.move(Trigger.PEND)
    act.answered()
    events = Transaction.objects.values_list("events", flat=True).get(pk=case.transaction_id)
    pauses = wait.waits_for in PAUSES
    # What pauses no more, runs.
    act.clock = Clock.PAUSES if pauses else Clock.RESUMES
    Pend.objects.create(
        case=case, until=wait.until, until_reply=wait.until_reply, events_seen=events,
        until_amount_minor=wait.until_amount_minor, until_escalating=wait.until_escalating,
        reason=wait.waits_for, pauses=pauses, at=act.at,
        returns_to=act.by if wait.comes_back_to_me else None,
    )  # fmt: skip
    act.facts |= {"until": wait.until, "waits_for": wait.waits_for.value}
    if earlier:
        act.facts["waited"] = earlier


def _check(act: Act, wait: Wait) -> None:
    case = act.case
    if wait.until <= act.at:
        raise Refused("That moment has passed: choose a later one.")
    if wait.until > act.at + LONGEST:
        raise Refused(f"At most {LONGEST.days} days: a case nobody sees is a case nobody works.")
    if case.money_due_at and case.money_due_at - BEFORE_MONEY <= act.at:
        raise Refused("Its money deadline is less than a day away: it cannot wait.")
    if case.resolve_by and case.resolve_by <= act.at:
        act.needs_lead("It is past due.")
    amount = wait.until_amount_minor
    if amount is not None and amount <= (case.amount_minor or 0):
        raise Refused("It is worth that much already: choose a higher amount.")


def bring_back(case_id: UUID, **ask: Unpack[Ask]) -> Case:
    """Go on with it before what it waits for has happened."""
    return perform(case_id, Kind.RETURNED, bringing_back, **ask)


def bringing_back(act: Act) -> None:
    act.move(Trigger.RETURN)
    act.facts["why"] = "by hand"
