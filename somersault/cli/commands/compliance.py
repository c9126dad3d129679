"""``somersault compliance``: checks that third parties run against their own labeler or front end."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.options import values
from somersault.cli.pages.access import split_origins
from somersault.domain.bounds import MAX_PORT, MAX_SECONDS
from somersault.errors import InvalidInputError
from somersault.formats.strict_json import dump_json
from somersault.runtime.addresses import check_address
from somersault.runtime.config import environment

__all__ = ["app"]

_TOKEN_VARIABLE = "SOMERSAULT_OWNER_TOKEN"  # noqa: S105 - a name, no token

_ADDRESS = values.Parsed("host:port", lambda text: check_address("--address", text))
_PORT = values.WholeNumber(least=0, most=MAX_PORT)
_ORIGINS = values.Parsed(
    "comma-separated origins", lambda text: ",".join(split_origins(text)), may_be_empty=True
)
_TIME_LIMIT = values.RealNumber(least=1, most=MAX_SECONDS)

app = typer.Typer(
    help="Check whether a labeler or a front end keeps the promises of somersault.v1.", no_args_is_help=True
)


@app.command()
def server(
    *,
    address: Annotated[
        str, typer.Option(parser=_ADDRESS, metavar="HOST:PORT", help="The labeler's gRPC port.")
    ],
    owner_token: Annotated[
        str | None,
        typer.Option(
            parser=values.TEXT,
            metavar="TOKEN",
            help=f"A token of role owner. Other users can list a process's flags, so {_TOKEN_VARIABLE} is the safer place.",
        ),
    ] = None,
    only: Annotated[
        str,
        typer.Option(
            parser=values.Text(least=0), metavar="WORDS", help="Run only the checks whose names contain this."
        ),
    ] = "",
    authorities: Annotated[
        Path | None,
        typer.Option(
            "--ca",
            parser=values.FILE,
            metavar="FILE",
            help="Authorities of the labeler's certificate, if the port is encrypted (a public_port).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per check.")] = False,
) -> int:
    """Check a labeler: leases, answers, the log, roles, bad input. Exit code 1 if a check fails.

    Creates runs named compliance-…, which stay, and labelers whose tokens it revokes at the end. Use a labeler with a
    database of its own.
    """
    from somersault.compliance import check_server

    token = owner_token or environment(_TOKEN_VARIABLE)
    if not token:
        raise InvalidInputError(f"--owner-token is missing; it can also be in {_TOKEN_VARIABLE}")
    check = check_server(address, owner_token=token, only=only, authorities=authorities)
    return _tell(asyncio.run(check), as_json=as_json)


@app.command(context_settings={"allow_interspersed_args": False})
def client(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            parser=values.Text(least=0),
            metavar="[-- COMMAND…]",
            help="Command that starts the front end; {address}, {gateway}, {token} and {run_id} are filled in.",
        ),
    ] = None,
    *,
    port: Annotated[
        int, typer.Option(parser=_PORT, metavar="PORT", help="The labeler's gRPC port; 0 takes a free one.")
    ] = 0,
    gateway_port: Annotated[
        int, typer.Option(parser=_PORT, metavar="PORT", help="The gateway's HTTP port; 0 takes a free one.")
    ] = 0,
    allowed_origins: Annotated[
        str,
        typer.Option(
            parser=_ORIGINS,
            metavar="ORIGINS",
            help="Origins whose pages may call the gateway, comma-separated.",
        ),
    ] = "",
    time_limit_s: Annotated[
        float, typer.Option(parser=_TIME_LIMIT, metavar="S", help="Seconds after which it stops waiting.")
    ] = 900.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per check.")] = False,
) -> int:
    """Check a front end: serve it a labeler with twelve pairs, fail a few calls on purpose, and judge what it does.

    Answer all pairs with the front end, and undo and skip once if it can. Exit code 1 if a check fails.
    """
    from somersault.compliance import ClientOptions, check_client
    from somersault.compliance.client import Place
    from somersault.runtime import telemetry

    def tell_place(place: Place) -> None:
        for name, value in dataclasses.asdict(place).items():
            typer.echo(f"{name:<8} {value}", err=True)
        typer.echo("Answer every pair that comes. Some calls fail on purpose.", err=True)

    telemetry.set_up_logging(service="compliance", level="warning")
    options = ClientOptions(
        port=port, gateway_port=gateway_port, allowed_origins=allowed_origins, time_limit_s=time_limit_s
    )
    outcomes = asyncio.run(
        check_client(
            options,
            on_place=tell_place,
            command=command or (),
            on_end=lambda sentence: typer.echo(sentence, err=True),
        )
    )
    return _tell(outcomes, as_json=as_json)


def _tell(outcomes: list, *, as_json: bool) -> int:  # type: ignore[type-arg]  # Outcome, which is imported late
    from somersault.compliance.checks import Verdict, format_outcomes

    if as_json:
        for outcome in outcomes:
            typer.echo(dump_json(dataclasses.asdict(outcome)))
    else:
        typer.echo(format_outcomes(outcomes))
    return int(any(outcome.verdict is Verdict.FAILED for outcome in outcomes))
