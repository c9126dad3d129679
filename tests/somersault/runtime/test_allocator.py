"""Memory for large messages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes
from somersault.runtime.allocator import keep_freed_memory

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
        "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype, libc.malloc.restype = Info, ctypes.c_void_p

def mapped_by_a_block():
    before = libc.mallinfo2().hblkhd
    libc.malloc(ctypes.c_size_t(20 * 1024 * 1024))
    return libc.mallinfo2().hblkhd - before

print(mapped_by_a_block() > 0, keep_freed_memory(), mapped_by_a_block() > 0)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_a_block_of_megabytes_comes_from_memory_that_is_kept() -> None:
    """Mapped from the system by default, 20 MB come from the heap once it is set."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
