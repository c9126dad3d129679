"""The database's clock: the only one that leases are measured by, so replicas need not agree on the time."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["now_ms"]

_QUERIES = {
    "sqlite": sa.text("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"),
    "postgresql": sa.text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"),
}


def now_ms(connection: sa.Connection) -> int:
    """Gives milliseconds since 1970."""
    return int(connection.execute(_QUERIES[connection.dialect.name]).scalar_one())
