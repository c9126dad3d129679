"""Counts backflips from the path of the torso.

A *flip* is one net backward turn of the torso since its episode began, fractions included. The k-th *landed
flip* is a whole turn that ended upright and off the ground: at some step the net backward rotation was within
30° of k turns while the torso's centre was at least 0.7 m high. Each k counts once an episode, so swaying to
and fro adds nothing, and rolling along the floor, where the centre stays low, adds flips but no landed ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LANDED_HEIGHT_M", "UPRIGHT_RAD", "count_flips", "count_landed_flips"]

LANDED_HEIGHT_M = 0.7  # below it Gymnasium's Hopper-v5 counts as fallen
UPRIGHT_RAD = np.pi / 6


def count_flips(angles: NDArray[np.floating]) -> float:
    """Return the net backward turns over an episode; negative if it turned forwards.

    Args:
        angles: ``[T]`` radians, not wrapped, growing as the torso leans forwards.
    """
    return float(angles[0] - angles[-1]) / (2.0 * np.pi)


def count_landed_flips(angles: NDArray[np.floating], heights: NDArray[np.floating]) -> int:
    """Return how many whole backward turns ended upright and off the ground.

    Args:
        angles: ``[T]`` radians, as for `count_flips`.
        heights: ``[T]`` metres of the torso's centre above the floor.
    """
    rotations = angles[0] - angles
    turns = np.rint(rotations / (2.0 * np.pi))
    is_upright = np.abs(rotations - turns * 2.0 * np.pi) <= UPRIGHT_RAD
    is_landed = is_upright & (turns >= 1) & (heights >= LANDED_HEIGHT_M)
    return len(np.unique(turns[is_landed]))
