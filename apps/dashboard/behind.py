"""The transactions behind a figure, a page at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse

from apps.dashboard import figures, listing, wording
from apps.dashboard.listing import TransactionRow
from apps.dashboard.queries import PAGE
from apps.dashboard.questions import Question
from apps.scorecards import tallies
from apps.scorecards.parts import Part
from apps.scorecards.tallies import Listed, Mark, Recount, Tally
from apps.telemetry.models import Transaction

# Read at once for a file.
CHUNK = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """A transaction in a list: where it belongs, and the moment it is listed under."""

    row: TransactionRow
    line: str
    site: str
    at: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and what the whole of it adds up to."""

    items: Sequence[Item]
    number: str
    amount: str
    is_first: bool
    first: str
    next: str
    explanation: str
    query: str


def page(question: Question, part: Part, *, after: str, now: datetime) -> Page:
    """The page of a part that begins after a mark; counts and rows are of one state."""
    mark = read_mark(after)
    with tallies.one_state():
        found = tallies.tallies(question.metric, question.cells)
        listed = tallies.page_of(part, question.cells, found, after=mark, rows=PAGE + 1)
        rows = Transaction.objects.in_bulk([one.id for one in listed[:PAGE]])
        whole = _whole(question, part, found)
    return Page(
        [_item(question, rows[one.id], one.at, now) for one in listed[:PAGE]],
        wording.count(whole.number),
        wording.money(whole.amount) if part.amount else "",
        mark is None,
        _address(question, part),
        _address(question, part, next_mark(rows, listed)),
        figures.address(question.metric.code, **question.fixed),
        urlencode(question.fixed),
    )


def everything(question: Question, part: Part, most: int) -> Iterator[Transaction]:
    """The whole list, up to so many, all of one state of the database."""
    with tallies.one_state():
        found = tallies.tallies(question.metric, question.cells)
        mark: Mark | None = None
        while most > 0:
            rows = min(CHUNK, most)
            listed = tallies.page_of(part, question.cells, found, after=mark, rows=rows)
            by_id = Transaction.objects.in_bulk([one.id for one in listed])
            yield from (by_id[one.id] for one in listed)
            if len(listed) < rows:
                return
            last, most = listed[-1], most - rows
            of = by_id[last.id]
            mark = Mark(of.workflow_id, of.facility_id, last.at, last.id)


def _whole(question: Question, part: Part, found: Sequence[Tally]) -> Recount:
    """What the whole list adds up to: as the fold has counted it, where it has."""
    if part.is_bounded:
        return tallies.recount(part, question.cells)
    number = sum(one.of(part.role) for one in found)
    return Recount(number, sum(one.amount for one in found))


def read_mark(text: str) -> Mark | None:
    """A mark from an address; what is none means the first page."""
    parts = text.split("-")
    try:
        line, site, moment, key = parts
        at = EPOCH + timedelta(microseconds=int(moment))
        return Mark(int(line), int(site), at, UUID(key))
    except (ValueError, OverflowError):
        return None


def next_mark(rows: dict[UUID, Transaction], listed: Sequence[Listed]) -> str:
    """Where the next page begins; nothing when there is none."""
    if len(listed) <= PAGE:
        return ""
    last = listed[PAGE - 1]
    of = rows[last.id]
    microseconds = (last.at - EPOCH) // timedelta(microseconds=1)
    return f"{of.workflow_id}-{of.facility_id}-{microseconds}-{last.id.hex}"


def _address(question: Question, part: Part, after: str | None = None) -> str:
    """Of the first page, or of the one after a mark; nothing where no other follows."""
    if after == "":
        return ""
    path = reverse("dashboard:explained", args=[question.metric.code, part.code])
    query = urlencode({**question.fixed, **({"after": after} if after else {})})
    return f"{path}?{query}" if query else path


def _item(question: Question, of: Transaction, at: datetime, now: datetime) -> Item:
    catalogue = question.catalogue
    place = catalogue.facilities_by_id[of.facility_id]
    zone = ZoneInfo(place.time_zone)
    [row] = listing.transaction_rows([of], catalogue=catalogue, zone=zone, now=now)
    line = catalogue.workflows_by_id[of.workflow_id]
    return Item(row, line.short_name, place.short_name, wording.clock_time(at, zone, now=now))
