"""Opens OpenGL without a screen, by either of two libraries."""

from __future__ import annotations

import importlib
from typing import Protocol

from somersault.errors import UnavailableError

__all__ = ["Context", "open_context"]


class Context(Protocol):
    """Names what both libraries' contexts can do."""

    def make_current(self) -> None:
        """Binds it to the calling thread."""
        ...

    def free(self) -> None:
        """Gives it back."""
        ...


def open_context(backend: str, size_px: int) -> Context:
    """Opens a context of one library, which a process can't change afterwards.

    Raises:
        UnavailableError: The library is missing or gives no context.
    """
    try:
        module = importlib.import_module(f"mujoco.{backend}")
        context: Context = module.GLContext(size_px, size_px)
    except Exception as err:
        # The libraries' bindings fail in every way there is: ImportError, AttributeError, their own.
        raise UnavailableError(f"OpenGL by {backend} is not to be had: {err}") from err
    return context
