"""What a service may answer, whatever it was asked."""

from __future__ import annotations

import re

import grpc

__all__ = ["STATUSES", "fault_of", "fault_of_text"]

STATUSES = frozenset(
    {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,  # our own, where it may wait
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Those that docs/protocol.md names; INTERNAL and UNKNOWN are ours to mend."""

_INNER = re.compile(
    r"<class|<function| object at 0x|Traceback|google\.protobuf|_pb2|NoneType|site-packages|\.py\b|sqlalchemy"
    r"|sqlite3|numpy|ndarray|np\.|[A-Z]\w+(Error|Exception)\b|bytes-like|dtype\(|got '|\(Background on this error"
)
"""What tells of the inside: names of classes and modules, files."""


def fault_of(status: grpc.StatusCode, detail: str, *, folder: str) -> str | None:
    """Return what is wrong with an answer, if something is.

    Args:
        status: How the call ended.
        detail: The sentence that came with it.
        folder: Where the service keeps its things: nobody is told.
    """
    if status not in STATUSES:
        return f"its status is {status.name}: {detail}"
    return fault_of_text(detail, folder=folder)


def fault_of_text(detail: str, *, folder: str) -> str | None:
    """Return what is wrong with a refusal's sentence, if something is; the folder is as for `fault_of`."""
    inner = _INNER.search(detail)
    if inner is not None:
        return f"it tells of the inside ({inner[0]!r}): {detail}"
    if folder in detail or "/tmp/" in detail or "/work/" in detail:  # noqa: S108
        return f"it tells of a path: {detail}"
    return None
