"""Notices that a peer could not show who it is: to a caller it looks like one that is away."""

from __future__ import annotations

import prometheus_client
import structlog

__all__ = ["note_distrust"]

_log = structlog.get_logger()

_SIGNS = ("handshake failed", "verification check failed")  # in what gRPC says of a connection
_MAX_LOGGED = 100

_DISTRUSTED = prometheus_client.Counter(
    "somersault_rpc_distrusted_calls_total",
    "Calls that failed because the other side's certificate can't be trusted.",
)

_logged: set[str] = set()


def note_distrust(detail: str) -> None:
    """Count and log a call's failure if its detail says that the peer isn't trusted; each detail is logged once."""
    if not any(sign in detail.lower() for sign in _SIGNS):
        return
    _DISTRUSTED.inc()
    if detail not in _logged and len(_logged) < _MAX_LOGGED:
        _logged.add(detail)
        _log.warning("peer_not_trusted", detail=detail)
