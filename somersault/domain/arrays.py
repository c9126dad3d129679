"""The arrays that rollouts, segments and scores are made of, by what they hold.

A *frame* is what an environment shows after a step: float32 ``[O]``; or a grey picture, uint8 ``[H, W]``; or C pictures of
one size at once, *planes*, or pictures together with V numbers, packed into one uint8 array (`somersault.domain.packing`).

An *observation* is the F newest frames of one environment, F being the task's ``num_frames``; of vectors F is 1, and frame
and observation are the same. Rollouts and segments hold each frame once: T observations are T + F - 1 consecutive frames,
and observation t is frames t … t + F - 1. Where an episode begins within them, frames of the one before stay in view for
F - 1 steps, for the simulator's policy, the learner and the reward model alike.

An *action* is float32 ``[A]``, each component executed within -1 and 1; or one int32 of ``num_actions``; or D choices
made at once, int32 ``[D]``, each of its own number of ``choice_sizes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ActionArray", "BoolArray", "DoubleArray", "FloatArray", "FrameArray", "find_not_finite"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
FrameArray = npt.NDArray[np.float32] | npt.NDArray[np.uint8]
ActionArray = npt.NDArray[np.float32] | npt.NDArray[np.int32]


def find_not_finite(arrays: Mapping[str, npt.NDArray[Any]]) -> str | None:
    """Return the name of the first array that holds a number that isn't finite, which would spoil all that comes of it; or None."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return name
    return None
