"""What is played in, one kind for each kind of environment; it pays nothing.

Shapes: ``*frame`` the axes of a frame (`somersault.domain.arrays`).
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

__all__ = ["Frame", "World"]

Frame = NDArray[Any]
"""``[O]`` float32 or ``[H, W]`` uint8."""


class World(Protocol):
    """One environment of a task without its reward. Play in it goes on until it is begun anew."""

    @property
    def is_still(self) -> bool:
        """Whether the next step changes nothing, since the episode has ended early."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of this episode, its still moment included."""
        ...

    def begin(self, seed: int | None) -> Frame:
        """Begin an episode and return its first frame.

        Args:
            seed: begins anew as the first environment of a simulator does that has this seed; None goes on with
                the draws there are.
        """
        ...

    def step(self, action: NDArray[Any]) -> Frame:
        """Make a step and return the frame after it.

        Args:
            action: ``[A]`` float32 within -1 and 1, or ``[]`` or ``[D]`` int32.
        """
        ...

    def draw(self) -> NDArray[Any]:
        """Return a picture of the present moment, ``[height, width, 3]`` uint8."""
        ...

    def close(self) -> None:
        """End it."""
        ...
