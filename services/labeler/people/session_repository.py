"""Sessions of browsers: each found by the SHA-256 of its secret, good as long as the token that began it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.database import clock, schema

__all__ = ["MAX_AGE_MS", "MAX_IDLE_MS", "add", "end", "end_all", "is_unnoted", "note_use", "tokens_of"]

MAX_AGE_MS = 30 * 24 * 3600 * 1000
MAX_IDLE_MS = 7 * 24 * 3600 * 1000
_MAX_SESSIONS = 20  # of a labeler: browsers of one person; the longest unused one makes room
_NOTE_MS = 3600 * 1000  # a use is noted at most once an hour

_TABLE = schema.sessions


def add(connection: sa.Connection, *, session_sha256: str, labeler_id: str, token_sha256: str) -> int:
    """Add a session of the holder of a token; return when it ends, in milliseconds since 1970."""
    now_ms = clock.now_ms(connection)
    of_labeler = _TABLE.c.labeler_id == labeler_id
    is_over = sa.or_(_TABLE.c.expire_ms <= now_ms, _TABLE.c.used_ms <= now_ms - MAX_IDLE_MS)
    connection.execute(
        sa.delete(_TABLE).where(of_labeler, sa.or_(is_over, _TABLE.c.token_sha256 != token_sha256))
    )
    newest_first = sa.select(_TABLE.c.session_sha256).where(of_labeler)
    newest_first = newest_first.order_by(_TABLE.c.used_ms.desc(), _TABLE.c.expire_ms.desc())
    too_many = connection.execute(newest_first.offset(_MAX_SESSIONS - 1)).scalars().all()
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.session_sha256.in_(too_many)))
    row = {
        "session_sha256": session_sha256,
        "labeler_id": labeler_id,
        "token_sha256": token_sha256,
        "used_ms": now_ms,
        "expire_ms": now_ms + MAX_AGE_MS,
    }
    connection.execute(sa.insert(_TABLE), row)
    return now_ms + MAX_AGE_MS


def tokens_of(connection: sa.Connection, digests: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of the token that began each session that holds, by the session's."""
    live = sa.select(_TABLE.c.session_sha256, _TABLE.c.token_sha256).where(
        _TABLE.c.session_sha256.in_(digests),
        _TABLE.c.expire_ms > clock.NOW_MS,
        _TABLE.c.used_ms > clock.NOW_MS - MAX_IDLE_MS,
    )
    return {row.session_sha256: row.token_sha256 for row in connection.execute(live)}


def is_unnoted(connection: sa.Connection, session_sha256: str) -> bool:
    """Return whether a session's last noted use is more than an hour ago."""
    return connection.execute(sa.select(_unnoted(session_sha256))).scalar_one() > 0


def note_use(connection: sa.Connection, session_sha256: str) -> None:
    """Note that a session is used now."""
    is_this = _TABLE.c.session_sha256 == session_sha256
    connection.execute(sa.update(_TABLE).where(is_this).values(used_ms=clock.NOW_MS))


def _unnoted(session_sha256: str) -> sa.ScalarSelect[int]:
    is_old = (_TABLE.c.session_sha256 == session_sha256) & (_TABLE.c.used_ms <= clock.NOW_MS - _NOTE_MS)
    return sa.select(sa.func.count()).where(is_old).scalar_subquery()


def end(connection: sa.Connection, session_sha256: str) -> None:
    """End a session, if it still holds."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.session_sha256 == session_sha256))


def end_all(connection: sa.Connection, labeler_id: str) -> int:
    """End all sessions of a labeler; return how many there were."""
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.labeler_id == labeler_id)).rowcount
