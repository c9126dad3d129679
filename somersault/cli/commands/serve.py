"""The command line of ``somersault serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from somersault.cli.options import values
from somersault.cli.services import programs as serving

__all__ = ["CONTEXT_SETTINGS", "serve"]

CONTEXT_SETTINGS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],  # `somersault serve learner --help` is the learner's
}
"""How click reads its arguments."""


def serve(
    context: typer.Context,
    service: Annotated[
        str, typer.Argument(parser=values.Text(), help=f"One of {', '.join(serving.MODULES)}.")
    ] = "--help",
) -> None:
    """Run one service alone, with its own flags: `somersault serve learner --help`."""
    if service == "--help":
        typer.echo(
            f"Usage: somersault serve {'|'.join(serving.MODULES)} [FLAGS]\n\n"
            "Run one service alone. Its flags: somersault serve SERVICE --help"
        )
        return
    serving.serve(service, context.args)
