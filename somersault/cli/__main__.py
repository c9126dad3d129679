"""Entry point of the command ``somersault``. Signals end it cleanly even while its slow imports still run."""

from __future__ import annotations

import sys

from somersault.cli.exits.early_signals import end_at_signals
from somersault.processes.modules import begin_outside_working_folder
from somersault.processes.private_files import keep_private

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: What follows the command's name; None takes `sys.argv` and handles the process's signals.
    """
    if arguments is None:
        end_at_signals()
        keep_private()
    from somersault.cli import command_line

    return command_line.main(arguments)


if __name__ == "__main__":
    begin_outside_working_folder()
    sys.exit(main())
