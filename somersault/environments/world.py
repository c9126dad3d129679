"""One environment of a task without its reward: what a `TaskEnvironment` wraps, for each kind of environment.

Shapes: ``*frame`` the axes of a frame (`somersault.domain.arrays`).
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

__all__ = ["Frame", "World"]

Frame = NDArray[Any]
"""``[O]`` float32 or ``[H, W]`` uint8."""


class World(Protocol):
    """One environment of a task without its reward. It plays on until it is begun anew."""

    @property
    def is_still(self) -> bool:
        """Whether the next step changes nothing because the episode has ended early."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the episode is over, including its still moment."""
        ...

    def begin(self, seed: int | None) -> Frame:
        """Begin an episode and return its first frame.

        Args:
            seed: Begins as the first environment of a simulator with this seed does; None continues with the
                current random numbers.
        """
        ...

    def step(self, action: NDArray[Any]) -> Frame:
        """Make a step and return the frame after it.

        Args:
            action: ``[A]`` float32 from -1 to 1, or ``[]`` or ``[D]`` int32.
        """
        ...

    def render(self) -> NDArray[Any]:
        """Return a picture of the current moment, ``[height, width, 3]`` uint8."""
        ...

    def close(self) -> None:
        """Close the environment."""
        ...
