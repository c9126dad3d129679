"""Heights of the joints of planar legs, computed from a state.

Shapes: leading axes are free; S physics state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from somersault.domain.arrays import DoubleArray

__all__ = ["CHEETAH_FRONT_LEG", "WALKER_LEFT_LEG", "WALKER_RIGHT_LEG", "PlanarLeg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanarLeg:
    """The geometry of a planar body's leg; lengths in metres, at rest, forwards and up."""

    base_height: float
    """Height of the torso when the state's height is 0."""
    hip: tuple[float, float]
    """From the torso's centre to the hip."""
    bones: tuple[tuple[float, float], ...]
    """From hip to knee, from knee to ankle, from ankle to toe."""
    first_angle_at: int
    """Index of the hip's angle in a state; knee and ankle follow."""
    sign: float
    """1 if angles grow as the torso's pitch does, else -1."""
    radius: float
    """Radius of the flesh around the bones where it is thinnest."""

    def heights(self, states: DoubleArray) -> DoubleArray:
        """Return how far ``[..., 3]`` the flesh at knee, ankle and toe is above the floor, for states ``[..., S]``."""
        angle = states[..., 3]
        height = self.base_height + states[..., 2] + _rise(self.hip, angle) - self.radius
        heights = []
        for index, bone in enumerate(self.bones):
            angle = angle + self.sign * states[..., self.first_angle_at + index]
            height = height + _rise(bone, angle)
            heights.append(height)
        return np.stack(heights, axis=-1)


def _rise(vector: tuple[float, float], pitch: DoubleArray) -> DoubleArray:
    """Return how far up a vector, forwards and up, leads once it is pitched forwards."""
    forwards, up = vector
    rise: DoubleArray = up * np.cos(pitch) - forwards * np.sin(pitch)
    return rise


CHEETAH_FRONT_LEG = PlanarLeg(
    base_height=0.7,
    hip=(0.5, 0.0),
    # The last: from the ankle to the far end of the foot's capsule, 0.07 from its centre at -0.6 rad.
    bones=((-0.14, -0.24), (0.13, -0.18), (0.045 + 0.07 * np.sin(0.6), -0.07 - 0.07 * np.cos(0.6))),
    first_angle_at=7,
    sign=1.0,
    radius=0.046,
)


def _walker_leg(first_angle_at: int) -> PlanarLeg:
    return PlanarLeg(
        base_height=0.0,
        hip=(0.0, -0.2),
        bones=((0.0, -0.45), (0.0, -0.5), (0.2, 0.0)),
        first_angle_at=first_angle_at,
        sign=-1.0,
        radius=0.06,
    )


WALKER_RIGHT_LEG = _walker_leg(4)
WALKER_LEFT_LEG = _walker_leg(7)
