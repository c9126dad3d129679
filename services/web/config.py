"""The gateway's settings."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

import pydantic
from pydantic_settings import SettingsConfigDict

from services.web.middleware.cross_origin import check_origin
from somersault.domain.bounds import MAX_PORT
from somersault.domain.roles import Identity
from somersault.domain.texts import IDENTITY_PATTERN
from somersault.runtime.config import ServiceConfig
from somersault.runtime.setting_checks import Address, Name

__all__ = ["WebConfig"]


class WebConfig(ServiceConfig):
    """Where the pages are served, and which labeler is behind them."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_WEB_")
    identity: ClassVar[Identity | None] = Identity.WEB
    has_port_for_browsers: ClassVar[bool] = True

    port: int = pydantic.Field(default=8600, ge=0, le=MAX_PORT)
    """Port to listen on; 0 takes a free one and logs it."""

    labeler_address: Address
    """``host:port`` of the labeler."""

    run_id: Name | Literal[""] = ""
    """The run whose queries the labeling page shows; empty for those of any run."""

    run_identity: str = pydantic.Field(default="", pattern=IDENTITY_PATTERN)
    """32 hexadecimal digits that tell runs apart, by which session cookies are named. Without them the run's name and the port
    are used: two runs of one name, one after another on one port, then log each other's visitors out."""

    allowed_hosts: tuple[str, ...] = ()
    """Host names, besides those of loopback, under which browsers may reach the pages. Others are refused: they may be
    another site's names made to point here (DNS rebinding)."""

    allowed_origins: tuple[str, ...] = ()
    """Origins, such as https://labels.example, whose pages may call the API with a token of their own and read the
    replies. None by default; the session cookie never works for them."""

    public_url: str = ""
    """Where people reach the pages if not at the address listened on, such as https://labels.example, without a path.
    Its host name is allowed, invitations lead there, and with https the session cookie is only sent over TLS."""

    tls_certificate_path: Path | None = None
    """PEM file with the certificate, followed by its chain, with which the pages are served over TLS. Read again when it changes."""

    tls_key_path: Path | None = None
    """PEM file of the certificate's private key, without a password."""

    is_https: bool = False
    """Whether browsers reach the pages over TLS by a proxy, so that the session cookie is only sent over TLS."""

    max_body_bytes: int = pydantic.Field(default=128 * 1024, ge=1024, le=16 * 1024 * 1024)
    """Largest request body. An answer is under 1 KiB, guidelines of 20,000 characters at most 80 KB."""

    max_call_s: float = pydantic.Field(default=40.0, ge=1, le=600)
    """Longest deadline of a call in seconds, above the 30 that LeaseQueries may wait."""

    @property
    def is_reached_by_https(self) -> bool:
        """Whether browsers reach the pages over TLS, the gateway's own or that of a proxy in front of it."""
        return self.is_https or self.tls_key_path is not None or self.public_url.startswith("https:")

    @property
    def host_names(self) -> tuple[str, ...]:
        """Host names, besides those of loopback, under which the pages may be reached."""
        public = urlsplit(self.public_url).hostname
        return (self.host, *self.allowed_hosts, *([public] if public else []))

    @pydantic.field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        return check_origin(url) if url else url

    @pydantic.model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_certificate_path is None) != (self.tls_key_path is None):
            raise ValueError("tls_certificate_path and tls_key_path belong together; give both or neither")
        return self

    @pydantic.model_validator(mode="after")
    def _check_is_used(self) -> Self:
        if self.identity_prefixes:
            raise ValueError(
                "identity_prefixes must not be given: the pages' callers are browsers, which show no certificate"
            )
        if self.has_reflection:
            raise ValueError("has_reflection must not be set: the pages' port doesn't speak gRPC")
        return self

    @pydantic.field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_origin(origin) for origin in origins)
