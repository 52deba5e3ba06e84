"""The one database cursor: named SQL in, frozen dataclasses out."""

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString, TypeVar

from django.db import InterfaceError, OperationalError, connection
from psycopg import Cursor
from psycopg.rows import class_row

Row = TypeVar("Row")


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
