"""What a server needs of certificates: credentials for its port, and the check of who calls."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import grpc

from somersault.domain.roles import Identity
from somersault.rpc.tls.authorization import Authorization
from somersault.rpc.tls.certificates import Certificates
from somersault.rpc.tls.connections import Connections
from somersault.rpc.tls.folder import CertificateFolder

__all__ = ["MutualTls", "mutual_tls", "public_tls"]


@dataclass(frozen=True, slots=True)
class MutualTls:
    """What makes a server mutual: its parts belong together."""

    credentials: grpc.ServerCredentials
    authorization: Authorization
    connections: Connections


def mutual_tls(
    folder: CertificateFolder,
    *,
    identity: Identity | None,
    prefixes: Collection[str] = (),
    has_public_port: bool = False,
) -> MutualTls:
    """Return what a server needs to take only callers whose certificates entitle them.

    Args:
        folder: Its certificates; new ones hold from the next connection on.
        identity: Who the server is, and so its certificate must be; None for anyone.
        prefixes: What the names of its callers begin with; like its own if empty.
        has_public_port: Whether it also listens where no certificate is asked for.

    Raises:
        ConfigError: the certificate is another service's.
    """
    certificates = folder.current
    certificates.check_is(identity)
    connections = Connections()
    return MutualTls(
        _credentials(folder, _mutual, asks=True, on_connection=connections.began),
        Authorization(
            prefixes or (certificates.prefix,),
            has_public_port=has_public_port,
            on_call=connections.called,
        ),
        connections,
    )


def public_tls(folder: CertificateFolder) -> grpc.ServerCredentials:
    """Return the credentials of a port where callers see who the server is, and show a token instead of a certificate."""
    return _credentials(folder, _public, asks=False)


def _mutual(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    return certificates.server_configuration


def _public(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    return certificates.shown_configuration


def _credentials(
    folder: CertificateFolder,
    shown: Callable[[Certificates], grpc.ServerCertificateConfiguration],
    *,
    asks: bool,
    on_connection: Callable[[], None] = lambda: None,
) -> grpc.ServerCredentials:
    sent = folder.current

    def newer() -> grpc.ServerCertificateConfiguration | None:
        """Return what to show from now on, None for the same as before. gRPC's threads ask at each connection."""
        nonlocal sent
        on_connection()
        current = folder.current
        if current is sent:
            return None
        sent = current
        return shown(current)

    return grpc.dynamic_ssl_server_credentials(
        shown(sent),
        newer,  # type: ignore[arg-type]  # the stubs don't know that None is for no change
        require_client_authentication=asks,
    )
