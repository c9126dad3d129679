"""Runs our own modules in processes of their own, without the working folder among the places of modules.

`python -m` looks into the working folder first: a ``grpc.py`` or a ``services`` there would run in place of the real one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["begin_outside_working_folder", "module_command"]

_HOME = Path(__file__).resolve().parents[2]
"""The folder that holds this package: where it is installed, or a clone of the repository."""


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our modules, whatever lies in the working folder.

    What such a process starts by ``multiprocessing`` takes ``-P`` over.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def begin_outside_working_folder() -> None:
    """Begin this process again with ``-P`` if it was started as ``python -m MODULE`` without.

    Must come before all imports but the standard library's. It can't help if the working folder holds a package of our own
    name, which is then what runs. Whoever runs a clone of the repository from within trusts that folder.
    """
    first = sys.path[0] if sys.path else ""
    is_elsewhere = first in ("", str(Path.cwd())) and Path(first).resolve() != _HOME
    if is_elsewhere and not sys.flags.safe_path:
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])  # noqa: S606 - no shell wanted
