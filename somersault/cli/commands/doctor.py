"""The options of ``somersault doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from somersault.cli import doctor as doctor_checks
from somersault.cli.options import values
from somersault.formats.strict_json import dump_json

__all__ = ["doctor"]


def doctor(
    *,
    run_dir: Annotated[
        Path, typer.Option(parser=values.FILE, metavar="DIR", help="Folder in which runs will be kept.")
    ] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Say what this machine lacks and how to get it; exit code 1 if something required is missing."""
    findings = doctor_checks.examine(run_dir)
    if as_json:
        typer.echo(dump_json(doctor_checks.as_values(findings)))
    else:
        for finding in findings:
            typer.echo(doctor_checks.format_finding(finding))
    return 0 if doctor_checks.is_healthy(findings) else 1
