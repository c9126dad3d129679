"""Statements whose values are known in advance, given to the database's driver as they are: on PostgreSQL in one round trip.

A round trip takes longer than most statements, and while a row is locked, others wait that long for it. What SQLAlchemy does
for each statement takes several times as long as SQLite needs for it, so it is done once: here only values change.
"""

from __future__ import annotations

import collections
import functools
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["Step", "named_rows", "run"]

_Rows = Sequence[Sequence[Any]]
_DIALECTS: Mapping[str, sa.Dialect] = {
    "postgresql": postgresql.psycopg.dialect(),  # type: ignore[no-untyped-call]
    "sqlite": sqlite.pysqlite.dialect(paramstyle="named"),
}


class Step(NamedTuple):
    """A statement, built once, and the values of its parameters."""

    statement: sa.Executable
    """Without IN over a list, whose text depends on its values."""
    values: Mapping[str, Any]
    """In types that the driver takes as they are."""


class _Text(NamedTuple):
    """A statement as a driver takes it."""

    text: str
    fixed: Mapping[str, Any]
    """The values of those parameters that are always the same."""


def run(connection: sa.Connection, steps: Sequence[Step]) -> list[_Rows]:
    """Run steps in order; return the rows of each, empty for a step without rows. SQLite's booleans are 0 and 1."""
    if connection.dialect.name == "postgresql":
        return _pipe(connection, steps)
    driver: Any = connection.connection.driver_connection
    try:
        return [driver.execute(*_prepare("sqlite", step)).fetchall() for step in steps]
    except sqlite3.Error as err:
        raise _translated(connection, err, sqlite3.Error, is_lost=False) from err


def _pipe(connection: sa.Connection, steps: Sequence[Step]) -> list[_Rows]:
    driver: Any = connection.connection.driver_connection
    prepared = [_prepare("postgresql", step) for step in steps]
    try:
        with driver.pipeline():
            cursors = [driver.execute(text, values, prepare=True) for text, values in prepared]
        return [cursor.fetchall() if cursor.pgresult.nfields else () for cursor in cursors]
    except psycopg.Error as err:
        cause: Any = err
        is_lost = connection.dialect.is_disconnect(cause, driver, None)
        if is_lost:
            connection.invalidate(err)
        raise _translated(connection, err, psycopg.Error, is_lost=is_lost) from err


def _translated(
    connection: sa.Connection, err: Exception, base: type[Exception], *, is_lost: bool
) -> BaseException:
    return sa.exc.DBAPIError.instance(
        None, None, err, base, connection_invalidated=is_lost, dialect=connection.dialect
    )


def _prepare(name: str, step: Step) -> tuple[str, dict[str, Any]]:
    text, fixed = _compile(name, step.statement, tuple(step.values))
    return text, {**fixed, **step.values}


@functools.cache
def _compile(name: str, statement: Any, names: tuple[str, ...]) -> _Text:
    compiled = statement.compile(dialect=_DIALECTS[name], column_keys=names)
    values = compiled.construct_params(dict.fromkeys(names))
    return _Text(str(compiled), {key: value for key, value in values.items() if key not in names})


@functools.cache
def named_rows(statement: sa.Select[Any]) -> Callable[[Sequence[Any]], Any]:
    """Return what gives a selected row's values the names of their columns."""
    # By another name, since checkers of types take only fixed columns.
    make: Any = collections.namedtuple  # noqa: PYI024
    columns = [column.key for column in statement.selected_columns]
    return make("Row", columns)._make  # type: ignore[no-any-return]
