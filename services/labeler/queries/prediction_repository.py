"""Rewards predicted for queries when they were proposed, stored as little-endian float32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from services.labeler.database import schema
from services.labeler.model.queries import PredictedRewards, Proposal
from services.labeler.queries.sides import draw_is_swapped

__all__ = ["keep", "read"]

_PREDICTED = schema.predicted_rewards
_QUERIES = schema.queries
_DTYPE = np.dtype("<f4")


def keep(connection: sa.Connection, run_id: str, proposals: Sequence[Proposal]) -> None:
    """Store the predictions for queries that were just added."""
    predicted = {each.proposal_id: each.predicted for each in proposals if each.predicted is not None}
    if not predicted:
        return
    rows = connection.execute(
        sa.select(_QUERIES.c.number, _QUERIES.c.proposal_id).where(
            _QUERIES.c.run_id == run_id, _QUERIES.c.proposal_id.in_(list(predicted))
        )
    ).all()
    values = [_values(row.number, row.proposal_id, predicted[row.proposal_id]) for row in rows]
    connection.execute(sa.insert(_PREDICTED), values)


def read(connection: sa.Connection, query_numbers: Sequence[int]) -> dict[int, PredictedRewards]:
    """Return the predictions for queries by number, the left segment's first."""
    rows = connection.execute(sa.select(_PREDICTED).where(_PREDICTED.c.query_number.in_(query_numbers)))
    return {
        row.query_number: PredictedRewards(
            first=_of(row.left_rewards).tolist(),
            second=_of(row.right_rewards).tolist(),
            reward_version=row.reward_version,
        )
        for row in rows
    }


def _values(query_number: int, proposal_id: str, predicted: PredictedRewards) -> dict[str, object]:
    sides = [np.asarray(rewards, _DTYPE).tobytes() for rewards in (predicted.first, predicted.second)]
    left, right = sides[::-1] if draw_is_swapped(proposal_id) else sides
    return {
        "query_number": query_number,
        "reward_version": predicted.reward_version,
        "left_rewards": left,
        "right_rewards": right,
        "left_advantage": float(_of(left).sum(dtype=np.float64) - _of(right).sum(dtype=np.float64)),
    }


def _of(data: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(data, _DTYPE)
