"""Which clips are wanted, and their state."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.database import schema
from somersault.domain.keys import clip_key

__all__ = ["states", "want"]

_CLIPS = schema.clips


def want(connection: sa.Connection, run_id: str, segment_ids: Sequence[str]) -> None:
    """Mark the clips of segments as wanted, unless they are already."""
    known = states(connection, run_id, segment_ids)
    rows = [
        {
            "run_id": run_id,
            "segment_id": segment_id,
            "clip_uri": clip_key(run_id, segment_id),
            "state": "pending",
            "sha256": "",
            "num_failures": 0,
            "next_try_ms": 0,
            "reason": "",
        }
        for segment_id in dict.fromkeys(segment_ids)
        if segment_id not in known
    ]
    if rows:
        connection.execute(sa.insert(_CLIPS), rows)


def states(connection: sa.Connection, run_id: str, segment_ids: Sequence[str]) -> dict[str, str]:
    """Return the state of each wanted clip, locked until the transaction ends."""
    rows = connection.execute(
        sa.select(_CLIPS.c.segment_id, _CLIPS.c.state)
        .where(_CLIPS.c.run_id == run_id, _CLIPS.c.segment_id.in_(segment_ids))
        .order_by(_CLIPS.c.segment_id)
        .with_for_update(read=True)
    )
    return {row.segment_id: row.state for row in rows}
