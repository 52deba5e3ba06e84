"""Views of the queue as rows: kept, named, shared, given up and taken back by who made them."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl
from uuid import UUID

from django.utils.timezone import now

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.triage.models import SavedView
from apps.triage.questions import Question
from apps.triage.reader import Reader
from apps.triage.standing import EVERYBODYS

EVERYTHING = next(one for one in EVERYBODYS if one.code == "all")


@dataclass(frozen=True, slots=True)
class Sharing:
    """With whom: nobody, a team, or everybody of a role."""

    scope: str = SavedView.Scope.PRIVATE
    team: int | None = None
    role: str = ""


def canonical(query: str, reader: Reader) -> str | None:
    """A query of known parameters alone, or nothing if one of its filters means nothing."""
    said: Mapping[str, str] = dict(parse_qsl(query))
    asked = Question(EVERYTHING, said)
    if any(not chip.is_known for chip in asked.chips(reader)):
        return None
    return asked.to_keep()


def keep(by: User, *, name: str, query: str, sharing: Sharing) -> SavedView:
    """A new view, below the others of its owner."""
    last = SavedView.objects.filter(owner=by, deleted_at=None).order_by("position").last()
    made = SavedView.objects.create(
        owner=by, name=name, query=query, position=last.position + 1 if last else 0,
        scope=sharing.scope, team_id=sharing.team, role=sharing.role,
    )  # fmt: skip
    _note(by, made, "kept")
    return made


def change(
    view: SavedView, by: User, *, name: str, sharing: Sharing, query: str | None = None
) -> None:
    """Another name, others to share it with, or another question under the same name."""
    was_shared = view.scope != SavedView.Scope.PRIVATE
    view.name, view.scope = name, sharing.scope
    view.team_id, view.role = sharing.team, sharing.role
    view.query = view.query if query is None else query
    view.save()
    _note(by, view, "changed", anyway=was_shared)


def move(view: SavedView, *, up: bool) -> None:
    """One place up or down among the views of its owner."""
    those = list(SavedView.objects.filter(owner=view.owner_id, deleted_at=None))
    at = next(number for number, one in enumerate(those) if one.pk == view.pk)
    beside = at - 1 if up else at + 1
    if 0 <= beside < len(those):
        those[at], those[beside] = those[beside], those[at]
    for number, one in enumerate(those):
        one.position = number
    SavedView.objects.bulk_update(those, ["position"])


def delete(view: SavedView, by: User) -> None:
    SavedView.objects.filter(pk=view.pk, deleted_at=None).update(deleted_at=now())
    _note(by, view, "deleted")


def restore(view: SavedView, by: User) -> None:
    """Take a deletion back; under a name that was given again meanwhile, with a number."""
    names = set(SavedView.objects.filter(owner=view.owner_id, deleted_at=None)
                .exclude(pk=view.pk).values_list("name", flat=True))  # fmt: skip
    view.name = next(one for one in _spellings(view.name) if one not in names)
    view.deleted_at = None
    view.save()
    _note(by, view, "restored")


def own(user: User, id: UUID) -> SavedView | None:
    """A view of somebody's own, deleted or not."""
    return SavedView.objects.filter(owner=user, pk=id).select_related("team").first()


def _spellings(name: str) -> list[str]:
    return [name, *(f"{name[:56]} {number}" for number in range(2, 99))]


def _note(by: User, view: SavedView, what: str, *, anyway: bool = False) -> None:
    """What others see by is written down; what is one's own is nobody's business."""
    if anyway or view.scope != SavedView.Scope.PRIVATE:
        facts = {"did": what, "scope": view.scope, "role": view.role, "team": view.team_id}
        audit.record(by, Act.VIEW_SHARED, on=f"view:{view.pk}", facts=facts)
