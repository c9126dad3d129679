"""``somersault version``."""

from __future__ import annotations

import importlib.metadata

import typer

__all__ = ["print_version", "version"]


def version() -> None:
    """Print the version."""
    typer.echo(f"somersault {importlib.metadata.version('somersault')}")


def print_version(is_asked: bool) -> None:  # noqa: FBT001 - typer calls it
    """Print the version and exit if ``--version`` is given."""
    if is_asked:
        version()
        raise typer.Exit
