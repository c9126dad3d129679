"""The errors of the domain: one small tree, each with the one gRPC status it is sent as.

    SomersaultError
    ├── InvalidInputError        INVALID_ARGUMENT     a value out of its bounds
    │   └── ConfigError          INVALID_ARGUMENT     a setting, flag or file that can't be used
    ├── NotFoundError            NOT_FOUND            nothing has that name
    ├── AlreadyExistsError       ALREADY_EXISTS       the name is taken by something else
    ├── UnauthenticatedError     UNAUTHENTICATED      no token, or a wrong one
    ├── PermissionDeniedError    PERMISSION_DENIED    a right token without the right role
    ├── FailedPreconditionError  FAILED_PRECONDITION  not in this state
    │   └── LeaseExpiredError    FAILED_PRECONDITION  the query was promised to somebody else meanwhile
    ├── ResourceExhaustedError   RESOURCE_EXHAUSTED   a bound on size or number was met
    ├── UnavailableError         UNAVAILABLE          a peer, a disk or a store can't be reached; try again
    └── CorruptDataError         DATA_LOSS            stored or received bytes are not what they claim

`somersault.rpc.interceptors` maps them to a status on the server and back on the client.
"""

from __future__ import annotations

import grpc

__all__ = [
    "AlreadyExistsError",
    "ConfigError",
    "CorruptDataError",
    "FailedPreconditionError",
    "InvalidInputError",
    "LeaseExpiredError",
    "NotFoundError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "SomersaultError",
    "UnauthenticatedError",
    "UnavailableError",
    "error_from_status",
]


class SomersaultError(Exception):
    """Is the root of every error that a caller can act on."""

    status = grpc.StatusCode.INTERNAL


class InvalidInputError(SomersaultError):
    """Says which field holds which value and what would be allowed."""

    status = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, field: str, value: object = None, bound: str | None = None) -> None:
        """Takes the field's name, its value, and the bound in words ("1 to 10", "a known task").

        With a field alone, the text is a whole sentence already.
        """
        super().__init__(field if bound is None else f"{field} is {_shorten(value)}, must be {bound}")


class ConfigError(InvalidInputError):
    """Says which setting can't be used and how to set it right."""


class NotFoundError(SomersaultError):
    """Says what was looked for and where."""

    status = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(SomersaultError):
    """Says which name is taken by something different."""

    status = grpc.StatusCode.ALREADY_EXISTS


class UnauthenticatedError(SomersaultError):
    """Says that the caller's token is missing or unknown."""

    status = grpc.StatusCode.UNAUTHENTICATED


class PermissionDeniedError(SomersaultError):
    """Says which role the caller lacks."""

    status = grpc.StatusCode.PERMISSION_DENIED


class FailedPreconditionError(SomersaultError):
    """Says which state the call needs."""

    status = grpc.StatusCode.FAILED_PRECONDITION


class LeaseExpiredError(FailedPreconditionError):
    """Says that a lease ended before its answer came."""


class ResourceExhaustedError(SomersaultError):
    """Says which bound was met."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class UnavailableError(SomersaultError):
    """Says what can't be reached right now; the same call may succeed later."""

    status = grpc.StatusCode.UNAVAILABLE


class CorruptDataError(SomersaultError):
    """Says which bytes are not what they claim to be."""

    status = grpc.StatusCode.DATA_LOSS


_BY_STATUS: dict[grpc.StatusCode, type[SomersaultError]] = {
    cls.status: cls
    for cls in (
        InvalidInputError,
        NotFoundError,
        AlreadyExistsError,
        UnauthenticatedError,
        PermissionDeniedError,
        FailedPreconditionError,
        ResourceExhaustedError,
        UnavailableError,
        CorruptDataError,
    )
}


def error_from_status(status: grpc.StatusCode, detail: str) -> SomersaultError:
    """Gives the domain error that a gRPC status stands for."""
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return UnavailableError(detail)
    return _BY_STATUS.get(status, SomersaultError)(detail)


def _shorten(value: object) -> str:
    """Gives a value's repr, bounded, so that a message can't be flooded by its own cause."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
