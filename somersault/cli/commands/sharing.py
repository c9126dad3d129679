"""The options by which a command lets people on other machines reach a run's pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AllowedOrigins", "Host", "PublicUrl", "Share", "TlsCertificate", "TlsKey"]

Share = Annotated[
    bool,
    typer.Option(
        "--share",
        help="Lets other machines reach the pages: --host 0.0.0.0, unless --host or --public-url says how they do."
        " docs/labeling.md says what else it takes.",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Where the pages listen. (Default: 127.0.0.1, this machine alone.)"),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where others reach the pages, https://labels.example for one; invitations lead there."
        " (Default: this machine's own address, where it is shared.)",
    ),
]
AllowedOrigins = Annotated[
    str | None,
    typer.Option(
        metavar="ORIGINS",
        help="Origins of other front ends whose pages may call the API, with commas between. (Default: none.)",
    ),
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Serves the pages over TLS by the certificate in this PEM file. (Default: unencrypted.)",
    ),
]
TlsKey = Annotated[
    Path | None, typer.Option(metavar="FILE", help="PEM file of the certificate's private key.")
]
