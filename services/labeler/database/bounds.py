"""What older programs stored is read within today's bounds, so that no row can stop who follows the log.

Rows are never left out: a time or a duration is brought to the nearest bound, and a key is cut, which no store could hold anyway.
"""

from __future__ import annotations

import math
from typing import Any

import sqlalchemy as sa

from somersault.domain.preference_log import MAX_TIME_MS
from somersault.domain.trajectory import MAX_DURATION_S, StoredSegment
from somersault.storage.key_checks import MAX_KEY_BYTES

__all__ = ["bounded_key", "segment_within", "time_within"]


def bounded_key(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return an expression for a key, cut where it is read, so that not even the database's driver takes all of it."""
    return sa.func.substr(column, 1, MAX_KEY_BYTES)


def time_within(time_ms: int) -> int:
    """Return a time that has a date."""
    return min(max(time_ms, 0), MAX_TIME_MS)


def segment_within(segment_id: str, segment_uri: str, sealed_uri: str, duration_s: float) -> StoredSegment:
    """Return a segment whose keys have no more bytes than a key has, and whose duration is a number above 0."""
    return StoredSegment(
        segment_id=segment_id,
        segment_uri=_cut(segment_uri),
        sealed_uri=_cut(sealed_uri),
        duration_s=duration_s if 0 < duration_s <= MAX_DURATION_S else _nearest(duration_s),
    )


def _cut(key: str) -> str:
    if len(key) <= MAX_KEY_BYTES // 4:  # which UTF-8 makes no longer than that
        return key
    return key.encode()[:MAX_KEY_BYTES].decode(errors="ignore")


def _nearest(duration_s: float) -> float:
    return MAX_DURATION_S if duration_s > MAX_DURATION_S else math.ulp(0.0)
