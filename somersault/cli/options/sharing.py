"""The options by which a command lets people on other machines reach a run's pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.options import values
from somersault.cli.pages.access import check_origin, split_origins
from somersault.runtime.addresses import check_host

__all__ = ["AllowedOrigins", "Host", "PublicUrl", "Share", "TlsCertificate", "TlsKey"]

_HOST = values.Parsed(
    "a host name, an IPv4 address or an IPv6 address such as ::1", lambda text: check_host("--host", text)
)
_PUBLIC_URL = values.Parsed("a URL", lambda text: check_origin("--public-url", text), may_be_empty=True)
_ORIGINS = values.Parsed(
    "origins with commas between", lambda text: ",".join(split_origins(text)), may_be_empty=True
)

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
    typer.Option(
        parser=_HOST,
        metavar="ADDRESS",
        help="Where the pages listen: a name, or an IPv4 or IPv6 address such as ::1. (Default: 127.0.0.1, this machine alone.)",
    ),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        parser=_PUBLIC_URL,
        metavar="URL",
        help="Where others reach the pages, https://labels.example for one; invitations lead there."
        " (Default: this machine's own address, where it is shared.)",
    ),
]
AllowedOrigins = Annotated[
    str | None,
    typer.Option(
        parser=_ORIGINS,
        metavar="ORIGINS",
        help="Origins of other front ends whose pages may call the API, with commas between. (Default: none.)",
    ),
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option(
        parser=values.FILE,
        metavar="FILE",
        help="Serves the pages over TLS by the certificate in this PEM file. (Default: unencrypted.)",
    ),
]
TlsKey = Annotated[
    Path | None,
    typer.Option(parser=values.FILE, metavar="FILE", help="PEM file of the certificate's private key."),
]
