"""Tables as files: CSV and XLSX, written row by row into a spooled file, safe to open.

A spreadsheet runs what looks like a formula. Text that a source chose may, so it is marked as text
in both kinds of file; what we counted stays a number, and money keeps its cents.

The file is written before the first byte of the answer leaves: rows are read in pages from the
database and pass through, and a file larger than SPOOL goes to a disk. A reader with a slow line
then holds neither a thread nor a database cursor, and an error is an answer, not half a table.
"""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Generic, Protocol, TypeVar
from uuid import UUID

import xlsxwriter
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.text import slugify
from xlsxwriter.format import Format

Row = TypeVar("Row")
Cell = str | int | float | Decimal | datetime | date | UUID | None
Number = int | float | Decimal

# What is smaller stays in memory.
SPOOL = 2**20
# What a cell of a spreadsheet holds.
LONGEST_TEXT = 32_767
DANGEROUS = frozenset("=+-@")
BREAKS = frozenset("\t\r\n")


class Form(StrEnum):
    """The kinds of file."""

    CSV = "csv"
    XLSX = "xlsx"


CONTENT_TYPES = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column: its heading, and its cell of a row. Money is left out for who may not take it."""

    label: str
    cell: Callable[[Row], Cell]
    is_money: bool = False


@dataclass(frozen=True)
class Table(Generic[Row]):
    """What is exported. `rows` is asked for at most so many rows, and best yields them as it reads
    them. `name` becomes the file's: words and codes of the catalogue only, nothing of a patient.
    """

    name: str
    title: str
    columns: Sequence[Column[Row]]
    rows: Callable[[int], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class About:
    """What the first row of a file says: what the table covers, and as of when."""

    scope: str
    period: str
    as_of: datetime

    def cells(self, title: str) -> list[Cell]:
        return [
            title,
            f"Facilities: {self.scope}",
            f"Period: {self.period}",
            f"As of: {self.as_of.isoformat(timespec='seconds')}",
        ]


@dataclass(frozen=True, slots=True)
class Written:
    """A table as a file, at its beginning, and how much of the table it holds."""

    file: IO[bytes]
    size: int
    rows: int
    is_cut: bool


class Sheet(Protocol):
    """Something rows are written to, one after the other."""

    def row(self, cells: Sequence[Cell]) -> None: ...

    def close(self) -> None: ...


def write(table: Table[Row], form: Form, about: About, *, limit: int) -> Written:
    """Write a table as a file of at most `limit` rows; one that has more says so at its end."""
    with ExitStack() as unless_written:
        # It outlives this function: whoever sends it closes it.
        file = unless_written.enter_context(SpooledTemporaryFile(max_size=SPOOL))
        rows, is_cut = _write_sheet(table, SHEETS[form](file), about, limit)
        size = file.tell()
        file.seek(0)
        unless_written.pop_all()
    return Written(file, size, rows, is_cut)


def answer(written: Written, name: str, form: Form, as_of: datetime) -> HttpResponseBase:
    """The file as a download."""
    headers = {
        "Content-Type": CONTENT_TYPES[form],
        "Content-Disposition": f'attachment; filename="{file_name(name, form, as_of)}"',
    }
    if written.size <= SPOOL:
        with written.file:
            return HttpResponse(written.file.read(), headers=headers)
    # Compressing it would take it off the disk again.
    headers["Content-Encoding"] = "identity"
    headers["Content-Length"] = str(written.size)
    return FileResponse(written.file, headers=headers)


def file_name(name: str, form: Form, as_of: datetime) -> str:
    return f"throughline-{slugify(name)}-{as_of:%Y%m%dT%H%M%SZ}.{form}"


def is_dangerous(text: str) -> bool:
    """Whether a spreadsheet may take this text for a formula: by its first character that is not
    a space, in any of its widths, or by a first one that could split the cell."""
    if text[:1] in BREAKS and text:
        return True
    first = next((char for char in text if not _is_blank(char)), "")
    return bool(DANGEROUS.intersection(unicodedata.normalize("NFKC", first)))


def safe(text: str) -> str:
    """Text that no spreadsheet runs: with an apostrophe before it if need be."""
    return f"'{text}" if is_dangerous(text) else text


def money(minor: int | None) -> Decimal | None:
    """An amount in units of the currency, exact."""
    return None if minor is None else Decimal(minor).scaleb(-2)


def _is_blank(char: str) -> bool:
    """Spaces of all kinds, and what is not seen at all: controls, joiners, marks of direction."""
    return char.isspace() or unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp")


def _write_sheet(table: Table[Row], sheet: Sheet, about: About, limit: int) -> tuple[int, bool]:
    sheet.row(about.cells(table.title))
    sheet.row([column.label for column in table.columns])
    rows, is_cut = _write_rows(table, sheet, limit)
    if is_cut:
        sheet.row([f"There are more rows. A file of yours holds {limit:,}: choose less of them."])
    sheet.close()
    return rows, is_cut


def _write_rows(table: Table[Row], sheet: Sheet, limit: int) -> tuple[int, bool]:
    """How many rows were written, and whether there are more."""
    cells = [column.cell for column in table.columns]
    rows = iter(table.rows(limit + 1))
    count = 0
    for count, row in enumerate(islice(rows, limit), 1):  # noqa: B007  wanted after the loop
        sheet.row([cell(row) for cell in cells])
    return count, next(rows, None) is not None


def _plain(cell: Cell) -> str | Number | None:
    """A cell as a number or as text; a time with its zone, so that nobody has to guess it."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell) if isinstance(cell, UUID) else cell


