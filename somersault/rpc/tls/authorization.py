"""Who may call what: the one list is the option ``access`` on each rpc, and who isn't on it is denied."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Collection

import grpc
import grpc.aio
import prometheus_client
import structlog

from somersault.domain.roles import Identity
from somersault.rpc.handlers import Context, DeniedCallError, Handler, guarded
from somersault.wire.access import CALLERS

__all__ = ["Authorization", "has_certificate", "identity_of"]

_log = structlog.get_logger()

_HEALTH = "/grpc.health.v1.Health/"
_REFLECTION = "/grpc.reflection."
_MAX_LOGGED = 1000

_DENIED = prometheus_client.Counter(
    "somersault_rpc_denied_calls_total",
    "Calls refused because the caller's certificate doesn't entitle it to them.",
    ["method", "caller"],
)


def has_certificate(context: Context) -> bool:
    """Return whether the caller has shown a certificate; one at a port for front ends hasn't."""
    return "x509_pem_cert" in context.auth_context()


def identity_of(context: Context) -> Identity | None:
    """Return who the caller is by its certificate, in a call that `Authorization` has let through; None without one."""
    name = _name(context)
    return next((identity for identity in Identity if name.endswith(identity.value)), None)


class Authorization(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in stubs alone
    """Admits a call if the name in the caller's certificate is one that the rpc's option names.

    It goes before what parses requests: that of a call that is denied is not parsed.
    """

    def __init__(
        self,
        prefixes: Collection[str],
        *,
        has_public_port: bool = False,
        on_call: Callable[[str], None] = lambda _peer: None,
    ) -> None:
        """Say whose certificates count.

        Args:
            prefixes: What the names of the run's services begin with; who each is, they end in.
            has_public_port: Whether the server also listens where no certificate is asked for, and tokens decide alone.
            on_call: Told the peer of each call that came with a certificate.
        """
        self._identities = {f"{prefix}{each.value}": each for prefix in prefixes for each in Identity}
        self._has_public_port = has_public_port
        self._on_call = on_call
        self._logged: set[tuple[str, str]] = set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Put the check before the handler."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        return guarded(handler, functools.partial(self._check, handler_call_details.method))

    def _check(self, method: str, context: Context) -> None:
        """Return if the caller may make the call.

        Raises:
            DeniedCallError: it may not.
        """
        if self._has_public_port and not has_certificate(context):
            return
        self._on_call(context.peer())
        name = _name(context)
        identity = self._identities.get(name)
        if identity is None or not _may(identity, method):
            self._deny(method, context, name=name, identity=identity)

    def _deny(self, method: str, context: Context, *, name: str, identity: Identity | None) -> None:
        known = method if method in CALLERS else "other"
        _DENIED.labels(known, identity.value if identity else "other" if name else "none").inc()
        if (name, method) not in self._logged and len(self._logged) < _MAX_LOGGED:
            self._logged.add((name, method))
            _log.warning("call_denied", method=method, caller=name, peer=context.peer())
        allowed = " or ".join(sorted(CALLERS.get(method, ()))) or "no one"
        raise DeniedCallError(
            f"{method.rpartition('/')[2]} is for {allowed} of this run; the caller's certificate names"
            f" {name or 'no one'}"
        )


def _name(context: Context) -> str:
    """Return the SPIFFE name in the caller's certificate, "" if it has none or several."""
    names = list(context.auth_context().get("peer_spiffe_id", ()))
    return names[0].decode() if len(names) == 1 else ""


def _may(identity: Identity, method: str) -> bool:
    if method.startswith(_HEALTH):
        return True
    if method.startswith(_REFLECTION):  # served only where it was asked for
        return identity is Identity.OWNER
    return identity in CALLERS.get(method, ())
