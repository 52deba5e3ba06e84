"""An act on many cases as its pages say it: what it would do, how far it is, what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from apps.triage import queue
from apps.triage.lines import Line, line
from apps.triage.models import BulkItem, BulkOperation, SkipReason, Verb
from apps.triage.reader import Reader
from apps.triage.services.bulk import SAMPLES, Part, needs_number, tally
from apps.triage.services.bulk_verbs import WAYS

AT_A_TIME = 100
# As a sentence begins: `741 assigned`.
DONE: Mapping[Verb, str] = {
    Verb.ASSIGN: "assigned",
    Verb.TRANSFER: "handed over",
    Verb.PEND: "put aside",
    Verb.BRING_BACK: "brought back",
    Verb.RESOLVE: "resolved",
    Verb.DISMISS: "dismissed",
    Verb.REOPEN: "reopened",
    Verb.ESCALATE: "escalated",
    Verb.DEESCALATE: "given back to everybody",
    Verb.NOTE: "noted",
}
# Icon and tone of why a case is left as it is.
LOOKS: Mapping[str, str] = {
    SkipReason.NOT_YOURS: "lock",
    SkipReason.OVER: "circle-check",
    SkipReason.UNABLE: "lock",
}
NOBODYS = "circle-minus"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tally."""

    label: str
    icon: str
    cases: int
    amount: int
    happens: str


@dataclass(frozen=True)
class Preview:
    """What a frozen selection would become."""

    going: Part | None
    rows: Sequence[Row]
    skipped: int
    not_yours: int
    everything: int
    facilities: Sequence[str]
    oldest: datetime | None
    samples: Sequence[Line]
    can_be_undone: bool

    @property
    def cases(self) -> int:
        return self.going.cases if self.going else 0

    @property
    def amount(self) -> int:
        return self.going.amount if self.going else 0

    @property
    def ticked(self) -> int:
        """How many of them were ticked, if that is a part of them."""
        ticked = self.going.ticked if self.going else 0
        return ticked if 0 < ticked < self.cases else 0

    @property
    def is_large(self) -> bool:
        return needs_number(self.cases, self.amount)

    @property
    def is_ticked_large(self) -> bool:
        return self.going is not None and needs_number(self.ticked, self.going.ticked_amount)


def preview_of(operation: BulkOperation, reader: Reader) -> Preview:
    parts = tally(operation)
    going = next((one for one in parts if not one.reason), None)
    places = reader.catalogue.facilities_by_id
    named = sorted(places[one].short_name for one in (going.facilities if going else []))
    verb = Verb(operation.verb)
    return Preview(
        going=going,
        rows=[_row(one, verb) for one in sorted(parts, key=lambda one: bool(one.reason))],
        skipped=sum(one.cases for one in parts if one.reason not in ("", SkipReason.NOT_YOURS)),
        not_yours=sum(one.cases for one in parts if one.reason == SkipReason.NOT_YOURS),
        everything=sum(one.cases for one in parts),
        facilities=named,
        oldest=going.oldest if going else None,
        samples=_samples(operation, reader),
        can_be_undone=WAYS[verb].can_be_undone,
    )


def _row(part: Part, verb: Verb) -> Row:
    if not part.reason:
        return Row("Will change", "check", part.cases, part.amount, f"{DONE[verb]}")
    label = SkipReason(part.reason).label
    return Row(label, LOOKS.get(part.reason, NOBODYS), part.cases, part.amount, "left as it is")


def _samples(operation: BulkOperation, reader: Reader) -> list[Line]:
    """Some of them, those with the most dollars."""
    going = operation.items.filter(eligible=True).order_by("-amount_minor", "case_id")
    ids = list(going.values_list("case_id", flat=True)[:SAMPLES])
    return [line(one, reader) for one in queue.by_ids(reader, ids)]


def in_short(operation: BulkOperation) -> str:
    """`741 assigned, 12 skipped`."""
    if operation.state == BulkOperation.State.UNDONE:
        kept = f", {operation.kept:,} changed since" if operation.kept else ""
        return f"{operation.restored:,} restored{kept}"
    parts = [f"{operation.completed:,} {DONE[Verb(operation.verb)]}"]
    for number, what in ((_left_alone(operation), "skipped"), (operation.failed, "failed")):
        parts += [f"{number:,} {what}"] if number else []
    return ", ".join(parts)


def _left_alone(operation: BulkOperation) -> int:
    """At the preview or since; what nobody wanted is not counted."""
    frozen = sum(cases for reason, (cases, _) in operation.counts.items() if reason != "eligible")
    return int(frozen) + operation.skipped


@dataclass(frozen=True, slots=True)
class Result:
    """One item with its case."""

    item: BulkItem
    line: Line

    @property
    def why(self) -> str:
        """In words, why it is not done."""
        return self.item.error or self.item.get_skip_reason_display()


def states_of(operation: BulkOperation) -> list[tuple[str, str, int]]:
    """How many items there are of each state: code, word, number."""
    found = operation.items.values_list("state").annotate(number=Count("pk")).order_by("-number")
    return [(code, BulkItem.State(code).label, number) for code, number in found]


def results(
    operation: BulkOperation, reader: Reader, *, state: str = "", after: UUID | None = None,
    most: int = AT_A_TIME,
) -> list[Result]:  # fmt: skip
    """Items in the order in which they are worked off, behind one of them."""
    items = operation.items.order_by("case_id")
    if state:
        items = items.filter(state=state)
    if after:
        items = items.filter(case_id__gt=after)
    found = list(items[:most])
    rows = {one.id: one for one in queue.by_ids(reader, [one.case_id for one in found])}
    return [Result(one, line(rows[one.case_id], reader)) for one in found if one.case_id in rows]