class _CsvSheet:
    """Text in quotes, numbers without, as RFC 4180 has it. The mark at the beginning tells
    spreadsheets that it is UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=False)
        self._writer = csv.writer(self._text, quoting=csv.QUOTE_NONNUMERIC)

    def row(self, cells: Sequence[Cell]) -> None:
        self._writer.writerow([self._cell(cell) for cell in cells])

    def close(self) -> None:
        self._text.flush()
        self._text.detach()

    def _cell(self, cell: Cell) -> str | Number | None:
        plain = _plain(cell)
        return safe(plain) if isinstance(plain, str) else plain


class _XlsxSheet:
    """Cells are typed, so text never becomes a formula; what would if it were typed in again is
    marked as text. Rows leave memory as soon as the next begins."""

    OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}  # noqa: RUF012
    HEADINGS = 2

    def __init__(self, file: IO[bytes]) -> None:
        self._book = xlsxwriter.Workbook(file, self.OPTIONS)
        self._sheet = self._book.add_worksheet("Throughline")
        self._sheet.freeze_panes(self.HEADINGS, 0)
        self._sheet.set_column(0, 50, 18)
        self._text = self._book.add_format({"quote_prefix": True})
        self._money = self._book.add_format({"num_format": "#,##0.00"})
        self._bold = self._book.add_format({"bold": True})
        self._next = 0

    def row(self, cells: Sequence[Cell]) -> None:
        heading = self._bold if self._next < self.HEADINGS else None
        for column, cell in enumerate(cells):
            self._put(column, _plain(cell), heading)
        self._next += 1

    def close(self) -> None:
        self._book.close()

    def _put(self, column: int, cell: str | Number | None, heading: Format | None) -> None:
        place = (self._next, column)
        if isinstance(cell, str):
            form = self._text if is_dangerous(cell) else heading
            self._sheet.write_string(*place, cell[:LONGEST_TEXT], form)
        elif cell is not None:
            form = self._money if isinstance(cell, Decimal) else None
            self._sheet.write_number(*place, cell, form)


SHEETS: dict[Form, Callable[[IO[Any]], Sheet]] = {Form.CSV: _CsvSheet, Form.XLSX: _XlsxSheet}
