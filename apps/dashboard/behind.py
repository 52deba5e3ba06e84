"""The transactions or messages behind a figure, a page at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse

from apps.dashboard import figures, listing, wording
from apps.dashboard.listing import TransactionRow
from apps.dashboard.looks import Look
from apps.dashboard.queries import PAGE
from apps.dashboard.questions import Question
from apps.dashboard.timeline import OUTCOMES
from apps.scorecards import tallies
from apps.scorecards.messages import Message, page_of_messages
from apps.scorecards.parts import Part
from apps.scorecards.tallies import Listed, Mark, Recount, Tally, Worth
from apps.telemetry.models import Outcome, Transaction

# Read at once for a file.
CHUNK = 1_000
# What the mark of a list by dollars begins with.
WORTH = "worth"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """A transaction in a list: where it belongs, and the moment it is listed under."""

    row: TransactionRow
    line: str
    site: str
    at: str


@dataclass(frozen=True, slots=True)
class MessageItem:
    """A message in a list; without an address where its transaction is none of the reader's."""

    id: UUID
    correlation_id: str
    address: str
    line: str
    site: str
    at: str
    received: str
    stage: str
    outcome: Look
    attempt: int
    error: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and what the whole of it adds up to."""

    items: Sequence[Item] | Sequence[MessageItem]
    number: str
    amount: str
    order: str
    is_first: bool
    first: str
    next: str
    explanation: str
    query: str


def page(question: Question, part: Part, *, after: str, now: datetime) -> Page:
    """The page of a part that begins after a mark; counts and rows are of one state."""
    with tallies.one_state():
        found = tallies.tallies(question.metric, question.cells)
        mark = _begins_after(after, part, found)
        items, following = _read(question, part, found, mark, now)
        whole = _whole(question, part, found)
    return Page(
        items,
        wording.count(whole.number),
        wording.money(whole.amount) if part.amount else "",
        _order(part, found, mark),
        mark is None,
        _address(question, part),
        _address(question, part, following),
        figures.address(question.metric.code, **question.fixed),
        urlencode(question.fixed),
    )


def _begins_after(text: str, part: Part, found: Sequence[Tally]) -> Mark | Worth | None:
    """Where the page begins. A list that is too long by now to go on by dollars begins anew."""
    worth = read_worth(text) if tallies.is_short(part, found, growth=tallies.GROWTH) else None
    return read_mark(text) or worth


def _is_by_dollars(part: Part, found: Sequence[Tally], mark: Mark | Worth | None) -> bool:
    """Where the list is short; a page goes on in the order in which the list was begun."""
    return tallies.is_short(part, found) if mark is None else isinstance(mark, Worth)


def _order(part: Part, found: Sequence[Tally], mark: Mark | Worth | None) -> str:
    """In what order a list is, in words."""
    first = "oldest first" if part.is_standing else "newest first"
    if part.is_of_messages:
        return first
    by_dollars = _is_by_dollars(part, found, mark)
    return "most dollars first" if by_dollars else f"by workflow and facility, {first}"


def _read(
    question: Question, part: Part, found: Sequence[Tally], mark: Mark | Worth | None, now: datetime
) -> tuple[Sequence[Item] | Sequence[MessageItem], str]:
    if part.is_of_messages:
        return _messages(question, part, found, mark if isinstance(mark, Mark) else None, now)
    return _transactions(question, part, found, mark, now)


def _transactions(
    question: Question, part: Part, found: Sequence[Tally], mark: Mark | Worth | None, now: datetime
) -> tuple[Sequence[Item], str]:
    """The rows of a page, and the mark of the next."""
    listed = _listed(question, part, found, mark, PAGE + 1)
    rows = Transaction.objects.in_bulk([one.id for one in listed[:PAGE]])
    items = [_item(question, rows[one.id], one.at, now) for one in listed[:PAGE]]
    return items, _mark_after(rows, listed, part, found, mark)


def _listed(
    question: Question, part: Part, found: Sequence[Tally], mark: Mark | Worth | None, rows: int
) -> list[Listed]:
    if _is_by_dollars(part, found, mark):
        worth = mark if isinstance(mark, Worth) else None
        return tallies.page_by_dollars(part, question.cells, after=worth, rows=rows)
    assert not isinstance(mark, Worth)  # noqa: S101  such a list is by dollars
    return tallies.page_of(part, question.cells, found, after=mark, rows=rows)


def _mark_after(
    rows: dict[UUID, Transaction],
    listed: Sequence[Listed],
    part: Part,
    found: Sequence[Tally],
    mark: Mark | Worth | None,
) -> str:
    if not _is_by_dollars(part, found, mark):
        return next_mark(rows, listed)
    last = listed[PAGE - 1] if len(listed) > PAGE else None
    return f"{WORTH}.{last.amount}.{last.id.hex}" if last else ""


def _messages(
    question: Question, part: Part, found: Sequence[Tally], mark: Mark | None, now: datetime
) -> tuple[Sequence[MessageItem], str]:
    """The same of messages."""
    listed = page_of_messages(part, question.cells, found, after=mark, rows=PAGE + 1)
    items = [_message_item(question, one, now) for one in listed[:PAGE]]
    return items, _written(listed[PAGE - 1].mark) if len(listed) > PAGE else ""


def every_message(question: Question, part: Part, most: int) -> Iterator[Message]:
    """The whole list of messages, up to so many, all of one state of the database."""
    with tallies.one_state():
        found = tallies.tallies(question.metric, question.cells)
        mark: Mark | None = None
        while most > 0:
            rows = min(CHUNK, most)
            listed = page_of_messages(part, question.cells, found, after=mark, rows=rows)
            yield from listed
            if len(listed) < rows:
                return
            mark, most = listed[-1].mark, most - rows


def everything(question: Question, part: Part, most: int) -> Iterator[Transaction]:
    """The whole list, up to so many, all of one state of the database."""
    with tallies.one_state():
        found = tallies.tallies(question.metric, question.cells)
        mark: Mark | Worth | None = None
        while most > 0:
            rows = min(CHUNK, most)
            listed = _listed(question, part, found, mark, rows)
            by_id = Transaction.objects.in_bulk([one.id for one in listed])
            yield from (by_id[one.id] for one in listed)
            if len(listed) < rows:
                return
            last, most = listed[-1], most - rows
            of = by_id[last.id]
            mark = (
                Worth(last.amount, last.id)
                if _is_by_dollars(part, found, mark)
                else Mark(of.workflow_id, of.facility_id, last.at, last.id)
            )


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


def read_worth(text: str) -> Worth | None:
    """The same of a list by dollars."""
    name, _, rest = text.partition(".")
    amount, _, key = rest.partition(".")
    try:
        found = Worth(int(amount), UUID(key))
    except ValueError:
        return None
    return found if name == WORTH and abs(found.amount) <= tallies.MOST_DOLLARS else None


def next_mark(rows: dict[UUID, Transaction], listed: Sequence[Listed]) -> str:
    """Where the next page begins; nothing when there is none."""
    if len(listed) <= PAGE:
        return ""
    last = listed[PAGE - 1]
    of = rows[last.id]
    return _written(Mark(of.workflow_id, of.facility_id, last.at, last.id))


def _written(mark: Mark) -> str:
    """As an address has it."""
    microseconds = (mark.at - EPOCH) // timedelta(microseconds=1)
    return f"{mark.workflow_id}-{mark.facility_id}-{microseconds}-{mark.id.hex}"


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


def _message_item(question: Question, of: Message, now: datetime) -> MessageItem:
    catalogue = question.catalogue
    # In order of time they are all in one zone, or they would seem to jump.
    zone = question.zone
    stage = catalogue.stages_by_id.get(of.stage_id)
    is_theirs = of.home_id in question.reach
    return MessageItem(
        of.id,
        of.correlation_id,
        reverse("dashboard:transaction", args=[of.transaction_id]) if is_theirs else "",
        catalogue.workflows_by_id[of.workflow_id].short_name,
        catalogue.facilities_by_id[of.facility_id].short_name,
        wording.clock_time(of.occurred_at, zone, now=now),
        wording.clock_time(of.received_at, zone, now=now),
        stage.name if stage else f"Stage {of.rank}",
        OUTCOMES[Outcome(of.outcome)],
        of.attempt,
        of.error_code or "",
    )
