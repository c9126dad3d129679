"""Connections to a PostgreSQL server: durability, and when to give up on one."""

from __future__ import annotations

import math
import time
from typing import Any

import sqlalchemy as sa
import structlog

__all__ = ["make_engine"]

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


def make_engine(url: sa.URL, *, num_connections: int) -> sa.Engine:
    """Return an engine that keeps ``num_connections`` connections to a server, and opens at most twice as many."""
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=num_connections,
        max_overflow=num_connections,
        hide_parameters=True,  # an error that is logged quotes them
        pool_use_lifo=True,  # the one used last has the most prepared statements
        isolation_level="READ COMMITTED",
        connect_args={name: value for name, value in _GIVE_UP.items() if name not in url.query},
    )
    _check_durability(engine)
    _check_idle_connections(engine)
    return engine


def _check_durability(engine: sa.Engine) -> None:
    """Have commits wait for the server's disk, whatever its default."""

    @sa.event.listens_for(engine, "connect")
    def check(connection: Any, _record: object) -> None:
        asked = "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
        synchronous_commit, fsync = connection.execute(asked).fetchone()
        if synchronous_commit == "off":
            connection.execute("SET synchronous_commit TO on")
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
