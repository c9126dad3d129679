"""What a true reward is computed from.

Shapes: leading axes are free; O observation, A action, S physics state: time, positions, velocities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from somersault.domain.arrays import DoubleArray, FloatArray

__all__ = ["Steps", "TrueReward"]


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of MuJoCo environments."""

    observations: FloatArray
    """``[..., O]`` float32, before each step."""
    actions: FloatArray
    """``[..., A]`` float32 from -1 to 1, as executed."""
    states: DoubleArray
    """``[..., S]`` float64, before each step."""
    next_states: DoubleArray
    """``[..., S]`` float64, after each step; after the last step of an episode, its final state."""

    @property
    def x_velocity(self) -> DoubleArray:
        """``[...]`` metres per second by which the first coordinate grew, computed as in Gymnasium."""
        distance = self.next_states[..., 1] - self.states[..., 1]
        velocity: DoubleArray = distance / (self.next_states[..., 0] - self.states[..., 0])
        return velocity


TrueReward = Callable[[Steps], FloatArray | DoubleArray]
"""A function from steps to their rewards ``[...]``."""
