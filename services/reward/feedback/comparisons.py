"""The comparisons that the ensemble learns from, a bounded number of the newest.

Shapes: ``B`` comparisons, ``L`` steps of a segment, ``C`` steps of it, ``F`` frames an observation; ``*frame``,
``*observation`` and ``*action`` as in `somersault.domain.arrays`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.reward.segments.layout import SegmentLayout
from somersault.domain.arrays import ActionArray, FrameArray

__all__ = ["ComparisonBatch", "Comparisons"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonBatch:
    """Some of the comparisons held; valid until the next one is added."""

    rows: NDArray[np.int64]
    """``[B]``, where they are held."""
    mu: NDArray[np.float32]
    """``[B]``, weight of the preference on left: 1, 0 or ½."""
    weights: NDArray[np.float32]
    """``[B]``, how much each counts, more than 0; usually 1."""
    sequences: NDArray[np.int64]
    """``[B]``, the number of each comparison, counted from 0 in the order in which they were added."""


class Comparisons:
    """The newest comparisons: each new one replaces the oldest. One owner.

    Memory and the cost of a minibatch are the same whether 100 or 100,000 were ever added
    (Christiano et al. 2017, appendix A.2, keep the last 3,000).
    """

    def __init__(self, layout: SegmentLayout, *, capacity: int) -> None:
        """Reserve room for ``capacity`` comparisons; memory pages are touched only as they fill."""
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}, must be at least 1")
        self.layout = layout
        self._observations, self._actions = layout.reserve(capacity, 2)
        self._mu = np.zeros(capacity, np.float32)
        self._weights = np.zeros(capacity, np.float32)
        self._sequences = np.zeros(capacity, np.int64)
        self._is_excluded = np.zeros(capacity, np.bool_)
        self._num_added = 0

    def __len__(self) -> int:
        """Return the number of comparisons held."""
        return min(self._num_added, len(self._mu))

    @property
    def num_added(self) -> int:
        """Comparisons ever added, including those since discarded."""
        return self._num_added

    @property
    def num_left_out(self) -> int:
        """Comparisons held that are not learned from: their answer was retracted, or their weight is 0."""
        return len(self) - int(self._is_learned_from.sum())

    def add(self, observations: FrameArray, actions: ActionArray, *, mu: float, weight: float = 1.0) -> None:
        """Add one comparison.

        Args:
            observations: ``[2, L + F - 1, *frame]``, left and right; copied.
            actions: ``[2, L, *action]``, as executed; copied.
            mu: weight of the preference on left: 1 left, 0 right, ½ equal.
            weight: how much it counts; 0 leaves it out.

        Raises:
            ValueError: an array has another shape or type, ``mu`` is outside [0, 1], or ``weight`` is negative.
        """
        self.layout.check(observations, actions, leading=(2,))
        if not 0.0 <= mu <= 1.0:
            raise ValueError(f"mu is {mu}, must be in [0, 1]")
        _check_weight(weight)
        slot = self._num_added % len(self._mu)
        self._observations[slot] = observations
        self._actions[slot] = actions
        self._mu[slot] = mu
        self._weights[slot] = weight
        self._sequences[slot] = self._num_added
        self._is_excluded[slot] = False
        self._num_added += 1

    def revise(self, sequence: int, *, mu: float | None) -> None:
        """Change the preference of an earlier comparison; one that has been discarded stays discarded.

        Args:
            sequence: its number, counted from 0.
            mu: its new weight on left; None leaves it out from now on.
        """
        if self._holds(sequence):
            slot = sequence % len(self._mu)
            self._is_excluded[slot] = mu is None
            if mu is not None:
                self._mu[slot] = mu

    def reweigh(self, sequence: int, *, weight: float) -> bool:
        """Change how much an earlier comparison counts, and return whether that makes a difference to training.

        Args:
            sequence: its number, counted from 0.
            weight: its new weight; 0 leaves it out until the weight changes again.
        """
        _check_weight(weight)
        slot = sequence % len(self._mu)
        if not self._holds(sequence) or self._weights[slot] == np.float32(weight):
            return False
        self._weights[slot] = weight
        return not self._is_excluded[slot]

    def draw(self, generator: np.random.Generator, *, size: int) -> ComparisonBatch:
        """Draw comparisons with replacement, uniformly from those held that are not left out.

        Raises:
            ValueError: there is none.
        """
        held = np.flatnonzero(self._is_learned_from)
        if not len(held):
            raise ValueError("no comparison is held that is not left out")
        return self._rows(held[generator.integers(len(held), size=size)])

    def all(self) -> ComparisonBatch:
        """Return every comparison held that is not left out, oldest first."""
        held = np.flatnonzero(self._is_learned_from)
        return self._rows(held[np.argsort(self._sequences[held])])

    def take(self, rows: NDArray[np.int64], steps: NDArray[np.int64]) -> tuple[FrameArray, ActionArray]:
        """Return copies of some steps of some comparisons and of nothing else.

        Args:
            rows: ``[B]`` int64, where the comparisons are held.
            steps: ``[B, 2, C]`` int64, which steps of each side.

        Returns:
            Observations ``[B, 2, C, *observation]`` and actions ``[B, 2, C, *action]``.
        """
        places, sides = rows[:, None, None], np.arange(2)[None, :, None]
        actions = self._actions[places, sides, steps]
        if not self.layout.is_image:
            return self._observations[places, sides, steps], actions
        frames = steps[..., None] + np.arange(self.layout.num_frames)
        return self._observations[places[..., None], sides[..., None], frames], actions

    @property
    def _is_learned_from(self) -> NDArray[np.bool_]:
        """``[number held]``."""
        return ~self._is_excluded[: len(self)] & (self._weights[: len(self)] > 0)

    def _holds(self, sequence: int) -> bool:
        return sequence < self._num_added and bool(self._sequences[sequence % len(self._mu)] == sequence)

    def _rows(self, rows: NDArray[np.int64]) -> ComparisonBatch:
        return ComparisonBatch(
            rows=rows, mu=self._mu[rows], weights=self._weights[rows], sequences=self._sequences[rows]
        )


def _check_weight(weight: float) -> None:
    if not weight >= 0:
        raise ValueError(f"weight is {weight}, must be at least 0")
