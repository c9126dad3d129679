"""Who can reach a run's pages and at which URL: this machine only, or others too."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from somersault.cli.run.config import RunConfig
from somersault.cli.services.ports import LOOPBACK
from somersault.errors import ConfigError, InvalidInputError

__all__ = [
    "ANY_HOST",
    "NOT_SHARED",
    "ShareOptions",
    "check_origin",
    "clear_text_warning",
    "is_shared",
    "settings_of_sharing",
    "split_origins",
    "web_url",
]

ANY_HOST = "0.0.0.0"  # noqa: S104 - served to others only where --share or --host says so

_NOWHERE = ("192.0.2.1", 9)  # RFC 5737: leads nowhere; nothing is sent to it


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOptions:
    """Command-line options about how others reach the pages; None if not given."""

    is_shared: bool = False
    host: str | None = None
    public_url: str | None = None
    allowed_origins: str | None = None
    """Comma-separated."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None


NOT_SHARED = ShareOptions()
"""No option was given."""


def settings_of_sharing(options: ShareOptions) -> dict[str, Any]:
    """Return the run settings that the options change.

    Raises:
        SomersaultError: an option can't be used, or one that it needs is missing.
    """
    host = options.host
    if options.is_shared and host is None and options.public_url is None:
        host = ANY_HOST
    has_tls = options.tls_certificate is not None
    if has_tls != (options.tls_key is not None):
        raise ConfigError("--tls-certificate and --tls-key belong together; give both or neither")
    if options.public_url:
        check_origin("--public-url", options.public_url)
        if has_tls and not options.public_url.startswith("https:"):
            raise ConfigError("--public-url must begin with https: where --tls-certificate is given")
    origins = options.allowed_origins
    given = {
        "web_host": host,
        "public_url": options.public_url,
        "allowed_origins": None if origins is None else split_origins(origins),
        "tls_certificate": _file("--tls-certificate", options.tls_certificate),
        "tls_key": _file("--tls-key", options.tls_key),
    }
    if options.tls_certificate is not None and options.tls_key is not None:
        _check_pair(options.tls_certificate, options.tls_key)
    return {name: value for name, value in given.items() if value is not None}


def web_url(config: RunConfig, port: int) -> str:
    """Return the pages' URL, without a trailing slash."""
    if config.public_url:
        return config.public_url
    scheme = "https" if config.tls_key else "http"
    host = _lan_address() if config.web_host in (ANY_HOST, "::") else config.web_host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def is_shared(url: str) -> bool:
    """Return whether a URL of the pages works from other machines."""
    host = urlsplit(url).hostname or ""
    return not (host in ("localhost", "::1") or host.startswith("127."))


def clear_text_warning(url: str) -> str | None:
    """Return a warning if tokens would travel unencrypted; None otherwise."""
    if not is_shared(url) or url.startswith("https:"):
        return None
    return (
        f"warning: {url} is not encrypted. Whoever can read the network on the way can read tokens and answers, and"
        " label or own the run with them. On a network that is not your own, use --tls-certificate and --tls-key, a"
        " proxy with TLS (--public-url https://…), or ssh -L: docs/labeling.md says how."
    )


def _lan_address() -> str:
    """Return this machine's address on the network of its default route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_NOWHERE)
            return str(probe.getsockname()[0])
        except OSError:  # it has no network
            return LOOPBACK


def split_origins(text: str) -> tuple[str, ...]:
    """Return the origins in a comma-separated list.

    Raises:
        InvalidInputError: one isn't in the form that browsers send.
    """
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        check_origin("--allowed-origins", origin)
    return origins


def check_origin(option: str, origin: str) -> str:
    """Return an origin in the form that browsers send.

    Raises:
        InvalidInputError: it isn't in that form.
    """
    parts = urlsplit(origin)
    is_origin = (
        parts.scheme in ("http", "https") and parts.hostname and "@" not in origin and "*" not in origin
    )
    if not is_origin or origin != f"{parts.scheme}://{parts.netloc}".lower():
        rule = "http:// or https:// and a host in lower case, perhaps with a port, without a path or a slash at its end"
        raise InvalidInputError(option, origin, rule)
    return origin


def _check_pair(certificate: Path, key: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # else it would ask at the terminal
    except (OSError, ValueError) as error:  # of ssl, too
        raise ConfigError(
            f"--tls-certificate {certificate} and --tls-key {key} can't be used together ({error}); both must be PEM"
            " files, the key that of the certificate and without a password"
        ) from error


def _file(option: str, path: Path | None) -> str | None:
    if path is None:
        return None
    if not path.is_file():
        raise InvalidInputError(option, str(path), "a PEM file")
    return str(path.resolve())
