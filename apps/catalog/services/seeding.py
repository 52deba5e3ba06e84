"""Loading the catalogue's data files: what is new arrives, what operators changed stays.

Each row written is remembered with a digest of its values (SeedRecord). On the next run a row is
updated only while it still is as the seed left it; an edited one is kept and reported, a deleted
one is not brought back. A second run writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from django.db import IntegrityError, models, transaction

from apps.catalog import models as catalog
from apps.catalog.models import Playbook, RoutingRule, SeedRecord, SlaTarget
from apps.catalog.services.refusals import constraint_of
from apps.catalog.services.seed_files import SEED, Row, load_rows, without
from apps.catalog.services.spans import refresh_spans
from apps.core.db import fetch_value

# Before any telemetry that can still arrive, so that back-filled history has targets, too.
TARGETS_FROM = datetime(2024, 1, 1, tzinfo=UTC)
FIRST = "As the product came."


class SeedRefersToNothing(Exception):
    """A data file names a row that is in no file and not in the database."""


@dataclass(frozen=True)
class Kind:
    """A model, the fields that name its rows, and which fields name rows of other kinds."""

    name: str
    model: type[models.Model]
    key: tuple[str, ...]
    references: Mapping[str, str] = field(default_factory=dict)


# In the order in which they may refer to each other. Facilities refer to facilities above them.
KINDS = (
    Kind("system", catalog.System, ("code",)),
    Kind("team", catalog.Team, ("code",)),
    Kind("calendar", catalog.BusinessCalendar, ("code",)),
    Kind(
        "hours", catalog.CalendarHours, ("calendar", "weekday", "opens"), {"calendar": "calendar"}
    ),
    Kind("holiday", catalog.CalendarHoliday, ("calendar", "date"), {"calendar": "calendar"}),
    Kind("facility", catalog.Facility, ("code",), {"parent": "facility", "calendar": "calendar"}),
    Kind(
        "alias",
        catalog.FacilityAlias,
        ("system", "alias"),
        {"system": "system", "facility": "facility"},
    ),
    Kind("workflow", catalog.Workflow, ("code",)),
    Kind(
        "stage", catalog.Stage, ("workflow", "code"), {"workflow": "workflow", "system": "system"}
    ),
    Kind(
        "clock",
        catalog.Clock,
        ("workflow", "kind"),
        {"workflow": "workflow", "start_stage": "stage", "stop_stage": "stage"},
    ),
    Kind("exception", catalog.ExceptionKind, ("code",)),
    Kind(
        "signal",
        catalog.ErrorSignal,
        ("standard", "code", "location", "workflow", "target"),
        {"kind": "exception", "workflow": "workflow"},
    ),
    Kind("deadline", catalog.DeadlineRule, ("workflow", "kind", "payer"), {"workflow": "workflow"}),
    Kind(
        "interface",
        catalog.Interface,
        ("code",),
        {
            "source": "system",
            "target": "system",
            "workflow": "workflow",
            "business_owner": "team",
            "technical_owner": "team",
        },
    ),
)


@dataclass
class SeedReport:
    """What a run did. `kept` names rows that differ from the seed because somebody edited them."""

    created: int = 0
    updated: int = 0
    kept: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    spans: int = 0


@dataclass
class Seeding:
    """One run: the ids of every row by its name, what was agreed on when, and the report."""

    ids: dict[str, dict[str, int]] = field(default_factory=dict)
    written: dict[tuple[str, str], str] = field(default_factory=dict)
    agreed: dict[tuple[str, str], str] = field(default_factory=dict)
    report: SeedReport = field(default_factory=SeedReport)


@transaction.atomic
def seed(*, directory: Path = SEED) -> SeedReport:
    """Bring the catalogue up to the data files without touching what operators changed."""
    records = SeedRecord.objects.values_list("kind", "key", "digest")
    run = Seeding(written={(kind, key): digest for kind, key, digest in records})
    rows, targets = load_rows(directory)
    for kind in KINDS:
        seed_kind(kind, rows[kind.name], run)
    seed_targets(targets, run)
    seed_playbooks(rows["playbook"], run)
    seed_rules(rows["rule"], run)
    store_records(run)
    run.report.spans = refresh_spans()
    return run.report


def seed_kind(kind: Kind, rows: Sequence[Row], run: Seeding) -> None:
    """Compare every row of a kind with what is stored, and write the differences."""
    stored = stored_rows(kind, run)
    ids = run.ids.setdefault(kind.name, {})
    ids.update({key: row.pk for key, (row, _) in stored.items()})
    new: dict[str, Row] = {}
    for row in rows:
        key = key_of(kind, row)
        if key in stored:
            reconcile(kind, row, *stored[key], run)
        elif (kind.name, key) in run.written:
            run.report.left_out.append(f"{kind.name} {key}")
        else:
            new[key] = row
    create(kind, new, run)


def stored_rows(kind: Kind, run: Seeding) -> dict[str, tuple[models.Model, Row]]:
    """The rows in the database by key, each with its values in the seed's terms."""
    stored = {row.pk: row for row in kind.model._default_manager.all()}
    own_names: dict[int, str] = {}
    if kind.key == ("code",):
        own_names = {pk: row.code for pk, row in stored.items()}  # type: ignore[attr-defined]
    names = {
        other: {pk: key for key, pk in run.ids[other].items()} if other in run.ids else own_names
        for other in kind.references.values()
    }
    result = {}
    for row in stored.values():
        values = {
            name: names[kind.references[name]].get(getattr(row, f"{name}_id"))
            if name in kind.references
            else getattr(row, name)
            for name in seeded_fields(kind)
        }
        result[key_of(kind, values)] = (row, values)
    return result


