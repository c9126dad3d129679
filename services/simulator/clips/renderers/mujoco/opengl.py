"""Opens OpenGL without a screen, by either of two libraries."""

from __future__ import annotations

import importlib
from typing import Protocol

from somersault.errors import UnavailableError

__all__ = ["Context", "open_context"]


class Context(Protocol):
    """What the contexts of both libraries offer."""

    def make_current(self) -> None:
        """Bind it to the calling thread."""
        ...

    def free(self) -> None:
        """Release it."""
        ...


def open_context(backend: str, size_px: int) -> Context:
    """Open a context of one library; a process can't change libraries afterwards.

    Raises:
        UnavailableError: The library is missing or gives no context.
    """
    try:
        module = importlib.import_module(f"mujoco.{backend}")
        context: Context = module.GLContext(size_px, size_px)
    except Exception as err:
        # The libraries' bindings raise all sorts of errors: ImportError, AttributeError, their own.
        raise UnavailableError(f"OpenGL by {backend} is not available: {err}") from err
    return context
