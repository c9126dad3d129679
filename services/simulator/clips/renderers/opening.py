"""Opens the renderer of a task.

Only rendering from physics states needs OpenGL. Games are replayed by their emulator, and other environments
left pictures behind; both work on machines without any OpenGL library.
"""

from __future__ import annotations

from services.simulator.clips.renderers.renderer import Renderer
from somersault.tasks import AtariEnvironment, GymnasiumEnvironment, Task

__all__ = ["OPENGL_BACKENDS", "backends_of", "open_renderer"]

OPENGL_BACKENDS = ("egl", "osmesa")
"""OpenGL libraries that work without a screen, the preferred one first."""

_NO_BACKENDS = ("none",)


def backends_of(task: Task) -> tuple[str, ...]:
    """Return what the task may be rendered with, the preferred one first; "none" if nothing is needed."""
    needs_opengl = not isinstance(task.environment, AtariEnvironment | GymnasiumEnvironment)
    return OPENGL_BACKENDS if needs_opengl else _NO_BACKENDS


def open_renderer(task: Task, *, backend: str, size_px: int = 0) -> Renderer:
    """Open the task's renderer with one of `backends_of`.

    Args:
        task: Whose segments are rendered.
        backend: What they are rendered with.
        size_px: Size of the frames, even: width and height of a body's, the height of a game's, the longer
            side of recorded pictures. 0 is the task's own, for which no recorded pixel is resampled.

    Raises:
        UnavailableError: The OpenGL library is missing or gives no context.
    """
    # An image of a simulator need not hold the libraries of the kinds that it doesn't simulate.
    if isinstance(task.environment, AtariEnvironment):
        from services.simulator.clips.renderers.atari import AtariRenderer

        return AtariRenderer(task, height_px=size_px)
    if isinstance(task.environment, GymnasiumEnvironment):
        from services.simulator.clips.renderers.gymnasium import GymnasiumRenderer

        return GymnasiumRenderer(task, size_px=size_px)
    from services.simulator.clips.renderers.mujoco.renderer import MujocoRenderer

    return MujocoRenderer(task, backend=backend, size_px=size_px or task.clip_size_px)
