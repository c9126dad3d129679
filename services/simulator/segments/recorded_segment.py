"""A segment as the simulator holds it, with footage and true rewards, until it is asked for.

Shapes: T steps of a segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray
from somersault.domain.trajectory import Segment

__all__ = ["RecordedSegment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSegment:
    """A segment with what it takes to render it and to judge it by the true reward."""

    segment: Segment
    """What the agent and the reward model may see."""
    footage: Mapping[str, NDArray[Any]]
    """What its steps are rendered from, by name; see `services.simulator.environments.footage_layout`."""
    true_rewards: FloatArray
    """``[T]`` float32."""
    recent_return_mean: float
    """Mean true return of the newest segments when this one was cut."""
    recent_return_std: float
    """Their standard deviation: the scale on which a teacher calls two segments equal."""

    @property
    def num_bytes(self) -> int:
        """Size of its arrays."""
        arrays = (self.segment.observations, self.segment.actions, self.true_rewards, *self.footage.values())
        return sum(array.nbytes for array in arrays)

    @property
    def true_return(self) -> float:
        """Sum of the true rewards."""
        return float(self.true_rewards.sum(dtype=np.float64))
