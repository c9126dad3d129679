"""The options of ``somersault labelers``."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.invocation import own_command
from somersault.cli.options import values
from somersault.cli.run.names import find_folder
from somersault.domain.roles import Role
from somersault.errors import ConfigError
from somersault.formats.strict_json import dump_json

__all__ = ["labelers"]


def labelers(
    run: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="RUN",
            help="A run, by its folder or its name in runs/; it may be running.",
        ),
    ],
    *,
    invite: Annotated[
        str | None,
        typer.Option(
            parser=values.TEXT,
            metavar="NAME",
            help="Invite a person or a program. Its token is shown this once.",
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            parser=values.Choice([one.value for one in Role]),
            metavar="|".join(one.value for one in Role),
            help="What who is invited may do. (Default: labeler, which is to answer.)",
        ),
    ] = None,
    log_out: Annotated[
        str | None,
        typer.Option(
            parser=values.TEXT,
            metavar="LABELER",
            help="End all sessions of a member, by labeler_id or name, in whatever browser. The token stays good.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List who may label in a run, invite somebody to it, or log somebody out of every browser.

    The owner page does the same, and more: new tokens, revocation, weights.

    For example: somersault labelers runs/first --invite Ada
    """
    if invite is not None and log_out is not None:
        raise ConfigError("--invite and --log-out are two commands; give one of them")
    if role is not None and invite is None:
        raise ConfigError("--role belongs to --invite NAME")
    path = find_folder(run)
    if invite is not None:
        _invite(path, invite, role=Role(role or Role.LABELER), as_json=as_json)
    elif log_out is not None:
        _log_out(path, log_out, as_json=as_json)
    else:
        _list(path, as_json=as_json)


def _invite(path: Path, name: str, *, role: Role, as_json: bool) -> None:
    from somersault.cli.labels import people

    invited = people.invite(path, name, role=role)
    if as_json:
        typer.echo(dump_json(asdict(invited)))
        return
    typer.echo(f"{name} is invited as {role} ({invited.labeler_id}). This is shown only once:")
    if invited.address:
        typer.echo(f"  address: {invited.address}")
    typer.echo(f"  token: {invited.token}")
    if not invited.address and role in (Role.LABELER, Role.OWNER):
        typer.echo(f"No pages are served now: {own_command()} open {shlex.quote(str(path))}")


def _log_out(path: Path, who: str, *, as_json: bool) -> None:
    from somersault.cli.labels import people

    person = people.log_out(path, who)
    if as_json:
        typer.echo(dump_json(asdict(person)))
        return
    typer.echo(f"{person.name or person.labeler_id} is logged out of every browser; the token is still good")


def _list(path: Path, *, as_json: bool) -> None:
    from somersault.cli.labels import people

    found = people.list_people(path)
    if as_json:
        typer.echo(dump_json({"labelers": [asdict(one) for one in found]}))
        return
    rows = [("labeler_id", "role", "name")]
    rows += [
        (one.labeler_id, f"{one.role}{', revoked' if one.is_revoked else ''}", one.name) for one in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for labeler_id, role, name in rows:
        typer.echo(f"{labeler_id:<{widths[0]}}  {role:<{widths[1]}}  {name}")
