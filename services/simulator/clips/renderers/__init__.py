"""Turn a stored segment into pictures again: one renderer for each kind of environment."""

from services.simulator.clips.renderers.opening import OPENGL_BACKENDS, backends_of, open_renderer
from services.simulator.clips.renderers.renderer import Frame, Renderer

__all__ = ["OPENGL_BACKENDS", "Frame", "Renderer", "backends_of", "open_renderer"]
