"""Statements whose values are known in advance, given to the database's driver as they are: on PostgreSQL in one round trip.

A round trip takes longer than most statements, and while a row is locked, others wait that long for it. What SQLAlchemy does
for each statement takes several times as long as SQLite needs for it, so it is done once: here only values change.
"""

from __future__ import annotations

import collections
import functools
import itertools
import re
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa
from psycopg import generators, postgres, pq
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["Step", "literal", "named_rows", "numbered", "run"]

_Rows = Sequence[Sequence[Any]]
_DIALECTS: Mapping[str, sa.Dialect] = {
    "postgresql": postgresql.asyncpg.dialect(),  # type: ignore[no-untyped-call]  # numbers parameters as the server does
    "sqlite": sqlite.pysqlite.dialect(),
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
    order: Sequence[str]
    """The names of its parameters, in their order."""
    fixed: Mapping[str, Any]
    """The values of those parameters that are always the same."""


def run(connection: sa.Connection, steps: Sequence[Step]) -> list[_Rows]:
    """Run steps in order; return the rows of each, empty for a step without rows. SQLite's booleans are 0 and 1."""
    if connection.dialect.name == "postgresql":
        return _pipe(connection, steps) if steps else []
    driver: Any = connection.connection.driver_connection
    try:
        return [driver.execute(*_prepare("sqlite", step)).fetchall() for step in steps]
    except sqlite3.Error as err:
        raise _translated(connection, err, sqlite3.Error, is_lost=False) from err


def numbered(step: Step) -> tuple[str, Sequence[str]]:
    """Return a step's text for PostgreSQL, and the names of its numbered parameters in order."""
    text, order, _ = _compile("postgresql", step.statement, tuple(step.values))
    return text, order


def _pipe(connection: sa.Connection, steps: Sequence[Step]) -> list[_Rows]:
    driver: Any = connection.connection.driver_connection
    prepared: dict[str, _Prepared] = connection.info.setdefault("prepared_steps", {})
    try:
        statements = [_prepare("postgresql", step) for step in steps]
        # A value that can't be sent is found before anything is.
        dumped = [(text, [_dump(value) for value in values]) for text, values in statements]
        return _Pipe(driver, prepared).run(dumped)
    except psycopg.Error as err:
        cause: Any = err
        is_lost = connection.dialect.is_disconnect(cause, driver, None)
        if is_lost:
            connection.invalidate(err)
        raise _translated(connection, err, psycopg.Error, is_lost=is_lost) from err


class _Prepared:
    """A statement that a server's session knows by name."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self._loads: list[Callable[[bytes], Any]] = []

    def rows(self, result: Any) -> _Rows:
        """Return the rows of a result."""
        if not self._loads:
            self._loads = [_LOADS[result.ftype(column)] for column in range(result.nfields)]
        columns = list(enumerate(self._loads))
        value = result.get_value
        return [
            [None if (found := value(row, column)) is None else load(found) for column, load in columns]
            for row in range(result.ntuples)
        ]


class _Pipe:
    """Statements on their way in one round trip.

    psycopg's own pipeline waits for the socket after each statement, which takes longer than all the rest, since each wait gives
    the interpreter's lock away.
    """

    def __init__(self, driver: Any, prepared: dict[str, _Prepared]) -> None:
        self._driver, self._pgconn = driver, driver.pgconn
        self._prepared = prepared
        self._new: dict[str, _Prepared] = {}
        self._sent: list[_Prepared | None] = []
        """What was sent: statements whose rows are wanted, and others."""

    def run(self, statements: Sequence[tuple[str, list[bytes | None]]]) -> list[_Rows]:
        """Run statements, each a text and its values; return the rows of each.

        Raises:
            psycopg.Error: One of them failed; the transaction can only be rolled back.
        """
        self._pgconn.enter_pipeline_mode()
        if not self._driver.autocommit and self._pgconn.transaction_status == pq.TransactionStatus.IDLE:
            self._pgconn.send_query_params(_BEGIN, None)
            self._sent.append(None)
        for text, values in statements:
            self._send(text, values)
        results = self._driver.wait(self._results())
        self._pgconn.exit_pipeline_mode()
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result)
        self._prepared |= self._new
        wanted = zip(self._sent, results, strict=True)
        return [known.rows(result) for known, result in wanted if known is not None]

    def _send(self, text: str, values: list[bytes | None]) -> None:
        known = self._prepared.get(text) or self._new.get(text)
        if known is None:
            # Never the name of one whose preparing failed: the server may know it all the same.
            known = self._new[text] = _Prepared(b"step_%d" % next(_NUMBERS))
            self._pgconn.send_prepare(known.name, text.encode())
            self._sent.append(None)
        self._pgconn.send_query_prepared(known.name, values)
        self._sent.append(known)

    def _results(self) -> Generator[Any, Any, list[Any]]:
        """Return the result of each that was sent, once all are there."""
        self._sent.append(None)
        ending = collections.deque([self._pgconn.pipeline_sync])
        fetched = yield from generators.pipeline_communicate(self._pgconn, ending)
        while len(fetched) < len(self._sent):
            fetched.append((yield from generators.fetch_many(self._pgconn)))
        return [result for (result,) in fetched]


def _dump(value: Any) -> bytes | None:
    """Return a value as PostgreSQL reads it."""
    if isinstance(value, str):
        if "\0" in value:  # where the server would take the text to end
            raise psycopg.DataError("PostgreSQL's texts can't hold the character NUL")
        return value.encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int | float):
        return repr(value).encode()
    if value is None:
        return None
    raise TypeError(f"a step has a value of {type(value)}")


def _is_true(value: bytes) -> bool:
    return value == b"t"


_BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED"
_NUMBERS = itertools.count()
_TYPES: Mapping[str, Callable[[bytes], Any]] = {
    "bool": _is_true,
    **dict.fromkeys(("int2", "int4", "int8"), int),
    **dict.fromkeys(("float4", "float8"), float),
    **dict.fromkeys(("text", "varchar", "bpchar"), bytes.decode),
}
_LOADS = {postgres.types[name].oid: load for name, load in _TYPES.items()}
"""By the number of the type: what makes a value of its text."""


def _translated(
    connection: sa.Connection, err: Exception, base: type[Exception], *, is_lost: bool
) -> BaseException:
    return sa.exc.DBAPIError.instance(
        None, None, err, base, connection_invalidated=is_lost, dialect=connection.dialect
    )


def _prepare(name: str, step: Step) -> tuple[str, Sequence[Any]]:
    text, order, fixed = _compile(name, step.statement, tuple(step.values))
    values = step.values
    return text, [values[key] if key in values else fixed[key] for key in order]


@functools.cache
def _compile(name: str, statement: Any, names: tuple[str, ...]) -> _Text:
    compiled = statement.compile(dialect=_DIALECTS[name], column_keys=names)
    fixed = compiled.construct_params(dict.fromkeys(names))
    text, order = str(compiled), tuple(compiled.positiontup)
    if name == "postgresql":
        return _with_literals(text, order, {key: fixed[key] for key in order if key not in names})
    return _Text(text, order, fixed)


def _with_literals(text: str, order: Sequence[str], fixed: Mapping[str, Any]) -> _Text:
    """Write the fixed values into a text with numbered parameters: a plan that is made once is to be made for them."""
    left = tuple(key for key in order if key not in fixed)

    def write(match: re.Match[str]) -> str:
        key = order[int(match[1]) - 1]
        return literal(fixed[key]) if key in fixed else f"${left.index(key) + 1}"

    return _Text(re.sub(r"\$(\d+)", write, text), left, {})


def literal(value: Any) -> str:
    """Return a value as it is written in SQL."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else repr(value)


@functools.cache
def named_rows(statement: sa.Select[Any]) -> Callable[[Sequence[Any]], Any]:
    """Return what gives a selected row's values the names of their columns."""
    # By another name, since checkers of types take only fixed columns.
    make: Any = collections.namedtuple  # noqa: PYI024
    columns = [column.key for column in statement.selected_columns]
    return make("Row", columns)._make  # type: ignore[no-any-return]
