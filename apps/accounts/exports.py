"""The door of every download: how much of a table a role may take, with or without money, written
down each time, and never so many at once that pages have to wait.

What a view shows it may export: the same query, asked again within the reader's scope as it is at
that moment. Which permission that takes stands above the view, with `EXPORT` beside it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from threading import BoundedSemaphore
from typing import TypeVar

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.catalog.snapshot import snapshot
from apps.core.exports import About, Form, Table, Written, answer, write

Row = TypeVar("Row")

EXPORT = "accounts.export_tables"
MANY = "accounts.export_many_rows"
MONEY = "accounts.export_money"
FEW_ROWS = 5_000
# A spreadsheet of so many rows takes a processor two to three seconds.
MANY_ROWS = 20_000
FACILITIES_NAMED = 5
RETRY_SECONDS = 5

# One at a time in each web process: of its three threads two always answer pages. Whoever comes
# second is told so at once, for waiting would hold a thread as well.
_place = BoundedSemaphore(1)


class Busy(Exception):
    """Another table is being written in this process."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a table covers: facilities, period, and the moment it was asked for."""

    facilities: Sequence[int]
    period: str
    as_of: datetime


def download(
    request: HttpRequest, table: Table[Row], form: Form, extent: Extent
) -> HttpResponseBase:
    """A table as a file, within what the reader's role may take."""
    assert isinstance(request.user, User), "the view asks who it is"  # noqa: S101
    try:
        with _a_place():
            return _written(request.user, _allowed(table, request.user), form, extent)
    except Busy:
        response = render(request, "export_busy.html", status=503)
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response


def rows_allowed(user: User) -> int:
    """How many rows one file of this person may hold."""
    return MANY_ROWS if user.has_perm(MANY) else FEW_ROWS


def facility_names(facilities: Sequence[int]) -> str:
    """Facilities in the words of a heading: by name when they are few."""
    places = snapshot().facilities_by_id
    names = [places[one].name for one in facilities if one in places]
    rest = len(names) - FACILITIES_NAMED
    if set(places) <= set(facilities):
        return "all"
    return ", ".join(names[:FACILITIES_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _written(user: User, table: Table[Row], form: Form, extent: Extent) -> HttpResponseBase:
    about = About(facility_names(extent.facilities), extent.period, extent.as_of)
    with transaction.atomic():  # A cursor on the server needs one.
        written = write(table, form, about, limit=rows_allowed(user))
        _note(user, table.name, form, extent, written)
    return answer(written, table.name, form, extent.as_of)


def _note(user: User, name: str, form: Form, extent: Extent, written: Written) -> None:
    facts = {
        "form": form,
        "rows": written.rows,
        "is_cut": written.is_cut,
        "facilities": len(extent.facilities),
    }
    only = extent.facilities[0] if len(extent.facilities) == 1 else None
    audit.record(user, Act.EXPORT_DOWNLOADED, on=name, facility=only, facts=facts)


def _allowed(table: Table[Row], user: User) -> Table[Row]:
    if user.has_perm(MONEY):
        return table
    return replace(table, columns=[one for one in table.columns if not one.is_money])


@contextmanager
def _a_place() -> Iterator[None]:
    if not _place.acquire(blocking=False):
        raise Busy
    try:
        yield
    finally:
        _place.release()
