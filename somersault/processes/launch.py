"""Becomes another program, one that ends when the process that started it ends, and that may be held to a seal.

Run as a script, ``python -IS launch.py PARENT_PID SEAL PROGRAM [ARGUMENT…]``, because code between fork and exec in a
process that has gRPC's threads may deadlock (``subprocess`` says so of ``preexec_fn``).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["launch_command"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h; kept across exec
_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def launch_command(program: list[str], *, seal: str = "") -> list[str]:
    """Return the command that starts a program which ends with this process.

    Args:
        program: The program and its arguments.
        seal: What of a run it may open, from `somersault.processes.seal.Seal.as_text`; "" for all.
    """
    return [sys.executable, "-IS", __file__, str(os.getpid()), seal, *program]


def main(arguments: list[str]) -> None:
    """Ask the kernel for SIGKILL when the parent dies, and become the program."""
    parent, seal, program = int(arguments[0]), arguments[1], arguments[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(1)
    if seal:
        _hold_to(seal)
    os.execv(program[0], program)  # noqa: S606 - a fixed list, no shell wanted


def _hold_to(text: str) -> None:
    """Hold this process to a seal; where that can't be done, say so as services tell their run's owner, and go on."""
    sys.path.append(_HOME)  # at the end: nothing in it hides a module of the standard library
    from somersault.processes import seal

    try:
        seal.apply(seal.Seal.of_text(text))
    except OSError as error:
        seal.say_open(error)


if __name__ == "__main__":
    main(sys.argv[1:])
