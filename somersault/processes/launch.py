"""Becomes another program, one that ends when the process that started it ends.

Run as a script, ``python -IS launch.py PARENT_PID PROGRAM [ARGUMENT…]``, because code between fork and exec in a
process that has gRPC's threads may deadlock (``subprocess`` says so of ``preexec_fn``).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["launch_command"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h; kept across exec


def launch_command(program: list[str]) -> list[str]:
    """Return the command that starts a program which ends with this process."""
    return [sys.executable, "-IS", __file__, str(os.getpid()), *program]


def main(arguments: list[str]) -> None:
    """Ask the kernel for SIGKILL when the parent dies, and become the program."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - a fixed list, no shell wanted


if __name__ == "__main__":
    main(sys.argv[1:])
