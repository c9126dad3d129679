"""How a process gets and keeps memory for messages of megabytes.

By default glibc asks the system for each block of a few megabytes and gives it back when it is freed, so every rollout
of pictures is written into pages that the kernel must first find and clear, several times over: as arrays, as a
message, as bytes. Kept blocks cost that once. Measured with rollouts of 14.8 MB on one stream: twice the bytes a second
(docs/scaling.md).
"""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory"]

_MIB = 1024 * 1024

_SETTINGS = (
    (
        -3,
        32 * _MIB,
    ),  # M_MMAP_THRESHOLD: larger blocks go straight to the system and back; 32 MiB is its maximum
    (-1, 64 * _MIB),  # M_TRIM_THRESHOLD: so much freed memory at the end of the heap is kept
    (-2, 16 * _MIB),  # M_TOP_PAD: so much more than is needed is asked for at a time
)
"""Parameters of mallopt(3)."""


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep freed blocks; do nothing where the C library is another one.

    Done in the process itself rather than through the environment of its parent, so that it holds however a service is
    started. Call it early: it applies to blocks allocated from then on.

    Returns:
        Whether it was done.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS have no mallopt, Windows no such library
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _SETTINGS)
