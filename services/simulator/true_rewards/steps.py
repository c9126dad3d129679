"""What a hidden reward is worked out from.

Shapes: leading axes are free; O observation, A action, S physics state: time, positions, velocities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from somersault.domain.arrays import DoubleArray, FloatArray

__all__ = ["Steps", "TrueReward"]


@dataclass(frozen=True, slots=True)
class Steps:
    """Holds steps of MuJoCo environments."""

    observations: FloatArray
    """``[..., O]`` float32, before each step."""
    actions: FloatArray
    """``[..., A]`` float32, as executed: within -1 and 1."""
    states: DoubleArray
    """``[..., S]`` float64, before each step."""
    next_states: DoubleArray
    """``[..., S]`` float64, after each step; of the last step of an episode, its end."""

    @property
    def x_velocity(self) -> DoubleArray:
        """``[...]`` metres a second by which the first coordinate grew, as Gymnasium works it out."""
        way = self.next_states[..., 1] - self.states[..., 1]
        velocity: DoubleArray = way / (self.next_states[..., 0] - self.states[..., 0])
        return velocity


TrueReward = Callable[[Steps], FloatArray | DoubleArray]
"""Gives the ``[...]`` rewards of steps."""
