"""Options that let people on other machines reach a run's pages."""

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
    "comma-separated origins", lambda text: ",".join(split_origins(text)), may_be_empty=True
)

Share = Annotated[
    bool,
    typer.Option(
        "--share",
        help="Let other machines reach the pages: --host 0.0.0.0, unless --host or --public-url says otherwise. See"
        " docs/labeling.md.",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        parser=_HOST,
        metavar="ADDRESS",
        help="Where the pages listen: a name, or an IPv4 or IPv6 address such as ::1. (Default: 127.0.0.1, this machine only.)",
    ),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        parser=_PUBLIC_URL,
        metavar="URL",
        help="The pages' URL for other people, such as https://labels.example; invitations use it."
        " (Default: this machine's address, if shared.)",
    ),
]
AllowedOrigins = Annotated[
    str | None,
    typer.Option(
        parser=_ORIGINS,
        metavar="ORIGINS",
        help="Origins of other front ends that may call the API, comma-separated. (Default: none.)",
    ),
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option(
        parser=values.FILE,
        metavar="FILE",
        help="Serve the pages over TLS with the certificate in this PEM file. (Default: unencrypted.)",
    ),
]
TlsKey = Annotated[
    Path | None,
    typer.Option(parser=values.FILE, metavar="FILE", help="PEM file of the certificate's private key."),
]
