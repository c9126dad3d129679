"""The options of ``somersault open``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.commands.runs import open_folder
from somersault.cli.options import sharing, values
from somersault.cli.pages.access import NOT_SHARED, ShareOptions
from somersault.cli.pages.open_run import OpenOptions, open_run
from somersault.cli.run.names import find_folder
from somersault.errors import ConfigError
from somersault.runs import find_runs

__all__ = ["open_pages"]


def open_pages(
    run: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="RUN",
            help="A run, by its folder or its name in runs/, or a folder of runs.",
        ),
    ],
    *,
    web_port: Annotated[
        int | None,
        typer.Option(
            parser=values.PORT,
            metavar="PORT",
            help="The pages' port. (Default: the last one if it is free, because browsers keep unsent answers by address.)",
        ),
    ] = None,
    share: sharing.Share = False,
    host: sharing.Host = None,
    public_url: sharing.PublicUrl = None,
    allowed_origins: sharing.AllowedOrigins = None,
    tls_certificate: sharing.TlsCertificate = None,
    tls_key: sharing.TlsKey = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the addresses as one JSON object to standard output, and everything else to standard error.",
        ),
    ] = False,
) -> int:
    """Serve the pages of a finished or stopped run until Ctrl-C.

    They show its curves, clips and answers, export them, and accept answers: those that still wait in a browser, and new
    ones to a stopped run's questions. Nothing is simulated or learned. For a folder of runs it serves the page that lists
    and compares them, as `somersault runs --open` does.
    """
    path = find_folder(run)
    sharing_options = ShareOptions(
        is_shared=share,
        host=host,
        public_url=public_url,
        allowed_origins=allowed_origins,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
    )
    if _holds_runs(path):
        if sharing_options != NOT_SHARED:
            raise ConfigError(
                f"{path} is a folder of runs, whose page is for this machine only; share a single run"
            )
        open_folder(path, web_port=web_port, as_json=as_json)
        return 0
    return open_run(OpenOptions(path=path, web_port=web_port, sharing=sharing_options, is_json=as_json))


def _holds_runs(path: Path) -> bool:
    """Return whether a folder holds runs rather than being one."""
    return path.is_dir() and not (path / "config.json").is_file() and bool(find_runs(path)[0])