def reconcile(kind: Kind, row: Row, stored: models.Model, values: Row, run: Seeding) -> None:
    """A row that exists: adopt it, update it, or keep an operator's edit."""
    key = key_of(kind, row)
    wanted = {**values, **row}
    if wanted == values:
        remember(kind.name, key, values, run)
        return
    if run.written.get((kind.name, key)) != digest(values):
        run.report.kept.append(f"{kind.name} {key}")
        return
    for name, value in row.items():
        setattr(stored, *column_and_value(kind, name, value, run))
    stored.save()
    remember(kind.name, key, wanted, run)
    run.report.updated += 1


def create(kind: Kind, rows: Mapping[str, Row], run: Seeding) -> None:
    """Store new rows and remember them: those that refer to each other from the top down."""
    left = dict(rows)
    while ready := {key: row for key, row in left.items() if refers_to_known(kind, row, run)}:
        made = [
            kind.model(**dict(column_and_value(kind, *item, run) for item in row.items()))
            for row in ready.values()
        ]
        kind.model._default_manager.bulk_create(made)
        for (key, row), new in zip(ready.items(), made, strict=True):
            run.ids[kind.name][key] = new.pk
            remember(kind.name, key, {**defaults(kind, new), **row}, run)
            del left[key]
    if left:
        raise SeedRefersToNothing(f"{kind.name}: {', '.join(left)}")
    run.report.created += len(rows)


def refers_to_known(kind: Kind, row: Row, run: Seeding) -> bool:
    """Whether every row this one names has an id already."""
    named = ((run.ids[other], row.get(name)) for name, other in kind.references.items())
    return all(key is None or key in known for known, key in named)


def defaults(kind: Kind, new: models.Model) -> Row:
    """What a row holds in the columns its data file leaves out."""
    return {
        name: None if name in kind.references else getattr(new, name)
        for name in seeded_fields(kind)
    }


def column_and_value(kind: Kind, name: str, value: Any, run: Seeding) -> tuple[str, Any]:
    """A seed value as the model takes it: names of other rows become their ids."""
    if name not in kind.references:
        return name, value
    return f"{name}_id", None if value is None else run.ids[kind.references[name]][value]


