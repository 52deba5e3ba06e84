"""Taking back what one has just done, unless something happened since."""

from datetime import timedelta
from typing import Any, Unpack
from uuid import UUID

from apps.triage.models import Case, CaseEvent, Pend
from apps.triage.services.acting import BESIDE, Act, Ask, Kind, Refused, perform, put_away
from apps.triage.transitions import Clock

UNDO_FOR = timedelta(minutes=15)
FIELDS = {field.attname: field for field in Case._meta.concrete_fields}


def undo(case_id: UUID, **ask: Unpack[Ask]) -> Case:
    """Give the case back what the last act took, if that was one's own and just now."""
    return perform(case_id, Kind.UNDONE, _undo, **ask)


def last_act(case: Case) -> CaseEvent | None:
    """What happened last, apart from notes."""
    return CaseEvent.objects.filter(case=case).exclude(kind__in=BESIDE).order_by("-id").first()


def _undo(act: Act) -> None:
    event = last_act(act.case)
    if event is None or event.undo is None or event.actor_id != act.by.pk:
        raise Refused("The last thing that happened to it was not yours to undo.")
    if event.at < act.at - UNDO_FOR:
        raise Refused("It was done too long ago to be undone.")
    give_back(act, event)


def give_back(act: Act, event: CaseEvent) -> None:
    """The case as it was before what the event tells."""
    if act.case.is_over:
        raise Refused("Telemetry shows that it is over, whatever was done.")
    _restore(act, event.undo or {})
    act.reason = event.get_kind_display()
    act.can_be_undone = False
    _restore_wait(act, event)


def _restore(act: Act, kept: dict[str, Any]) -> None:
    for name, value in kept.items():
        setattr(act.case, name, FIELDS[name].to_python(value))


def _restore_wait(act: Act, event: CaseEvent) -> None:
    """What it waited for, and a clock that stood still or ran."""
    waited = event.facts.get("waited")
    if event.kind == Kind.PENDED:
        put_away(act.case)
        act.clock = Clock.RESUMES
    if waited:
        values = {field.attname: field.to_python(waited[field.attname])
                  for field in Pend._meta.concrete_fields}  # fmt: skip
        Pend.objects.create(**values)
        act.clock = Clock.PAUSES if values["pauses"] else Clock.RESUMES
