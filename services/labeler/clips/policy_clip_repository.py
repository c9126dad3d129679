"""Clips of a run's policies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.model.clips import PolicyClip
from services.labeler.runs import run_repository
from somersault.errors import NotFoundError

__all__ = ["MAX_LISTED", "add", "list_newest", "newest_versions", "read"]

MAX_LISTED = 100

_TABLE = schema.policy_clips
_DTYPE = np.dtype("<f4")


def add(connection: sa.Connection, run_id: str, clip: PolicyClip) -> bool:
    """Store a clip, replacing an earlier one of that policy; return whether anything changed.

    Raises:
        NotFoundError: the run is unknown.
    """
    run_repository.lock(connection, run_id)
    is_this = (_TABLE.c.run_id == run_id) & (_TABLE.c.policy_version == clip.policy_version)
    known = connection.execute(sa.select(_TABLE).where(is_this)).one_or_none()
    row = _values(clip)
    if known is not None and all(getattr(known, name) == value for name, value in row.items()):
        return False
    connection.execute(sa.delete(_TABLE).where(is_this))
    if clip.is_final:  # the run was resumed after an earlier end
        connection.execute(sa.update(_TABLE).where(_TABLE.c.run_id == run_id).values(is_final=False))
    connection.execute(sa.insert(_TABLE), {"run_id": run_id, "created_ms": clock.now_ms(connection), **row})
    return True


def read(connection: sa.Connection, run_id: str, policy_version: int) -> PolicyClip:
    """Return the clip of a policy.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(
        sa.select(_TABLE).where(_TABLE.c.run_id == run_id, _TABLE.c.policy_version == policy_version)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"run {run_id!r} has no clip of policy version {policy_version}")
    return _clip(row)


def list_newest(connection: sa.Connection, run_id: str) -> list[PolicyClip]:
    """Return the newest clips of a run, oldest first.

    Raises:
        NotFoundError: the run is unknown.
    """
    run_repository.read_row(connection, run_id)
    page = sa.select(_TABLE).where(_TABLE.c.run_id == run_id)
    rows = connection.execute(page.order_by(_TABLE.c.policy_version.desc()).limit(MAX_LISTED)).all()
    return [_clip(row) for row in reversed(rows)]


def newest_versions(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Return the newest policy version with a clip, for each of some runs that has one."""
    newest = (
        sa.select(_TABLE.c.run_id, sa.func.max(_TABLE.c.policy_version).label("version"))
        .where(_TABLE.c.run_id.in_(run_ids))
        .group_by(_TABLE.c.run_id)
    )
    return {row.run_id: row.version for row in connection.execute(newest)}


def _values(clip: PolicyClip) -> dict[str, object]:
    return {
        "policy_version": clip.policy_version,
        "env_steps": clip.env_steps,
        "clip_uri": clip.clip_uri,
        "sha256": clip.sha256,
        "duration_s": clip.duration_s,
        "is_final": clip.is_final,
        "predicted_rewards": np.asarray(clip.predicted_rewards, _DTYPE).tobytes(),
        "true_return": clip.true_return,
    }


def _clip(row: schema.Row) -> PolicyClip:
    return PolicyClip(
        policy_version=row.policy_version,
        env_steps=row.env_steps,
        clip_uri=row.clip_uri,
        sha256=row.sha256,
        duration_s=row.duration_s,
        created_ms=row.created_ms,
        is_final=row.is_final,
        predicted_rewards=np.frombuffer(row.predicted_rewards, _DTYPE).tolist(),
        true_return=row.true_return,
    )
