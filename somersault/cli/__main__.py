"""The command ``somersault``: which subcommands there are, and how errors are said.

somersault train hopper-backflip --teacher oracle
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from somersault.cli import compliance
from somersault.cli.commands.doctor import doctor
from somersault.cli.commands.eval import evaluate
from somersault.cli.commands.export import export
from somersault.cli.commands.open import open_pages
from somersault.cli.commands.plot import compare, plot
from somersault.cli.commands.render import render
from somersault.cli.commands.runs import runs
from somersault.cli.commands.serve import CONTEXT_SETTINGS, serve
from somersault.cli.commands.tasks import tasks
from somersault.cli.commands.train import train
from somersault.cli.commands.version import print_version, version
from somersault.cli.train import INTERRUPTED
from somersault.errors import InvalidInputError, SomersaultError
from somersault.strict_json import dump_json

__all__ = ["main"]

_USAGE_ERROR = 2
_LONGEST_SUMMARY = 200  # characters

# The base of what typer says about wrong options. Older versions take it from click, newer ones bring it along.
_UsageError: Any = typer.BadParameter.__base__


class _Commands(TyperGroup):
    """Lists the commands with the whole first sentence of each; click cuts it off."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [
            (name, command.get_short_help_str(_LONGEST_SUMMARY))
            for name, command in self.commands.items()
            if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = typer.Typer(
    name="somersault",
    help="Teaches agents from human judgement: compare two clips, a reward model learns what you meant, an agent"
    " learns to do it.\n\nBegin with: somersault train hopper-backflip --teacher oracle",
    cls=_Commands,
    add_completion=False,
    rich_markup_mode=None,  # it takes 'somersault[plot]' for markup, and the extra is gone
    pretty_exceptions_enable=False,
)


@app.callback()
def _choose(
    *,
    _is_version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Prints the version.")
    ] = False,
) -> None:
    """Take what stands before the command."""


app.command()(train)
app.command("open")(open_pages)
app.command(context_settings=CONTEXT_SETTINGS)(serve)
app.command()(tasks)
app.command("eval")(evaluate)
app.command()(render)
app.command()(export)
app.command()(plot)
app.command()(compare)
app.command()(runs)
app.command()(doctor)
app.add_typer(compliance.app, name="compliance")
app.command()(version)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and gives the exit code. What is wrong is one line on standard error."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        result = app(args=arguments, prog_name="somersault", standalone_mode=False)
    except _UsageError as error:
        return _fail(f"{error.format_message()} (somersault --help)", arguments, code=_USAGE_ERROR)
    except InvalidInputError as error:
        return _fail(str(error), arguments, code=_USAGE_ERROR)
    except SomersaultError as error:
        return _fail(str(error), arguments, code=1)
    except KeyboardInterrupt:
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def _fail(message: str, arguments: list[str], *, code: int) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"somersault: error: {line}\n")
    if "--json" in arguments:  # even now the last line on standard output is one JSON object
        sys.stdout.write(dump_json({"error": line}) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
