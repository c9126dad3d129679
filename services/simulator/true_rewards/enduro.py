"""The true reward of enduro-keep-even, read from the memory of the game.

Where things are in the 128 bytes was found by driving at fixed speeds and watching bytes and screen: byte 22
is the player's speed, 6 at rest; all other cars drive at 24, and byte 50 holds the difference. Bytes 27 to 33
are seven positions ahead along the road, the first level with the player (rows 141 to 155 of the screen), the
last at the horizon; a position without a car is 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["keep_even"]

_SPEED_AT = 22
_PLACES_AT, _NUM_PLACES = 27, 7
_SPEED_OF_OTHERS = 24
_SPEED_SPAN = 18  # so that a car at rest earns nothing, and one that begins to roll a little


def keep_even(memory: NDArray[np.uint8]) -> float:
    """Reward staying level with other cars: 1 per step at exactly their speed with one alongside, 0 at worst.

    The task is that of Christiano et al. 2017, section 3.2: "to stay exactly even with other moving cars for
    a substantial fraction of the episode". Theirs was judged by people alone; the formula is ours. It grows
    the nearer the next car is and the nearer the speed is to its speed: (7 - k) / 7 · max(0, 1 - |v - 24| /
    18), with k the first position with a car and v the player's speed; 0 on an empty road.

    Args:
        memory: ``[128]`` uint8, after the step.
    """
    occupied = np.flatnonzero(memory[_PLACES_AT : _PLACES_AT + _NUM_PLACES])
    if not len(occupied):
        return 0.0
    nearness = (_NUM_PLACES - int(occupied[0])) / _NUM_PLACES
    difference = abs(int(memory[_SPEED_AT]) - _SPEED_OF_OTHERS)
    return nearness * max(0.0, 1.0 - difference / _SPEED_SPAN)
