"""The database's clock, the only one that leases are measured by, so replicas needn't agree on the time."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

__all__ = ["NOW_MS", "now_ms"]


class _Now(FunctionElement[int]):
    """Milliseconds since 1970, as an expression."""

    type = sa.BigInteger()
    inherit_cache = True


NOW_MS = _Now()
"""An expression for the moment at which the statement begins, not its transaction."""


def now_ms(connection: sa.Connection) -> int:
    """Return milliseconds since 1970."""
    return int(connection.execute(_READ).scalar_one())


@compiles(_Now, "sqlite")
def _in_sqlite(_now: _Now, _compiler: Any, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(_Now, "postgresql")
def _in_postgresql(_now: _Now, _compiler: Any, **_: Any) -> str:
    return "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)"


_READ = sa.select(NOW_MS)
