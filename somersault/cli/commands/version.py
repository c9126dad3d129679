"""``somersault version``."""

from __future__ import annotations

import importlib.metadata

import typer

__all__ = ["version"]


def version() -> None:
    """Prints the version."""
    typer.echo(f"somersault {importlib.metadata.version('somersault')}")