def remember(kind: str, key: str, values: Row, run: Seeding) -> None:
    """Note what the seed and the database agree on."""
    if run.written.get((kind, key)) != digest(values):
        run.agreed[kind, key] = digest(values)


def store_records(run: Seeding) -> None:
    """Keep the notes for the next run."""
    SeedRecord.objects.bulk_create(
        [SeedRecord(kind=kind, key=key, digest=mark) for (kind, key), mark in run.agreed.items()],
        update_conflicts=True,
        unique_fields=["kind", "key"],
        update_fields=["digest"],
    )


def seeded_fields(kind: Kind) -> list[str]:
    """The columns a data file may set."""
    return [
        column.name
        for column in kind.model._meta.concrete_fields
        if not column.primary_key and column.editable
    ]


def key_of(kind: Kind, values: Row) -> str:
    """A row's name, as in `claim/ack_999`."""
    return "/".join(str(values.get(name)) for name in kind.key)


def digest(values: Row) -> str:
    """A short fingerprint of a row's values."""
    text = repr(sorted((name, str(value)) for name, value in values.items()))
    return blake2b(text.encode(), digest_size=16).hexdigest()


# -- targets -----------------------------------------------------------------------------------


def seed_targets(targets: Sequence[Row], run: Seeding) -> None:
    """First versions only: a target that exists, or once did, belongs to the operators."""
    scopes = set(SlaTarget.objects.values_list("clock_id", "facility_id"))
    for target in targets:
        key = f"{target['clock']}/{target['facility']}"
        clock_id = run.ids["clock"].get(target["clock"])
        place = target["facility"]
        facility_id = run.ids["facility"].get(place) if place else None
        if ("target", key) in run.written or clock_id is None or (place and facility_id is None):
            continue
        if (clock_id, facility_id) not in scopes:
            create_target(target, clock_id, facility_id)
            run.report.created += 1
        remember("target", key, target, run)


def create_target(target: Row, clock_id: int, facility_id: int | None) -> None:
    """In force from the beginning; from now where another target covered the place until now."""
    values = {name: target[name] for name in ("threshold_seconds", "objective", "why")}
    new = SlaTarget(clock_id=clock_id, facility_id=facility_id, **values)
    new.effective_from = TARGETS_FROM
    try:
        with transaction.atomic():
            new.save()
    except IntegrityError as error:
        if constraint_of(error) != "slatarget_past_kept":
            raise
        new.effective_from = fetch_value("SELECT now()")
        new.save()


# -- playbooks ---------------------------------------------------------------------------------


def seed_playbooks(playbooks: Sequence[Row], run: Seeding) -> None:
    """First versions only, as of targets."""
    known = set(Playbook.objects.values_list("kind", flat=True))
    for row in playbooks:
        kind = run.ids["exception"].get(row["kind"])
        if ("playbook", row["kind"]) in run.written or kind is None:
            continue
        if kind not in known:
            told = {**without(row, "kind", "owner"), "effective_from": TARGETS_FROM, "why": FIRST}
            owner = run.ids["team"][row["owner"]]
            Playbook.objects.create(kind_id=kind, owner_id=owner, **told)
            run.report.created += 1
        remember("playbook", row["kind"], row, run)


# -- routing rules -------------------------------------------------------------------------------

RULE_NAMES = {"team": "team", "workflow": "workflow", "facility": "facility", "system": "system"}


def seed_rules(rules: Sequence[Row], run: Seeding) -> None:
    """First versions only, as of playbooks."""
    known = set(RoutingRule.objects.values_list("code", flat=True))
    for row in rules:
        if ("rule", row["code"]) in run.written:
            continue
        if row["code"] not in known:
            named = {name: run.ids[kind][row[name]] for name, kind in RULE_NAMES.items()
                     if name in row}  # fmt: skip
            told = without(row, *RULE_NAMES)
            RoutingRule.objects.create(
                **told, **{f"{name}_id": pk for name, pk in named.items()},
                effective_from=TARGETS_FROM,
            )  # fmt: skip
            run.report.created += 1
        remember("rule", row["code"], row, run)
