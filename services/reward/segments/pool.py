"""The newest segments, a bounded number of them: queries are chosen from these.

Shapes: ``L`` steps of a segment, ``F`` frames an observation; ``*frame`` and ``*action`` as in `somersault.domain.arrays`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.reward.segments.layout import SegmentLayout
from somersault.domain.arrays import ActionArray, FrameArray

__all__ = ["SegmentPool"]


class SegmentPool:
    """A ring of segments: each new one replaces the oldest. One owner."""

    def __init__(self, layout: SegmentLayout, *, capacity: int) -> None:
        """Reserve room for ``capacity`` segments; no more is ever needed."""
        if capacity < 2:
            raise ValueError(f"capacity is {capacity}, must be at least 2: a query shows two")
        self._layout = layout
        self._capacity = capacity
        self._observations, self._actions = layout.reserve(capacity)
        self._ids: list[str] = []
        self._next = 0

    def __len__(self) -> int:
        """Return the number of segments held."""
        return len(self._ids)

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """The ids by index; an index changes its segment once the ring comes round."""
        return tuple(self._ids)

    def newest_indices(self, count: int) -> NDArray[np.int64]:
        """Return the indices of the newest segments, at most ``count``, the newest first."""
        ages = np.arange(1, min(count, len(self._ids)) + 1, dtype=np.int64)
        indices: NDArray[np.int64] = (self._next - ages) % self._capacity
        return indices

    def add(self, segment_id: str, observations: FrameArray, actions: ActionArray) -> None:
        """Admit one segment.

        Args:
            segment_id: its name.
            observations: ``[L + F - 1, *frame]``, the newest before each action last; copied.
            actions: ``[L, *action]``, as executed; copied.

        Raises:
            ValueError: an array has another shape or type.
        """
        self._layout.check(observations, actions)
        self._observations[self._next] = observations
        self._actions[self._next] = actions
        if len(self._ids) < self._capacity:
            self._ids.append(segment_id)
        else:
            self._ids[self._next] = segment_id
        self._next = (self._next + 1) % self._capacity

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[FrameArray, ActionArray]:
        """Return copies of observations ``[n, L + F - 1, *frame]`` and actions ``[n, L, *action]``.

        Raises:
            IndexError: no segment is held at one of the indices.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < len(self._ids):
            raise IndexError(
                f"indices are {chosen.min()} to {chosen.max()}, must be 0 to {len(self._ids) - 1}"
            )
        return self._observations[chosen], self._actions[chosen]
