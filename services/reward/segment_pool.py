"""The newest segments, bounded: where queries are drawn from.

Shapes: ``L`` steps of a segment, ``O`` observation length, ``A`` action length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class SegmentPool:
    """A ring of segments: each new one takes the place of the oldest. One owner."""

    def __init__(self, *, capacity: int, segment_length: int, observation_dim: int, action_dim: int) -> None:
        """Reserves the memory of ``capacity`` segments at once, so that it stays flat."""
        if capacity < 2:
            raise ValueError(f"capacity is {capacity}, must be at least 2: a query shows two")
        self._observations = np.zeros((capacity, segment_length, observation_dim), np.float32)
        self._actions = np.zeros((capacity, segment_length, action_dim), np.float32)
        self._ids: list[str] = []
        self._next = 0

    def __len__(self) -> int:
        """Gives the number of segments held."""
        return len(self._ids)

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """The ids by position; a position changes its segment when the ring comes round."""
        return tuple(self._ids)

    def add(self, segment_id: str, observations: NDArray[np.float32], actions: NDArray[np.float32]) -> None:
        """Admits one segment.

        Args:
            segment_id: its name.
            observations: ``[L, O]`` float32, as seen before each action; copied.
            actions: ``[L, A]`` float32, as executed; copied.

        Raises:
            ValueError: an array has another shape.
        """
        for name, array, slots in (
            ("observations", observations, self._observations),
            ("actions", actions, self._actions),
        ):
            if array.shape != slots.shape[1:]:
                raise ValueError(f"{name} is {array.shape}, must be {slots.shape[1:]}")
        self._observations[self._next] = observations
        self._actions[self._next] = actions
        if len(self._ids) < len(self._observations):
            self._ids.append(segment_id)
        else:
            self._ids[self._next] = segment_id
        self._next = (self._next + 1) % len(self._observations)

    def take(
        self, positions: Sequence[int] | NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Gives copies of observations ``[n, L, O]`` and actions ``[n, L, A]`` at positions."""
        chosen = np.asarray(positions, dtype=np.int64)
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < len(self._ids):
            raise IndexError(f"positions {chosen.min()} to {chosen.max()} of {len(self._ids)}")
        return self._observations[chosen], self._actions[chosen]
