"""The entry of the command ``somersault``: ends in order at signals before anything that takes time is imported."""

from __future__ import annotations

import sys

from somersault.cli.exits.early_signals import end_at_signals

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: What follows the command's name; None takes the process's own, and its signals.
    """
    if arguments is None:
        end_at_signals()
    from somersault.cli import command_line

    return command_line.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
