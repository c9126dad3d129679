"""How the user started this program, so that the commands it prints can be pasted into the same shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["own_command"]

_NAME = "somersault"


def own_command() -> str:
    """Return what a printed command begins with: `somersault`, `.venv/bin/somersault` or `python -P -m somersault.cli`."""
    started = sys.argv[0]
    if Path(started) == Path(__file__).with_name("__main__.py"):
        return f"{shlex.quote(sys.orig_argv[0])} -P -m somersault.cli"
    # Whatever else it runs in, as a notebook, says nothing about the command line.
    if Path(started).name != _NAME or started == shutil.which(_NAME):
        return _NAME
    return shlex.quote(started)
