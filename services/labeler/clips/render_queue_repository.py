"""Which clips are to be rendered next, and what came of each attempt."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from services.labeler.database import clock, counters, schema
from services.labeler.model.queries import QueryState

__all__ = [
    "RenderTask",
    "claim",
    "fail",
    "has_waiting",
    "postpone",
    "release_claims",
    "render_again",
    "store",
]

_CLIPS = schema.clips
_QUERIES = schema.queries


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RenderTask:
    """A clip that is to be rendered now."""

    run_id: str
    segment_id: str
    segment_uri: str
    clip_uri: str
    num_failures: int


def has_waiting(connection: sa.Connection) -> bool:
    """Return whether a clip is due."""
    now_ms = clock.now_ms(connection)
    waiting = sa.select(sa.exists().where(_CLIPS.c.state == "pending", _CLIPS.c.next_try_ms <= now_ms))
    return bool(connection.execute(waiting).scalar_one())


def claim(connection: sa.Connection, *, count: int, claim_s: float) -> list[RenderTask]:
    """Claim up to ``count`` due clips, which nobody else gets for ``claim_s`` seconds."""
    now_ms = clock.now_ms(connection)
    rows = connection.execute(
        sa.select(_CLIPS, schema.segments.c.segment_uri)
        .join_from(
            _CLIPS,
            schema.segments,
            sa.and_(
                schema.segments.c.run_id == _CLIPS.c.run_id,
                schema.segments.c.segment_id == _CLIPS.c.segment_id,
            ),
        )
        .where(_CLIPS.c.state == "pending", _CLIPS.c.next_try_ms <= now_ms, _is_still_wanted())
        .order_by(_CLIPS.c.next_try_ms)
        .limit(count)
        .with_for_update(skip_locked=True, of=_CLIPS)
    ).all()
    tasks = [
        RenderTask(
            run_id=row.run_id,
            segment_id=row.segment_id,
            segment_uri=row.segment_uri,
            clip_uri=row.clip_uri,
            num_failures=row.num_failures,
        )
        for row in rows
    ]
    for task in tasks:
        _change(connection, task, next_try_ms=now_ms + round(claim_s * 1000))
    return tasks


def release_claims(connection: sa.Connection) -> None:
    """Make every clip due now: whoever was rendering it may have died. Rendering one twice does no harm."""
    connection.execute(
        sa.update(_CLIPS).where(_CLIPS.c.state == "pending", _CLIPS.c.next_try_ms > 0).values(next_try_ms=0)
    )


def store(connection: sa.Connection, task: RenderTask, *, sha256: str) -> int:
    """Mark a clip as verified; return how many queries became ready to be shown."""
    _change(connection, task, state="stored", sha256=sha256, reason="")
    showing = _lock_showing(connection, task.run_id, task.segment_id)
    is_shown = sa.and_(
        _QUERIES.c.number.in_(showing),
        _has_clip(_QUERIES.c.left_segment_id),
        _has_clip(_QUERIES.c.right_segment_id),
    )
    num_ready = _move(connection, task.run_id, is_shown, QueryState.READY)
    shown = connection.execute(
        sa.update(_QUERIES).where(is_shown, _QUERIES.c.has_clips.is_(False)).values(has_clips=True)
    )
    return max(num_ready, shown.rowcount)


def render_again(
    connection: sa.Connection, *, run_id: str, segment_id: str, sha256: str, reason: str
) -> bool:
    """Have a clip rendered again whose stored bytes are gone or changed; return whether nobody did so before.

    Until then the queries that show it are leased to no more people. Whoever has its clips already may still answer.
    """
    of_clip = sa.and_(_CLIPS.c.run_id == run_id, _CLIPS.c.segment_id == segment_id)
    again = sa.update(_CLIPS).where(of_clip, _CLIPS.c.state == "stored", _CLIPS.c.sha256 == sha256)
    values = {"state": "pending", "sha256": "", "num_failures": 0, "next_try_ms": 0, "reason": reason[:500]}
    if not connection.execute(again.values(values)).rowcount:
        return False
    is_shown = _QUERIES.c.number.in_(_lock_showing(connection, run_id, segment_id))
    _move(connection, run_id, is_shown, QueryState.RENDERING, of=QueryState.READY, wants_clips=True)
    connection.execute(sa.update(_QUERIES).where(is_shown).values(has_clips=False))
    return True


def postpone(
    connection: sa.Connection, task: RenderTask, *, num_failures: int, delay_s: float, reason: str
) -> None:
    """Schedule another attempt at a clip."""
    next_try_ms = clock.now_ms(connection) + round(delay_s * 1000)
    _change(connection, task, num_failures=num_failures, next_try_ms=next_try_ms, reason=reason[:500])


def fail(connection: sa.Connection, task: RenderTask, *, reason: str) -> None:
    """Give up on a clip, and with it on every query that waits for it."""
    _change(connection, task, state="failed", reason=reason[:500])
    showing = _lock_showing(connection, task.run_id, task.segment_id)
    _move(connection, task.run_id, _QUERIES.c.number.in_(showing), QueryState.FAILED)


def _move(
    connection: sa.Connection,
    run_id: str,
    which: sa.ColumnElement[bool],
    state: QueryState,
    *,
    of: QueryState = QueryState.RENDERING,
    **values: object,
) -> int:
    """Move queries of one state, by default those that wait for clips, to another; return how many."""
    is_of = _QUERIES.c.state == of.value
    moved = connection.execute(
        sa.update(_QUERIES).where(which, is_of).values(state=state.value, **values)
    ).rowcount
    if moved:
        counters.add_to_run(connection, run_id, {of: -moved, state: moved})
    return moved


def _change(connection: sa.Connection, task: RenderTask, **values: object) -> None:
    connection.execute(
        sa.update(_CLIPS)
        .where(_CLIPS.c.run_id == task.run_id, _CLIPS.c.segment_id == task.segment_id)
        .values(**values)
    )


def _shows(run_id: object, segment_id: object) -> sa.ColumnElement[bool]:
    return sa.and_(
        _QUERIES.c.run_id == run_id,
        sa.or_(_QUERIES.c.left_segment_id == segment_id, _QUERIES.c.right_segment_id == segment_id),
    )


def _is_still_wanted() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        _shows(_CLIPS.c.run_id, _CLIPS.c.segment_id),
        _QUERIES.c.wants_clips.is_(True),
        _QUERIES.c.state != QueryState.WITHDRAWN.value,
    )


def _has_clip(segment_id: sa.ColumnElement[object]) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        _CLIPS.c.run_id == _QUERIES.c.run_id,
        _CLIPS.c.segment_id == segment_id,
        _CLIPS.c.state == "stored",
    )


def _lock_showing(connection: sa.Connection, run_id: str, segment_id: str) -> list[int]:
    """Return the queries that show a clip, locked, so that whoever stores the other clip next sees this one."""
    return list(
        connection.execute(
            sa.select(_QUERIES.c.number)
            .where(_shows(run_id, segment_id))
            .order_by(_QUERIES.c.number)
            .with_for_update()
        ).scalars()
    )
