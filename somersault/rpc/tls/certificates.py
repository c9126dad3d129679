"""A service's certificates: three PEM files in a folder, read and checked before they are used.

``tls.crt`` is its own certificate, followed by what leads to the authority; ``tls.key`` the private key; ``ca.crt`` the
authorities whose certificates it takes, the old one and the new one while they are being replaced. This is how cert-manager
lays them out, and a mounted Secret of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from somersault.domain.roles import Identity
from somersault.errors import ConfigError

if TYPE_CHECKING:  # 70 ms that most commands do without
    from cryptography import x509

__all__ = [
    "AUTHORITIES_FILE",
    "CERTIFICATE_FILE",
    "KEY_FILE",
    "Certificates",
    "read_authorities",
    "read_certificates",
]

CERTIFICATE_FILE, KEY_FILE, AUTHORITIES_FILE = "tls.crt", "tls.key", "ca.crt"

_MAX_BYTES = 1 << 20  # a chain of ten certificates has 20 kB


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """What one reading of the files gave. Two readings of the same bytes are equal."""

    chain: bytes
    key: bytes = field(repr=False)
    authorities: bytes
    name: str
    """Our SPIFFE name, such as ``spiffe://example.org/run/learner``."""
    expiry: datetime
    """When our own certificate, or one that leads to the authority, is good no more."""
    authorities_expiry: datetime
    """When the last of the authorities is good no more."""

    @property
    def identity(self) -> Identity:
        """Who we are: what our name ends in."""
        return next(identity for identity in Identity if self.name.endswith(identity.value))

    @property
    def prefix(self) -> str:
        """Our name without who we are: what the names of the run's other services begin with."""
        return self.name.removesuffix(self.identity.value)

    def check_is(self, identity: Identity | None) -> None:
        """Check that we are the service that we should be; None is anyone.

        Raises:
            ConfigError: we aren't.
        """
        if identity is not None and self.identity is not identity:
            field = f"name in certificates_path's {CERTIFICATE_FILE}"
            raise ConfigError(field, self.name, f"one that ends in {identity.value}")

    @cached_property
    def channel_credentials(self) -> grpc.ChannelCredentials:
        """What a client shows and checks. Channels to one address share a connection if they share this."""
        return grpc.ssl_channel_credentials(self.authorities, self.key, self.chain)

    @cached_property
    def server_configuration(self) -> grpc.ServerCertificateConfiguration:
        """What a server shows and checks."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)], self.authorities)

    @cached_property
    def shown_configuration(self) -> grpc.ServerCertificateConfiguration:
        """What a server shows to callers that it doesn't ask for certificates."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)])


def read_certificates(folder: Path) -> Certificates:
    """Read the three files and check that they can be used now.

    Raises:
        ConfigError: one can't be read, has expired or isn't what it should be; says which, and what it must be.
    """
    chain_bytes, key_bytes, authority_bytes = (
        _read(folder / name) for name in (CERTIFICATE_FILE, KEY_FILE, AUTHORITIES_FILE)
    )
    chain = _parse_certificates(folder / CERTIFICATE_FILE, chain_bytes)
    authorities = _parse_certificates(folder / AUTHORITIES_FILE, authority_bytes)
    _check_key(folder, chain[0], key_bytes)
    _check_times(folder / CERTIFICATE_FILE, chain)
    newest = max(authorities, key=lambda each: each.not_valid_after_utc)
    _check_times(folder / AUTHORITIES_FILE, [newest])
    return Certificates(
        chain=_encode(chain),
        key=key_bytes,
        authorities=_encode(authorities),
        name=_spiffe_name(folder / CERTIFICATE_FILE, chain[0]),
        expiry=min(each.not_valid_after_utc for each in chain),
        authorities_expiry=newest.not_valid_after_utc,
    )


def read_authorities(path: Path) -> bytes:
    """Read the authorities that a server's certificate is checked against by a caller who has none of its own.

    Raises:
        ConfigError: the file can't be read, or has no certificate that is good now.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    authorities = _parse_certificates(path, data)
    _check_times(path, [max(authorities, key=lambda each: each.not_valid_after_utc)])
    return _encode(authorities)


def _encode(certificates: Sequence[x509.Certificate]) -> bytes:
    """Encode them anew, since a file may hold comments before a certificate, which gRPC doesn't take."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"certificates_path has no {path.name} that can be read ({path}: {error.strerror}); it must be a folder"
            f" with {CERTIFICATE_FILE}, {KEY_FILE} and {AUTHORITIES_FILE}"
        ) from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"size of {path}", f"over {_MAX_BYTES} bytes", f"at most {_MAX_BYTES} bytes")
    return data


def _parse_certificates(path: Path, data: bytes) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise ConfigError(str(path), "something else", "certificates in PEM") from error


def _check_key(folder: Path, certificate: x509.Certificate, data: bytes) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = folder / KEY_FILE
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:  # a TypeError if it is encrypted
        raise ConfigError(str(path), "something else", "a private key in PEM without a password") from error
    if key.public_key() != certificate.public_key():
        raise ConfigError(
            f"{path} is another certificate's key, must be the key of the first in {folder / CERTIFICATE_FILE}"
        )


def _check_times(path: Path, certificates: Sequence[x509.Certificate]) -> None:
    now = datetime.now(UTC)
    for each in certificates:
        if each.not_valid_after_utc <= now:
            raise ConfigError(
                f"expiry of {path}", _said(each.not_valid_after_utc), f"after now, {_said(now)}"
            )
        if each.not_valid_before_utc > now:
            raise ConfigError(
                f"start of {path}", _said(each.not_valid_before_utc), f"before now, {_said(now)}"
            )


def _said(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _spiffe_name(path: Path, certificate: x509.Certificate) -> str:
    """Return the certificate's one URI, whose end says whose it is."""
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        uris = []
    else:
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    words = [identity.value for identity in Identity]
    if len(uris) != 1 or not uris[0].startswith("spiffe://") or not uris[0].endswith(tuple(words)):
        bound = f"one SPIFFE name that ends in {', '.join(words[:-1])} or {words[-1]}"
        raise ConfigError(f"URI among the names of {path}", ", ".join(uris) or "none", bound)
    return uris[0]
