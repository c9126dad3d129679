"""Connections to a PostgreSQL server: durability, when to give up on one, and units of work on several at once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

from services.labeler.database import failures
from services.labeler.database.group_commit import NUM_ATTEMPTS
from somersault.runtime.failpoints import failpoint

__all__ = ["ServerWriter", "make_engine"]

_Result = TypeVar("_Result")

_IDLE_S = 1.0
# A host that vanishes closes no connection: without these, calls would hang for a quarter of an hour.
_GIVE_UP = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds within which data must be acknowledged
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

_log = structlog.get_logger()


def make_engine(url: sa.URL, *, num_connections: int, plans_once: bool = False) -> sa.Engine:
    """Return an engine that keeps ``num_connections`` connections to a server, and opens at most twice as many.

    Args:
        url: The server's.
        num_connections: How many.
        plans_once: Whether the server is to plan a prepared statement once, not at each use for its values, which takes longer than
            to run it. For statements whose best plan is always the same.
    """
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=num_connections,
        max_overflow=num_connections,
        hide_parameters=True,  # an error that is logged quotes them
        pool_use_lifo=True,  # the one used last has the most prepared statements
        isolation_level="READ COMMITTED",
        connect_args={name: value for name, value in _GIVE_UP.items() if name not in url.query},
    )
    _set_up(engine, plans_once=plans_once)
    _check_idle_connections(engine)
    return engine


def _set_up(engine: sa.Engine, *, plans_once: bool) -> None:
    """Have commits wait for the server's disk, whatever its default."""

    @sa.event.listens_for(engine, "connect")
    def check(connection: Any, _record: object) -> None:
        asked = "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
        synchronous_commit, fsync = connection.execute(asked).fetchone()
        if synchronous_commit == "off":
            connection.execute("SET synchronous_commit TO on")
        if plans_once:
            connection.execute("SET plan_cache_mode TO force_generic_plan")
        connection.commit()
        if fsync == "off":  # only the server's own settings change that
            _log.warning("answers_may_be_lost", reason="the database server's fsync is off", setting="fsync")


def _check_idle_connections(engine: sa.Engine) -> None:
    """Ping a connection before use if it was idle for a while: a server that restarted has cut it.

    The pool's own ``pool_pre_ping`` pings each time, three more round trips, as many as an answer costs.
    """

    @sa.event.listens_for(engine, "checkin")
    def note(_connection: object, record: Any) -> None:
        record.info["used_s"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def check(connection: Any, record: Any, _proxy: object) -> None:
        if time.monotonic() - record.info.get("used_s", math.inf) < _IDLE_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as err:
            raise sa.exc.DisconnectionError from err


class ServerWriter:
    """Runs units of work side by side, each in a transaction and on a connection of its own."""

    def __init__(self, engine: sa.Engine, *, num_threads: int) -> None:
        """Start the threads; `close` ends them."""
        self._engine = engine
        self._threads = ThreadPoolExecutor(num_threads, thread_name_prefix="labeler-writer")

    async def write(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Run ``work``; return its result once it is committed."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._write, work)

    def close(self) -> None:
        """Commit pending writes and end the threads."""
        self._threads.shutdown()

    def _write(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        attempt = 1
        while True:
            try:
                with self._engine.begin() as connection:
                    result = work(connection)
                    failpoint("labeler.commit.before")
                failpoint("labeler.commit.after")
            except sa.exc.DBAPIError as err:
                failure: Any = failures.translate(err)
                if attempt == NUM_ATTEMPTS or not failures.is_passing(err):
                    raise failure from err
            else:
                return result
            attempt += 1
