"""A clip as a file for clients that take paths alone."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["clip_file"]


@contextlib.contextmanager
def clip_file(clip: bytes, *, name: str) -> Iterator[Path]:
    """Give an mp4 as a file that is there as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="somersault-clip-") as folder:
        path = Path(folder) / f"{name.replace('/', '-')}.mp4"
        path.write_bytes(clip)
        yield path
