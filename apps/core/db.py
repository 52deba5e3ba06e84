"""The one database cursor: named SQL in, frozen dataclasses out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, LiteralString, TypeVar

from django.db import InterfaceError, OperationalError, connection
from psycopg import Cursor
from psycopg.rows import class_row

Row = TypeVar("Row")

FEW_ROWS = 2_000


def fetch_all(sql: LiteralString, params: Mapping[str, Any], *, row: type[Row]) -> list[Row]:
    """Run a statement and build one `row` (a dataclass) per result, matched by column name."""
    with connection.cursor() as cursor:
        cursor.cursor.row_factory = class_row(row)
        cursor.execute(sql, params)
        rows: list[Row] = cursor.fetchall()
        return rows


def fetch_one(sql: LiteralString, params: Mapping[str, Any], *, row: type[Row]) -> Row:
    """Run a statement that returns exactly one row; anything else is a bug and raises."""
    [result] = fetch_all(sql, params, row=row)
    return result


def fetch_value(sql: LiteralString, params: Mapping[str, Any] | None = None) -> Any:
    """Run a statement and return the single value of its single row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        [value] = cursor.fetchone()
        return value


def execute(sql: LiteralString, params: Mapping[str, Any] | None = None) -> int:
    """Run a statement for its effect; return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        count: int = cursor.rowcount
        return count


def execute_prepared(sql: LiteralString) -> int:
    """The same for a long statement that is repeated over few rows: analysed and planned once a
    connection, which for a fold of three events is most of the work. The plan is the first one's,
    so thousands of rows are better served by `execute`.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(sql, prepare=True)
        return cursor.rowcount


def runner(rows: int) -> Callable[[LiteralString], int]:
    """How to run a statement over about so many rows."""
    return execute_prepared if rows <= FEW_ROWS else execute


def fetcher(rows: int) -> Callable[[LiteralString], list[tuple[Any, ...]]]:
    """The same for a statement that also tells: how to run it over about so many rows."""

    def fetch(sql: LiteralString) -> list[tuple[Any, ...]]:
        connection.ensure_connection()
        with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
            cursor.execute(sql, prepare=rows <= FEW_ROWS)
            return cursor.fetchall()

    return fetch


def fetch_prepared(sql: LiteralString, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement of the hot path: bound by the server, in binary, planned once a connection.

    A connection that turns out to be dead is replaced and the statement run again, which is cheaper
    than asking before every request. It may then run twice: only for what may be repeated.
    """
    try:
        return _run_prepared(sql, params)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or not _is_broken():
            raise
        connection.close()
        return _run_prepared(sql, params)


def _run_prepared(sql: LiteralString, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    server = connection.connection
    with connection.wrap_database_errors, Cursor(server) as cursor:
        cursor.execute(sql, params, binary=True)
        return cursor.fetchall()


def _is_broken() -> bool:
    return connection.connection is None or connection.connection.closed


def copy_rows(sql: LiteralString, chunks: Iterable[bytes]) -> int:
    """Stream ready-made COPY text to the server; return how many rows it held."""
    with connection.cursor() as cursor:
        with connection.wrap_database_errors, cursor.copy(sql) as copy:
            for chunk in chunks:
                copy.write(chunk)
        count: int = cursor.rowcount
        return count
