"""What people do with a storm: take it, say whose it is, tell whoever reads it next.

Whoever has a storm gets the cases of it that are nobody's, and those that join it later: the sweep
gives each of them as if whoever gave the storm had given it, so what may not be given is not.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from apps.accounts.access import facilities_for
from apps.accounts.models import User
from apps.core.db import fetch_all
from apps.triage.models import Storm, StormEvent
from apps.triage.queries import storm_of
from apps.triage.realms import worked_by
from apps.triage.services.acting import (
    LEAD,
    Act,
    Conflict,
    Kind,
    NotAllowed,
    Refused,
    full_name,
    judge,
    locked_many,
    write,
)
from apps.triage.services.remarks import LONGEST_NOTE
from apps.triage.services.working import CALLED, assigning

AT_ONCE = 200

# What a person took out of somebody's hands, or called a lead for, stays where it is.
OF_NOBODY = """
SELECT c.id FROM triage_case c
 WHERE c.storm_id = %(storm)s AND NOT (c.status IN ('resolved', 'dismissed', 'merged'))
   AND c.assignee_id IS NULL AND NOT c.is_assigned_by_hand AND c.escalation < %(called)s
   AND c.facility_id = ANY(%(facilities)s::integer[])
   AND (%(is_everything)s OR c.kind_id = ANY(%(kinds)s::integer[])
        OR %(has_unexplained)s AND c.kind_id IS NULL)
 ORDER BY c.id LIMIT %(rows)s
"""


class StormConflict(Exception):
    """The storm is not what the form was filled in for."""


@dataclass(frozen=True)
class _Found:
    id: UUID


def take(storm: UUID, *, by: User, version: int, op_id: UUID) -> Storm:
    """Have it, with what of it is nobody's and one's own to work."""
    return _done(storm, StormEvent.Kind.TAKEN, by, version, op_id, partial(_give, to=by, by=by))


def assign(storm: UUID, *, to: User, by: User, version: int, op_id: UUID) -> Storm:
    """Say whose it is. A lead's act, but for oneself."""
    if to != by and not by.has_perm(LEAD):
        raise NotAllowed("Only a lead gives work to others. Ask a lead.")
    if not _works(to, storm):
        raise Refused(f"{full_name(to)} may not work these cases.")
    deed = partial(_give, to=to, by=by)
    return _done(storm, StormEvent.Kind.ASSIGNED, by, version, op_id, deed)


def note(storm: UUID, *, text: str, by: User, version: int, op_id: UUID) -> Storm:
    """Tell whoever looks after it next."""
    said = text.strip()
    if not said:
        raise Refused("Write something first.")
    if len(said) > LONGEST_NOTE:
        raise Refused(f"A note has {LONGEST_NOTE:,} characters at most.")
    return _done(storm, StormEvent.Kind.NOTED, by, version, op_id, lambda _: {"reason": said})


DEEDS: Mapping[str, Callable[..., Storm]] = {"take": take, "assign": assign, "note": note}
Deed = Callable[[Storm], dict[str, object]]


@transaction.atomic
def _done(id: UUID, kind: str, by: User, version: int, op_id: UUID, deed: Deed) -> Storm:
    storm = Storm.objects.select_for_update().get(pk=id)
    if not _works(by, id):
        raise NotAllowed("Your role does not work this kind of case.")
    if StormEvent.objects.filter(storm=storm, op_id=op_id).exists():
        return storm
    if kind != StormEvent.Kind.NOTED and storm.version != version:
        raise StormConflict
    told = deed(storm)
    storm.version = F("version") + 1
    storm.save(update_fields=["assignee", "assigned_by", "version"])
    StormEvent.objects.create(storm=storm, kind=kind, actor=by, at=now(), op_id=op_id, **told)
    storm.refresh_from_db()
    return storm


def _give(storm: Storm, *, to: User, by: User) -> dict[str, object]:
    if storm.assignee_id == to.pk:
        raise Refused(f"{full_name(to)} has it already.")
    storm.assignee, storm.assigned_by = to, by
    return {"assignee": to}


def _works(person: User, storm: UUID) -> bool:
    """Whether any of its cases is theirs to see and to work."""
    realm, facilities = worked_by(person), facilities_for(person)
    return storm_of(realm, facilities=facilities, id=storm) is not None


def give_out() -> None:
    """Give what is nobody's to those who have the storms."""
    owned = Storm.objects.filter(assignee__is_active=True, assigned_by__is_active=True)
    for storm in owned.filter(ended_at=None).select_related("assignee", "assigned_by"):
        assert storm.assignee and storm.assigned_by  # noqa: S101  filtered
        _give_out(storm.pk, to=storm.assignee, by=storm.assigned_by)


@transaction.atomic
def _give_out(storm: UUID, *, to: User, by: User) -> None:
    realm = worked_by(to)
    asked = {
        "storm": storm, "rows": AT_ONCE, "called": CALLED,
        "facilities": sorted({*facilities_for(to)} & {*facilities_for(by)}),
        "is_everything": realm.is_everything, "kinds": list(realm.kinds),
        "has_unexplained": realm.has_unexplained,
    }  # fmt: skip
    ids = [one.id for one in fetch_all(OF_NOBODY, asked, row=_Found)]
    if ids:
        write(_judged(ids, to=to, by=by), None)


def _judged(ids: Sequence[UUID], *, to: User, by: User) -> list[Act]:
    realm, moment, acts = worked_by(by), now(), []
    known: dict[Hashable, Any] = {}
    for case in locked_many(ids, by).values():
        act = Act(case, by, moment, realm, Kind.ASSIGNED, known=known)
        with suppress(Refused, Conflict):
            judge(act, partial(assigning, to=to))
            acts.append(act)
    return acts
