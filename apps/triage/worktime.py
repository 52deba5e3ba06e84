"""How long people worked a case: from their acts, and from when they had its page open.

What lies less than a quarter of an hour apart is one sitting. It is a manual touch of that person,
and shown to nobody but them; to others only how many there were.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from apps.accounts.models import User
from apps.core.db import execute, fetch_all

# One moment alone is a minute of somebody's time.
SITTINGS = """
WITH touches AS (
    SELECT actor_id AS person_id, at FROM triage_caseevent
     WHERE case_id = %(case)s AND actor_id IS NOT NULL
     UNION
    SELECT person_id, at FROM triage_look WHERE case_id = %(case)s
), marked AS (
    SELECT person_id, at, (at - lag(at) OVER of_person >= interval '15 minutes') IS NOT FALSE
           AS begins
      FROM touches WINDOW of_person AS (PARTITION BY person_id ORDER BY at)
), numbered AS (
    SELECT person_id, at, count(*) FILTER (WHERE begins) OVER (
           PARTITION BY person_id ORDER BY at) AS sitting
      FROM marked
), sat AS (
    SELECT person_id, GREATEST(max(at) - min(at), interval '1 minute') AS length
      FROM numbered GROUP BY person_id, sitting
)
SELECT person_id, count(*) AS touches, sum(length) AS length
  FROM sat GROUP BY 1 ORDER BY 1
"""

NOTE_LOOK = """
INSERT INTO triage_look (case_id, person_id, at)
VALUES (%(case)s, %(person)s, date_trunc('minute', %(at)s::timestamptz)) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Worked:
    """One person's time on one case."""

    person_id: int
    touches: int
    length: timedelta


def note_look(case: UUID, person: User, at: datetime) -> None:
    """Somebody has the page open, to the minute."""
    execute(NOTE_LOOK, {"case": case, "person": person.pk, "at": at})


def worked(case: UUID) -> list[Worked]:
    """Everybody who touched it."""
    return fetch_all(SITTINGS, {"case": case}, row=Worked)
