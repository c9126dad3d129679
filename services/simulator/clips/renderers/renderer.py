"""What every kind of environment's renderer offers.

Shapes: T steps of a segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray

__all__ = ["Frame", "Renderer"]

Frame = NDArray[np.uint8]
"""``[height, width, 3]`` uint8."""


class Renderer(Protocol):
    """Renders segments of one task; used from one thread only."""

    def render(
        self,
        footage: Mapping[str, NDArray[Any]],
        *,
        num_steps: int,
        num_still_steps: int = 0,
        predicted_rewards: FloatArray | None = None,
    ) -> Iterator[Frame]:
        """Yield the frames of a segment, all of one size.

        Args:
            footage: What its steps are rendered from; see `services.simulator.environments.batch.Footage`.
            num_steps: T.
            num_still_steps: How many of the last steps stand still because the episode had ended early; they
                are marked.
            predicted_rewards: ``[T]`` float32, shown as a bar; None for no bar.

        Raises:
            CorruptDataError: The arrays don't fit together.
        """
        ...

    def close(self) -> None:
        """Release what rendering needs."""
        ...
