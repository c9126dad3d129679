"""The errors of the domain: one small tree, each with the one gRPC status it is sent as and whether to try again.

The columns are name, status, whether to try again, and meaning::

    SomersaultError              INTERNAL             again  the root; what nobody can name
    ├── InvalidInputError        INVALID_ARGUMENT     never  a value out of its bounds
    │   └── ConfigError          INVALID_ARGUMENT     never  a setting, flag or file that can't be used
    ├── NotFoundError            NOT_FOUND            again  nothing has that name, yet
    ├── AlreadyExistsError       ALREADY_EXISTS       never  the name is taken by something else
    ├── UnauthenticatedError     UNAUTHENTICATED      never  no token, or a wrong one
    ├── PermissionDeniedError    PERMISSION_DENIED    never  a right token without the right role
    ├── FailedPreconditionError  FAILED_PRECONDITION  again  not in this state, which passes
    │   └── LeaseExpiredError    FAILED_PRECONDITION  again  the query was promised to somebody else meanwhile
    ├── ResourceExhaustedError   RESOURCE_EXHAUSTED   again  a bound on size or number was met
    ├── UnavailableError         UNAVAILABLE          again  a peer, a disk or a store can't be reached
    └── CorruptDataError         DATA_LOSS            never  stored or received bytes are not what they claim
        └── EnvironmentFailedError  DATA_LOSS         never  an environment raised, or returned what it did not declare

`Retry` says what the words mean. Where one error differs from its class, it says so: ``raise X(...).never()``.
`somersault.rpc.interceptors` maps them to a status and a kind on the server, `somersault.rpc.channel` back on the
client.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Self

import grpc

__all__ = [
    "AlreadyExistsError",
    "ConfigError",
    "CorruptDataError",
    "EnvironmentFailedError",
    "FailedPreconditionError",
    "InvalidInputError",
    "LeaseExpiredError",
    "NotFoundError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "Retry",
    "SomersaultError",
    "UnauthenticatedError",
    "UnavailableError",
    "error_from_status",
    "root_of",
    "shorten",
]


class Retry(StrEnum):
    """Whether whoever is in work that failed should try it again."""

    AGAIN = "again"
    """The cause passes by itself, or may: dial again."""
    NEVER = "never"
    """The same try ends in the same way until somebody mends something: say why, and end."""


class SomersaultError(Exception):
    """Is the root of every error that a caller can act on."""

    status = grpc.StatusCode.INTERNAL
    retry = Retry.AGAIN

    @property
    def is_hopeless(self) -> bool:
        """Whether trying again is no use."""
        return self.retry is Retry.NEVER

    def never(self) -> Self:
        """Return the error as one after which nobody should try again, whatever its class says."""
        self.retry = Retry.NEVER
        return self

    def again(self) -> Self:
        """Return the error as one that passes, whatever its class says."""
        self.retry = Retry.AGAIN
        return self


class InvalidInputError(SomersaultError):
    """Says which field holds which value and what would be allowed."""

    status = grpc.StatusCode.INVALID_ARGUMENT
    retry = Retry.NEVER

    def __init__(self, field: str, value: object = None, bound: str | None = None) -> None:
        """Take the field's name, its value, and the bound in words ("1 to 10", "a known task").

        With a field alone, the text is a whole sentence already.
        """
        super().__init__(field if bound is None else f"{field} is {shorten(value)}, must be {bound}")


class ConfigError(InvalidInputError):
    """Says which setting can't be used and how to set it right."""


class NotFoundError(SomersaultError):
    """Says what was looked for and where."""

    status = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(SomersaultError):
    """Says which name is taken by something different."""

    status = grpc.StatusCode.ALREADY_EXISTS
    retry = Retry.NEVER


class UnauthenticatedError(SomersaultError):
    """Says that the caller's token is missing or unknown."""

    status = grpc.StatusCode.UNAUTHENTICATED
    retry = Retry.NEVER


class PermissionDeniedError(SomersaultError):
    """Says which role the caller lacks."""

    status = grpc.StatusCode.PERMISSION_DENIED
    retry = Retry.NEVER


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
    retry = Retry.NEVER


class EnvironmentFailedError(CorruptDataError):
    """Says which environment failed, in which step, and how: "environment X raised ValueError(...) at step 1 (``FILE:LINE``)"."""


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


_NEVER_BY_STATUS = frozenset(
    {
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""The statuses that mean never where nothing else is said, as by another implementation or a proxy between."""


def error_from_status(
    status: grpc.StatusCode, detail: str, *, retry: str | bytes | None = None
) -> SomersaultError:
    """Return the domain error that a gRPC status stands for.

    Args:
        status: How the call ended.
        detail: The sentence that came with it.
        retry: What the peer says of trying again, in the metadata at the end of the call; None where it says nothing
            or nothing that is known: the status decides.
    """
    kind = UnavailableError if status is grpc.StatusCode.DEADLINE_EXCEEDED else _BY_STATUS.get(status)
    error = (kind or SomersaultError)(detail)
    error.retry = _retry_of(status, said=retry)
    return error


def root_of(error: BaseException) -> BaseException:
    """Return the one error to report of several that came together: a hopeless one, or else one of the domain."""
    leaves = list(_leaves(error))
    known = [leaf for leaf in leaves if isinstance(leaf, SomersaultError)]
    return next((leaf for leaf in known if leaf.is_hopeless), (known or leaves)[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for one in error.exceptions:
        yield from _leaves(one)


def _retry_of(status: grpc.StatusCode, *, said: str | bytes | None) -> Retry:
    if said in (Retry.AGAIN, Retry.NEVER):
        return Retry(said)
    return Retry.NEVER if status in _NEVER_BY_STATUS else Retry.AGAIN


def shorten(value: object) -> str:
    """Return a value's repr, bounded, so that a message can't be flooded by its own cause."""
    try:
        text = repr(value)
    except ValueError:  # Python turns no integer of thousands of digits into text
        text = "a number of thousands of digits"
    except RecursionError:
        text = "a value that is nested too deeply"
    return text if len(text) <= 120 else f"{text[:117]}..."
