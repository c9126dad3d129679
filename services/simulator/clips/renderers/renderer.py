"""Chooses the drawer of a task.

Only drawing from physics states needs OpenGL. Games are replayed by their emulator, and other environments left
pictures behind: those are drawn on machines without any OpenGL library.

Shapes: T steps of a segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray
from somersault.tasks import AtariEnvironment, GymnasiumEnvironment, Task

__all__ = ["OPENGL_BACKENDS", "Drawer", "Frame", "backends_of", "open_drawer"]

OPENGL_BACKENDS = ("egl", "osmesa")
"""OpenGL libraries that work without a screen, the preferred one first."""

_NO_BACKENDS = ("none",)

Frame = NDArray[np.uint8]
"""``[height, width, 3]`` uint8."""


class Drawer(Protocol):
    """Draws segments of one task; used from one thread only."""

    def draw(
        self,
        footage: Mapping[str, NDArray[Any]],
        *,
        num_steps: int,
        num_still_steps: int = 0,
        predicted_rewards: FloatArray | None = None,
    ) -> Iterator[Frame]:
        """Gives the frames of a segment, all of one size.

        Args:
            footage: What shows its steps again; see `services.simulator.environments.batch.Footage`.
            num_steps: T.
            num_still_steps: How many of the last steps stand still since the episode had ended early: they are marked.
            predicted_rewards: ``[T]`` float32, drawn as a bar; None for no bar.

        Raises:
            CorruptDataError: The arrays do not fit together.
        """
        ...

    def close(self) -> None:
        """Gives back what drawing needs."""
        ...


def backends_of(task: Task) -> tuple[str, ...]:
    """Gives what the task's drawer may draw with, the preferred one first; "none" where nothing is needed."""
    is_flat = isinstance(task.environment, AtariEnvironment | GymnasiumEnvironment)
    return _NO_BACKENDS if is_flat else OPENGL_BACKENDS


def open_drawer(task: Task, *, backend: str, size_px: int = 0) -> Drawer:
    """Open the task's drawer with one of `backends_of`.

    Args:
        task: Whose segments are drawn.
        backend: What it draws with.
        size_px: Size of the frames: of bodies width and height, of games the height, of recorded pictures the longer
            side; even. 0 is the task's own, for which no recorded pixel is resampled.

    Raises:
        UnavailableError: The OpenGL library is missing or gives no context.
    """
    # An image of a simulator need not hold the libraries of the kinds that it does not play.
    if isinstance(task.environment, AtariEnvironment):
        from services.simulator.clips.renderers.atari import AtariDrawer

        return AtariDrawer(task, height_px=size_px)
    if isinstance(task.environment, GymnasiumEnvironment):
        from services.simulator.clips.renderers.gymnasium import PictureDrawer

        return PictureDrawer(task, size_px=size_px)
    from services.simulator.clips.renderers.mujoco.renderer import MujocoDrawer

    return MujocoDrawer(task, backend=backend, size_px=size_px or task.clip_size_px)
