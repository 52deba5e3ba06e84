"""One chart: its rows, and every way to show them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from operator import itemgetter
from typing import Any
from zlib import crc32

from django.utils.safestring import SafeString

from apps.core import exports
from apps.core.exports import Table
from apps.core.htmx import etag_of
from apps.dashboard import wording

# A builder of figures with everything it draws: a partial can be compared by what it holds.
Drawing = partial[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table behind a chart, and how its values are put in words."""

    name: str
    words: Callable[[Any], str] = str
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: a class that colours it, and a word."""

    css: str
    word: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart says: in a sentence, in a figure, in rows. `name` is its id on the page."""

    name: str
    heading: str
    aside: str
    summary: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    drawing: Drawing
    # Where the table, and with `as=` the figure and the file are.
    address: str
    legend: Sequence[Key] = ()
    # The name of the address of its table as a file, which takes the chart's name and a form.
    download: str = ""
    # Where the figures of all charts of a page are, which saves a request for each.
    shared: str = ""
    # Where what it says is explained, with the lists behind it.
    explained: str = ""

    @property
    def version(self) -> str:
        """The ETag of the figure: of everything that is drawn, whatever changed elsewhere."""
        drawn = (self.drawing.func.__name__, self.drawing.args, self.drawing.keywords)
        return etag_of(repr(drawn).encode())

    @property
    def table_id(self) -> str:
        """The id of the fold with the table: it stays while its rows are those asked for."""
        return f"{self.name}-{crc32(self.address.encode()):x}"

    @property
    def figures(self) -> str:
        """The address of the figure, with its neighbours where they share one."""
        address = self.shared or self.address
        return f"{address}{'&' if '?' in address else '?'}as=figure"

    @property
    def table_rows(self) -> SafeString:
        """The rows in words, written out: a template loop over hundreds takes longer than they."""
        return SafeString("".join(f"<tr>{self._cells(row)}</tr>" for row in self.rows))

    @property
    def exported(self) -> Table[Sequence[Any]]:
        """The rows as they are, for a file."""
        columns = [
            exports.Column[Sequence[Any]](column.name, itemgetter(place))
            for place, column in enumerate(self.columns)
        ]
        return Table(self.name, self.heading, columns, lambda most: self.rows[:most])

    def _cells(self, row: Sequence[Any]) -> str:
        return "".join(map(_cell, self.columns, row))


def _cell(column: Column, value: Any) -> str:
    words = wording.NOTHING if value is None else escape(column.words(value))
    return f'<td class="num">{words}</td>' if column.is_number else f"<td>{words}</td>"
