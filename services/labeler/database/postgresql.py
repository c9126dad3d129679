"""Connections to a PostgreSQL server: what is asked of them, and when they are given up."""

from __future__ import annotations

import math
import time
from typing import Any

import sqlalchemy as sa
import structlog

__all__ = ["make_engine"]

_IDLE_S = 1.0
# A host that vanishes closes nothing: without these a call would hang for as long as the system tries, a quarter of an hour.
_GIVE_UP = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds until data must have been received
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

_log = structlog.get_logger()


def make_engine(url: sa.URL, *, num_connections: int) -> sa.Engine:
    """Makes what connects to a server: so many connections are kept, and twice as many may be open."""
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=num_connections,
        max_overflow=num_connections,
        pool_use_lifo=True,  # the one used last has the most prepared
        isolation_level="READ COMMITTED",
        connect_args={name: value for name, value in _GIVE_UP.items() if name not in url.query},
    )
    _check_durability(engine)
    _check_idle_connections(engine)
    return engine


def _check_durability(engine: sa.Engine) -> None:
    """Has commits wait for the server's disk, whatever its default is."""

    @sa.event.listens_for(engine, "connect")
    def check(connection: Any, _record: object) -> None:
        asked = "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
        synchronous_commit, fsync = connection.execute(asked).fetchone()
        if synchronous_commit == "off":
            connection.execute("SET synchronous_commit TO on")
        connection.commit()
        if fsync == "off":  # nothing but the server's own settings changes that
            _log.warning("answers_may_be_lost", reason="the database server's fsync is off", setting="fsync")


def _check_idle_connections(engine: sa.Engine) -> None:
    """Has a connection that was idle for a while be tried before it is used: a server that restarted cut it.

    The pool's own ``pool_pre_ping`` tries it each time: three round trips more, as many as an answer costs.
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
