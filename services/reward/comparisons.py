"""The answered queries the ensemble learns from, bounded.

Shapes: ``B`` comparisons, ``L`` steps of a segment, ``O`` observation length, ``A`` action length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonBatch:
    """Comparisons as arrays; axis 1 of the segments is the side: left 0, right 1."""

    observations: NDArray[np.float32]
    """``[B, 2, L, O]``, as seen before each action."""
    actions: NDArray[np.float32]
    """``[B, 2, L, A]``, as executed."""
    mu: NDArray[np.float32]
    """``[B]``, weight of the preference on left: 1, 0 or ½."""
    sequences: NDArray[np.int64]
    """``[B]``, the how-manieth comparison each is, from 0."""


class Comparisons:
    """The newest comparisons: each new one takes the place of the oldest. One owner.

    Memory and the cost of a minibatch are the same whether 100 or 100,000 were ever added
    (Christiano et al. 2017, appendix A.2, keep the last 3,000).
    """

    def __init__(self, *, capacity: int, segment_length: int, observation_dim: int, action_dim: int) -> None:
        """Reserves room for ``capacity`` comparisons; pages are touched only as they fill."""
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}, must be at least 1")
        self._observations = np.zeros((capacity, 2, segment_length, observation_dim), np.float32)
        self._actions = np.zeros((capacity, 2, segment_length, action_dim), np.float32)
        self._mu = np.zeros(capacity, np.float32)
        self._sequences = np.zeros(capacity, np.int64)
        self._is_excluded = np.zeros(capacity, np.bool_)
        self._num_added = 0

    def __len__(self) -> int:
        """Gives the number of comparisons held."""
        return min(self._num_added, len(self._mu))

    @property
    def num_added(self) -> int:
        """Comparisons ever added, those since forgotten included."""
        return self._num_added

    def add(self, observations: NDArray[np.float32], actions: NDArray[np.float32], *, mu: float) -> None:
        """Adds one comparison.

        Args:
            observations: ``[2, L, O]`` float32; copied.
            actions: ``[2, L, A]`` float32, as executed; copied.
            mu: weight of the preference on left: 1 left, 0 right, ½ equal.

        Raises:
            ValueError: an array has another shape, or ``mu`` is outside [0, 1].
        """
        if observations.shape != self._observations.shape[1:]:
            raise ValueError(f"observations is {observations.shape}, must be {self._observations.shape[1:]}")
        if actions.shape != self._actions.shape[1:]:
            raise ValueError(f"actions is {actions.shape}, must be {self._actions.shape[1:]}")
        if not 0.0 <= mu <= 1.0:
            raise ValueError(f"mu is {mu}, must be in [0, 1]")
        slot = self._num_added % len(self._mu)
        self._observations[slot] = observations
        self._actions[slot] = actions
        self._mu[slot] = mu
        self._sequences[slot] = self._num_added
        self._is_excluded[slot] = False
        self._num_added += 1

    def revise(self, sequence: int, *, mu: float | None) -> None:
        """Changes the preference of an earlier comparison; one that was forgotten since stays so.

        Args:
            sequence: the how-manieth comparison it was, from 0.
            mu: its new weight on left; None leaves it out from now on.
        """
        slot = sequence % len(self._mu)
        if sequence >= self._num_added or self._sequences[slot] != sequence:
            return
        self._is_excluded[slot] = mu is None
        if mu is not None:
            self._mu[slot] = mu

    def draw(self, generator: np.random.Generator, *, size: int) -> ComparisonBatch:
        """Draws comparisons with replacement, uniformly over those held.

        Raises:
            ValueError: none is held.
        """
        held = np.flatnonzero(~self._is_excluded[: len(self)])
        if not len(held):
            raise ValueError("no comparison is held")
        return self._rows(held[generator.integers(len(held), size=size)])

    def all(self) -> ComparisonBatch:
        """Gives every comparison held, copied, oldest first."""
        return self._rows(np.argsort(self._sequences[: len(self)]))

    def _rows(self, rows: NDArray[np.int64]) -> ComparisonBatch:
        return ComparisonBatch(
            observations=self._observations[rows],
            actions=self._actions[rows],
            mu=self._mu[rows],
            sequences=self._sequences[rows],
        )
