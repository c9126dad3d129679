"""Opens the database, and runs units of work off the event loop, each in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import sqlalchemy as sa

from services.labeler.database import failures, migrate, postgresql
from services.labeler.database.group_commit import GroupWriter, Together
from services.labeler.database.sqlite_file import check_or_create
from somersault.errors import ConfigError, UnavailableError
from somersault.processes import private_files
from somersault.runtime.urls import hide_secrets

__all__ = ["Database", "open_database"]

_NUM_READERS = 4
_NUM_SERVER_CONNECTIONS = 4
_BUSY_TIMEOUT_S = 10.0  # another process may lock the file: a backup, the command line
# Messages don't repeat the URL, which may contain a password.
_WRONG_URL = "database_url must be sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE"

_Request = TypeVar("_Request")
_Result = TypeVar("_Result")
_Work = Callable[[sa.Connection], _Result]


class _Writer(Protocol):
    async def write(self, work: _Work[_Result]) -> _Result: ...

    def close(self) -> None: ...


class Database:
    """Reads and writes. Any number of tasks may await both; work runs on other threads."""

    def __init__(
        self, *, reader: sa.Engine, writer: _Writer, together: GroupWriter, num_readers: int
    ) -> None:
        """Take what `open_database` made; `close` ends it."""
        self._reader = reader
        self._writer = writer
        self._together = together
        self._threads = ThreadPoolExecutor(num_readers, thread_name_prefix="labeler-reader")

    async def read(self, work: _Work[_Result]) -> _Result:
        """Return the result of work that changes nothing; each of its statements sees a single moment.

        Raises:
            UnavailableError: the database can't be read now.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, work)

    async def write(self, work: _Work[_Result]) -> _Result:
        """Return the result of work once its changes are committed and on disk.

        The work may run more than once, but takes effect once. A domain error that it raises undoes it.

        Raises:
            UnavailableError: the database can't be written now. If a server was lost at the commit, the work may have been committed.
        """
        return await self._writer.write(work)

    async def write_together(
        self, work: Together[_Request, _Result], request: _Request, *, is_last: bool = False
    ) -> _Result:
        """Do a request in one transaction with others for the same ``work``; return its result once that is on disk.

        Args:
            work: A function of a module, done for several requests at once. It may run more than once, but takes effect once.
            request: What it is to do.
            is_last: Whether it goes last in its transaction: others wait for what it locks.

        Raises:
            SomersaultError: the request's outcome.
            UnavailableError: the database can't be written now. If a server was lost at the commit, it may have been committed.
        """
        return await self._together.write_together(work, request, is_last=is_last)

    def close(self) -> None:
        """Commit pending writes and close every connection."""
        if self._writer is not self._together:
            self._writer.close()
        self._threads.shutdown()
        self._together.close()
        self._reader.dispose()

    def _read(self, work: _Work[_Result]) -> _Result:
        try:
            with self._reader.connect() as connection:
                return work(connection)
        except sa.exc.DBAPIError as err:
            raise failures.translate(err) from err


def open_database(url: str) -> Database:
    """Open the database at a URL, and migrate its tables to this version.

    Raises:
        ConfigError: the URL can't be used, or the database is of a newer version.
        UnavailableError: the database can't be reached.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as err:  # the latter quotes what it took for a port
        raise ConfigError(_WRONG_URL) from err
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(parsed)
    if backend == "postgresql":
        return _open_postgresql(parsed)
    raise ConfigError(_WRONG_URL)


def _open_sqlite(url: sa.URL) -> Database:
    if not url.database or url.database == ":memory:":
        raise ConfigError("database_url must name a file: sqlite:///PATH")
    if not Path(url.database).absolute().parent.is_dir():
        raise ConfigError(
            f"database_url: the folder of {url.database} does not exist; make it or correct the path"
        )
    check_or_create(Path(url.database))
    writing = _sqlite_engine(url, begin="BEGIN IMMEDIATE", pool_size=1)
    reading = _sqlite_engine(url, begin="BEGIN", pool_size=_NUM_READERS)
    _migrate(writing)
    # As a run of an earlier version left them; SQLite makes the other two like the first.
    private_files.tighten(Path(f"{url.database}{ending}") for ending in ("", "-wal", "-shm"))
    writer = GroupWriter(writing)
    return Database(reader=reading, writer=writer, together=writer, num_readers=_NUM_READERS)


def _sqlite_engine(url: sa.URL, *, begin: str, pool_size: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # an error that is logged quotes them
        connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT_S},
    )

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions itself
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")  # WAL's default may lose the newest commits
            connection.execute("PRAGMA foreign_keys=ON")
        except sqlite3.Error:  # the pool doesn't know it yet
            connection.close()
            raise

    @sa.event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _open_postgresql(url: sa.URL) -> Database:
    engine = postgresql.make_engine(url, num_connections=_NUM_SERVER_CONNECTIONS)
    _migrate(engine)
    writer = postgresql.ServerWriter(engine, num_threads=_NUM_SERVER_CONNECTIONS)
    # A single statement sees one moment without a transaction, which would cost two more round trips.
    reader = engine.execution_options(isolation_level="AUTOCOMMIT")
    together = GroupWriter(postgresql.make_engine(url, num_connections=1, plans_once=True))
    return Database(reader=reader, writer=writer, together=together, num_readers=_NUM_SERVER_CONNECTIONS)


def _migrate(engine: sa.Engine) -> None:
    try:
        migrate.to_head(engine)
    except sa.exc.OperationalError as err:
        engine.dispose()
        raise UnavailableError(
            f"database {hide_secrets(repr(engine.url))} can't be used: {err.orig}"
        ) from err
    except sa.exc.DatabaseError as err:
        engine.dispose()
        raise ConfigError(f"database {hide_secrets(repr(engine.url))} can't be used: {err.orig}") from err
    except ConfigError:  # the database is of a newer version
        engine.dispose()
        raise
