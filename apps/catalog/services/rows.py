"""Changes of rows as a document that waits: what a row was, what it becomes; and making it so.

Written when somebody proposes, applied when somebody else approves, and only to rows that still are
what they were then.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from apps.catalog.services.spans import refresh_spans

Row = dict[str, Any]
# Triggers keep these.
DERIVED = {"path"}


class ChangedMeanwhile(Exception):
    """A row is not any more what it was when the change was proposed."""


class DoesNotFit(Exception):
    """The catalogue's rules refuse the change as it stands now."""


def changed(row: models.Model, *fields: str) -> Row:
    """A row that becomes what this unsaved one says, in these fields or all of them."""
    before = type(row)._default_manager.get(pk=row.pk)
    was, becomes = _values(before), _values(row)
    names = [name for name in becomes if was[name] != becomes[name] and name in (fields or becomes)]
    said = [_said(before, row, name) for name in names]
    return _row(before, _only(names, was), _only(names, becomes), said)


def added(row: models.Model) -> Row:
    """A row that is not there yet."""
    return _row(row, None, _values(row), [_said(None, row, name) for name in _values(row)])


def removed(row: models.Model) -> Row:
    """A row that goes."""
    return _row(row, _values(row), None, [])


@transaction.atomic
def apply_rows(rows: Sequence[Row]) -> None:
    """All of it or nothing: removed first, so that what comes may take its place."""
    try:
        for row in sorted(rows, key=lambda row: row["becomes"] is not None):
            _apply(row)
    except (ValidationError, IntegrityError) as error:
        raise DoesNotFit(str(error)) from error
    refresh_spans()


def _apply(row: Row) -> None:
    model = apps.get_model("catalog", row["model"])
    found = model() if row["id"] is None else _as_it_was(model, row)
    if row["becomes"] is None:
        found.delete()
        return
    for name, value in row["becomes"].items():
        field = model._meta.get_field(name)
        setattr(found, field.attname, field.to_python(value))
    found.full_clean(exclude=DERIVED)
    found.save()


def _as_it_was(model: type[models.Model], row: Row) -> Any:
    """The row under a lock, if nobody changed what the proposal was about."""
    found = model._default_manager.select_for_update().filter(pk=row["id"]).first()
    now = _values(found) if found else {}
    if found is None or any(now[name] != value for name, value in row["was"].items()):
        raise ChangedMeanwhile
    return found


def _values(row: models.Model) -> Row:
    """Every field as JSON can hold it, links by the id of their row."""
    [document] = json.loads(serializers.serialize("json", [row]))
    return {name: value for name, value in document["fields"].items() if name not in DERIVED}


def _only(names: Iterable[str], values: Row) -> Row:
    return {name: values[name] for name in names}


def _row(row: models.Model, was: Row | None, becomes: Row | None, said: Iterable[Any]) -> Row:
    return {
        "model": row._meta.model_name,
        "id": row.pk,
        "what": f"{row._meta.verbose_name} {row}",
        "was": was,
        "becomes": becomes,
        "said": list(said),
    }


def _said(before: models.Model | None, after: models.Model, name: str) -> list[str]:
    """A field by name, with its old and its new value in words."""
    label = str(after._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    return [label, _shown(before, name) if before else "", _shown(after, name)]


def _shown(row: models.Model, name: str) -> str:
    in_words = getattr(row, f"get_{name}_display", None)
    value = in_words() if in_words else getattr(row, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)
