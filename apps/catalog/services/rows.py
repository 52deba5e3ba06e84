"""Changes of rows as a document that waits: what a row was, what it becomes; and making it so.

Written when somebody proposes, applied when somebody else approves, and only to rows that still are
what they were then. What it leaves is judged once all is written, so that two rows may change
places: when it is proposed, by doing and undoing it, and when it is approved.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, models, transaction

from apps.catalog.models import Clock, Stage
from apps.catalog.services.refusals import words_of
from apps.catalog.services.spans import refresh_spans
from apps.catalog.services.targets import SOON
from apps.core.db import execute, fetch_value

Row = dict[str, Any]
# A moment that is not known while the change waits: two minutes after somebody approves it, on the
# minute, as for targets.
AT_APPROVAL = {"when": "approved"}
# Triggers keep these.
DERIVED = {"path"}

# What is unique among the rows of one form may be so only once all of them are written.
JUDGE_LATER = """
SET CONSTRAINTS stage_rank_once, stage_code_once, clock_once, calendarhours_once,
                calendarholiday_once DEFERRED
"""
JUDGE_NOW = JUDGE_LATER.replace("DEFERRED", "IMMEDIATE")
# Also what would be judged at the end of the transaction; undoing the trial takes this back.
JUDGE_ALL = "SET CONSTRAINTS ALL IMMEDIATE"


class ChangedMeanwhile(Exception):
    """A row is not any more what it was when the change was proposed."""


class DoesNotFit(Exception):
    """The catalogue's rules refuse the change as it stands now."""


def changed(row: models.Model, *fields: str, at_approval: str = "") -> Row:
    """A row that becomes what this unsaved one says, in these fields or all of them; `at_approval`
    names the field that becomes the moment somebody approves."""
    before = type(row)._default_manager.get(pk=row.pk)
    was, becomes = _values(before), _values(row)
    if at_approval:
        becomes[at_approval] = AT_APPROVAL
    names = [name for name in becomes if was[name] != becomes[name] and name in (fields or becomes)]
    said = [_said(before, row, name, becomes[name]) for name in names]
    if isinstance(row, Stage) and "rank" in names:
        said += _ends_moved(before, row)
    return _row(before, _only(names, was), _only(names, becomes), said)


def added(row: models.Model, *, at_approval: str = "") -> Row:
    """A row that is not there yet; `at_approval` as above."""
    becomes = _values(row)
    if at_approval:
        becomes[at_approval] = AT_APPROVAL
    return _row(row, None, becomes, [_said(None, row, *value) for value in becomes.items()])


def removed(row: models.Model) -> Row:
    """A row that goes."""
    return _row(row, _values(row), None, [])


@transaction.atomic
def apply_rows(rows: Sequence[Row]) -> None:
    """All of it or nothing."""
    _write(rows)
    refresh_spans()


def try_rows(rows: Sequence[Row]) -> None:
    """Refuse now what could not be approved: it is done, judged and undone."""
    with transaction.atomic():
        _write(rows)
        with _in_words("The change"):
            execute(JUDGE_ALL)
        transaction.set_rollback(True)


def _write(rows: Sequence[Row]) -> None:
    """Removed last and backwards: until then something else in the change may refer to it."""
    execute(JUDGE_LATER)
    found = [(row, _found(row)) for row in rows]
    stays = [(row, one) for row, one in found if row["becomes"] is not None]
    goes = [(row, one) for row, one in reversed(found) if row["becomes"] is None]
    for row, one in stays:
        with _in_words(row["what"]):
            _save(one, row["becomes"])
    for row, one in goes:
        with _in_words(row["what"]):
            one.delete()
    _judge(stays)
    _judge_clocks({one.workflow_id for _, one in found if isinstance(one, Stage | Clock)})


def _save(row: models.Model, becomes: Row) -> None:
    for name, value in becomes.items():
        field = row._meta.get_field(name)
        told = fetch_value(SOON) if value == AT_APPROVAL else value
        setattr(row, field.attname, field.to_python(told))  # type: ignore[union-attr]
    row.clean_fields(exclude=DERIVED)
    row.validate_unique(exclude=DERIVED)
    row.save()


def _judge(written: Iterable[tuple[Row, models.Model]]) -> None:
    """Each row by its own rules, now that the others are what they become."""
    for row, one in written:
        with _in_words(row["what"]):
            one.full_clean(exclude=DERIVED)
    with _in_words("The change"):
        execute(JUDGE_NOW)


def _judge_clocks(workflows: set[int]) -> None:
    """Also those that nobody touched: a stage that moves takes their ends along."""
    ends = ("workflow", "start_stage", "stop_stage")
    for clock in Clock.objects.filter(workflow__in=workflows).select_related(*ends):
        if not clock.runs_forward:
            raise DoesNotFit(
                f"clock {clock}: it would start at stage {clock.start_stage} and stop at stage"
                f" {clock.stop_stage}. A clock must stop at a later stage than it starts."
            )


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except (ValidationError, IntegrityError, DataError) as error:
        raise DoesNotFit(f"{what}: {words_of(error)}") from error


def _found(row: Row) -> Any:
    model = apps.get_model("catalog", row["model"])
    return model() if row["id"] is None else _as_it_was(model, row)


def _as_it_was(model: type[models.Model], row: Row) -> Any:
    """The row under a lock, if nobody changed what the proposal was about."""
    found = model._default_manager.select_for_update().filter(pk=row["id"]).first()
    now = _values(found) if found else {}
    if found is None or any(now[name] != value for name, value in row["was"].items()):
        raise ChangedMeanwhile(f"{row['what']}: somebody changed it meanwhile. Look again.")
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


def _said(
    before: models.Model | None, after: models.Model, name: str, becomes: Any = None
) -> list[str]:
    """A field by name, with its old and its new value in words."""
    label = str(after._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    then = "two minutes after approval" if becomes == AT_APPROVAL else _shown(after, name)
    return [label, _shown(before, name) if before else "", then]


def _ends_moved(before: models.Model | None, after: Stage) -> Iterator[list[str]]:
    """The clocks that start or stop at a stage go where it goes."""
    was, becomes = str(before), str(after)
    for clock in after.starts_clocks.all():
        yield [f"start of the clock “{clock.name}”", was, becomes]
    for clock in after.stops_clocks.all():
        yield [f"stop of the clock “{clock.name}”", was, becomes]


def _shown(row: models.Model, name: str) -> str:
    in_words = getattr(row, f"get_{name}_display", None)
    value = in_words() if in_words else getattr(row, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)
