"""The newest segments, a bounded number of them: queries are chosen from these.

Which of them gives way to a new one is decided in `holdings`.

Shapes: ``L`` steps of a segment, ``F`` frames an observation; ``*frame`` and ``*action`` as in `somersault.domain.arrays`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.reward.segments.layout import SegmentLayout
from somersault.domain.arrays import ActionArray, FrameArray

__all__ = ["SegmentPool"]


class SegmentPool:
    """A bounded number of segments, each of which keeps its index until it is replaced. One owner."""

    def __init__(self, layout: SegmentLayout, *, capacity: int) -> None:
        """Reserve room for ``capacity`` segments; no more is ever needed."""
        if capacity < 2:
            raise ValueError(f"capacity is {capacity}, must be at least 2: a query shows two")
        self._layout = layout
        self._capacity = capacity
        self._observations, self._actions = layout.reserve(capacity)
        self._ids: list[str] = []
        self._indices: dict[str, int] = {}
        """By id, in the order of arrival."""

    def __len__(self) -> int:
        """Return the number of segments held."""
        return len(self._ids)

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """The ids by index."""
        return tuple(self._ids)

    def newest_indices(self, count: int) -> NDArray[np.int64]:
        """Return the indices of the newest segments, at most ``count``, the newest first."""
        newest = itertools.islice(reversed(self._indices.values()), count)
        return np.fromiter(newest, dtype=np.int64)

    def add(
        self,
        segment_id: str,
        observations: FrameArray,
        actions: ActionArray,
        *,
        replaced: str | None = None,
    ) -> None:
        """Admit one segment.

        Args:
            segment_id: its name.
            observations: ``[L + F - 1, *frame]``, the newest before each action last; copied.
            actions: ``[L, *action]``, as executed; copied.
            replaced: which one it replaces in a full pool; the oldest if None.

        Raises:
            ValueError: an array has another shape or type.
        """
        self._layout.check(observations, actions)
        index = self._free_index(replaced)
        self._observations[index] = observations
        self._actions[index] = actions
        self._ids[index] = segment_id
        self._indices[segment_id] = index

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

    def _free_index(self, replaced: str | None) -> int:
        if len(self._ids) < self._capacity:
            self._ids.append("")
            return len(self._ids) - 1
        return self._indices.pop(next(iter(self._indices)) if replaced is None else replaced)
