"""What a native code means here: asked of the database, as the fold asks it."""

from dataclasses import dataclass
from functools import cached_property

from apps.catalog.models import ErrorSignal, ExceptionKind, Workflow
from apps.core.db import fetch_all

MEANING = """
SELECT kind_id, error_class, signal_id
  FROM catalog_meaning(%(standard)s, %(code)s, %(location)s, %(workflow)s, %(target)s)
"""


@dataclass(frozen=True)
class Meaning:
    """The kind, the class of trouble, and the sign that told."""

    kind_id: int
    error_class: str
    signal_id: int

    @cached_property
    def kind(self) -> ExceptionKind:
        return ExceptionKind.objects.get(pk=self.kind_id)

    @cached_property
    def signal(self) -> ErrorSignal:
        return ErrorSignal.objects.select_related("workflow").get(pk=self.signal_id)


def meaning_of(
    standard: str, code: str, location: str = "", *, workflow: Workflow | None, target: str = ""
) -> Meaning | None:
    """What this code means in a workflow and towards a kind of system; None if nobody has said."""
    asked = {"standard": standard, "code": code, "location": location, "target": target}
    found = fetch_all(MEANING, {**asked, "workflow": workflow and workflow.pk}, row=Meaning)
    return found[0] if found else None
