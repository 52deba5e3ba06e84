"""Tables as files: what a spreadsheet gets to see of them."""

import csv
import io
import tracemalloc
import unicodedata
import zipfile
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.exports import SPOOL, About, Column, Form, Table, answer, is_dangerous, safe, write

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ABOUT = About("North", "last hour", NOW)
# As many as a user may meet at the beginning of a cell that runs.
STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b"


def table(*rows: tuple[Any, ...], width: int = 1) -> Table[tuple[Any, ...]]:
    columns = [
        Column[tuple[Any, ...]](f"Column {n}", lambda row, n=n: row[n]) for n in range(width)
    ]
    return Table("test", "Test", columns, lambda most: iter(rows[:most]))


def content(form: Form, *rows: tuple[Any, ...], width: int = 1, limit: int = 100) -> bytes:
    with write(table(*rows, width=width), form, ABOUT, limit=limit).file as file:
        return file.read()


def as_csv(*rows: tuple[Any, ...], width: int = 1, limit: int = 100) -> list[list[str]]:
    text = content(Form.CSV, *rows, width=width, limit=limit).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def as_xlsx(*rows: tuple[Any, ...], width: int = 1, part: str = "worksheets/sheet1") -> str:
    book = zipfile.ZipFile(io.BytesIO(content(Form.XLSX, *rows, width=width)))
    return book.read(f"xl/{part}.xml").decode()


def test_the_first_rows_say_what_it_is_and_name_the_columns():
    assert as_csv(("a",))[:2] == [
        ["Test", "Facilities: North", "Period: last hour", "As of: 2026-03-02T09:30:00+00:00"],
        ["Column 0"],
    ]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", ["", " ", "\u00a0", "\u200b", "\ufeff", "\u202e", "\x00"])
def test_what_a_spreadsheet_would_run_is_marked_as_text(start: str, before: str):
    assert is_dangerous(f"{before}{start}cmd|' /C calc'!A0") or (before and start in "\t\r\n")


@pytest.mark.parametrize(
    "text", ["", "claim-1", "1-2", "a=b", "•••• 42", "'=1", "5", "\u2013", "é"]
)
def test_what_it_would_not_run_stays_as_it_is(text: str):
    assert safe(text) == text


@given(st.text())
def test_no_text_begins_a_formula_once_it_is_safe(text: str):
    shown = safe(text)
    assert shown in (text, f"'{text}")
    seen = [char for char in shown if not char.isspace() and unicodedata.category(char)[0] != "C"]
    assert not seen or unicodedata.normalize("NFKC", seen[0])[0] not in "=+-@"
    assert shown[:1] not in ("\t", "\r", "\n") or not shown


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_every_text_comes_back_from_csv(cells: list[str]):
    assert as_csv(tuple(cells), width=len(cells))[2] == [safe(cell) for cell in cells]


@given(st.integers(-(10**15), 10**15))
def test_money_is_a_number_and_exact_to_the_cent(minor: int):
    amount = Decimal(minor).scaleb(-2)
    [shown] = as_csv((amount,))[2]
    assert Decimal(shown) == amount
    assert shown == f"{amount:.2f}"


def test_numbers_are_numbers_also_below_zero_and_text_is_not():
    text = content(Form.CSV, (-5, "-5", 0.25), width=3).decode("utf-8-sig")
    assert text.splitlines()[2] == '-5,"\'-5",0.25'


def test_times_say_their_zone():
    local = datetime(2026, 3, 2, 3, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=-6)))
    assert as_csv((local, date(2026, 3, 2), None), width=3)[2] == [
        "2026-03-02T03:30:00.250-06:00", "2026-03-02", "",
    ]  # fmt: skip


def test_a_spreadsheet_has_typed_cells_and_never_a_formula_or_a_link():
    sheet = as_xlsx(("=1+1", "http://elsewhere.example/", Decimal("1.50"), 7), width=4)
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "<t>=1+1</t>" in sheet
    assert "<v>1.50</v>" in sheet


def test_what_would_run_if_typed_again_is_marked_in_a_spreadsheet_too():
    assert 'quotePrefix="1"' in as_xlsx(("=1+1",), part="styles")


def test_a_file_holds_so_many_rows_and_says_that_there_are_more():
    rows = [(n,) for n in range(5)]
    assert len(as_csv(*rows, limit=5)) == 2 + 5
    *_, last = as_csv(*rows, limit=4)
    assert "more rows" in last[0]


@pytest.mark.parametrize("form", Form)
def test_a_large_table_goes_to_disk_and_not_through_memory(form: Form):
    rows = 4_000
    columns = [Column[int](str(n), lambda row: f"text {row} " * 15) for n in range(9)]
    long = Table("test", "Test", columns, lambda most: iter(range(most)))
    tracemalloc.start()
    written = write(long, form, ABOUT, limit=rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    written.file.close()
    assert written.rows == rows
    assert peak < 3 * SPOOL


def test_the_name_of_a_file_is_made_of_words_and_the_time():
    response = answer(write(table(), Form.CSV, ABOUT, limit=1), "claim ../ST BRIGID", Form.CSV, NOW)
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="throughline-claim-st-brigid-20260302T093000Z.csv"'
    )
