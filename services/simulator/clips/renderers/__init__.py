"""What draws a stored segment again: one drawer for each kind of environment, opened in the clip worker."""

from services.simulator.clips.renderers.renderer import (
    OPENGL_BACKENDS,
    Drawer,
    Frame,
    backends_of,
    open_drawer,
)

__all__ = ["OPENGL_BACKENDS", "Drawer", "Frame", "backends_of", "open_drawer"]
