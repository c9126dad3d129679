"""A clip as a temporary file, for clients that accept only paths."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["clip_file"]


@contextlib.contextmanager
def clip_file(clip: bytes, *, name: str) -> Iterator[Path]:
    """Yield the path of an mp4 that exists as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="somersault-clip-") as folder:
        path = Path(folder) / f"{name.replace('/', '-')}.mp4"
        path.write_bytes(clip)
        yield path
