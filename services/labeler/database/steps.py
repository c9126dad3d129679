"""Statements whose values are known in advance, run together: on PostgreSQL in one round trip.

A round trip takes longer than most statements, and while a row is locked, others wait that long for it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa

__all__ = ["Step", "run"]

_Rows = Sequence[Sequence[Any]]


class Step(NamedTuple):
    """A statement, built once, and the values of its parameters."""

    statement: sa.Executable
    """Without IN over a list, whose text depends on its values."""
    values: Mapping[str, Any]


def run(connection: sa.Connection, steps: Sequence[Step]) -> list[_Rows]:
    """Run steps in order; return the rows of each, empty for a step without rows."""
    if connection.dialect.name == "postgresql":
        return _pipe(connection, steps)
    results = [connection.execute(step.statement, step.values) for step in steps]
    return [result.all() if result.returns_rows else () for result in results]


def _pipe(connection: sa.Connection, steps: Sequence[Step]) -> list[_Rows]:
    driver: Any = connection.connection.driver_connection
    prepared = [_prepare(connection.dialect, step) for step in steps]
    try:
        with driver.pipeline():
            cursors = [driver.execute(text, values, prepare=True) for text, values in prepared]
        return [cursor.fetchall() if cursor.pgresult.nfields else () for cursor in cursors]
    except psycopg.Error as err:
        cause: Any = err
        is_lost = connection.dialect.is_disconnect(cause, driver, None)
        if is_lost:
            connection.invalidate(err)
        raise sa.exc.DBAPIError.instance(
            None, None, err, psycopg.Error, connection_invalidated=is_lost, dialect=connection.dialect
        ) from err


def _prepare(dialect: sa.Dialect, step: Step) -> tuple[str, dict[str, Any]]:
    compiled = _compile(dialect, step.statement, tuple(step.values))
    return str(compiled), dict(compiled.construct_params(dict(step.values)))


@functools.cache
def _compile(dialect: sa.Dialect, statement: Any, names: tuple[str, ...]) -> Any:
    return statement.compile(dialect=dialect, column_keys=names)
