"""The errors of the domain: one small tree, each with the one gRPC status it is sent as and whether to try again.

The columns are name, status, whether to try again, and meaning::

    SomersaultError              INTERNAL             again  the root; anything unforeseen
    ├── InvalidInputError        INVALID_ARGUMENT     never  a value out of its bounds
    │   └── ConfigError          INVALID_ARGUMENT     never  a setting, flag or file that can't be used
    ├── NotFoundError            NOT_FOUND            again  nothing has that name, yet
    ├── AlreadyExistsError       ALREADY_EXISTS       never  the name is taken by something else
    ├── UnauthenticatedError     UNAUTHENTICATED      never  no token, or a wrong one
    ├── PermissionDeniedError    PERMISSION_DENIED    never  a right token without the right role
    ├── FailedPreconditionError  FAILED_PRECONDITION  again  not in this state, which passes
    │   ├── LeaseExpiredError    FAILED_PRECONDITION  again  the query has been leased to someone else since
    │   └── LogWentBackError     FAILED_PRECONDITION  again  the log isn't the one that was followed
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
    "LogWentBackError",
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
    "text_for_callers",
]


class Retry(StrEnum):
    """Whether work that failed should be tried again."""

    AGAIN = "again"
    """The cause goes away by itself, or may: dial again."""
    NEVER = "never"
    """The same attempt will fail in the same way until something is fixed: say why, and end."""


class SomersaultError(Exception):
    """The root of every error that a caller can act on."""

    status = grpc.StatusCode.INTERNAL
    retry = Retry.AGAIN
    places: tuple[str, ...] = ()
    """Where in its text something of this machine or network is named: for whoever runs the service, not for callers."""

    @property
    def is_hopeless(self) -> bool:
        """Whether trying again is pointless."""
        return self.retry is Retry.NEVER

    def never(self) -> Self:
        """Mark the error as one after which trying again is pointless, whatever its class says, and return it."""
        self.retry = Retry.NEVER
        return self

    def of(self, *places: str) -> Self:
        """Note what of its text no caller is told, such as a folder or a host, and return it."""
        self.places = places
        return self

    def again(self) -> Self:
        """Mark the error as one that goes away, whatever its class says, and return it."""
        self.retry = Retry.AGAIN
        return self


class InvalidInputError(SomersaultError):
    """A value is out of its bounds; the message names the field, the value and the bounds."""

    status = grpc.StatusCode.INVALID_ARGUMENT
    retry = Retry.NEVER

    def __init__(self, field: str, value: object = None, bound: str | None = None) -> None:
        """Take the field's name, its value, and the bound in words ("1 to 10", "a known task").

        With a field alone, the text is already a whole sentence.
        """
        super().__init__(field if bound is None else f"{field} is {shorten(value)}, must be {bound}")


class ConfigError(InvalidInputError):
    """A setting can't be used; the message says which, and how to correct it."""


class NotFoundError(SomersaultError):
    """Nothing has that name; the message says what was looked for and where."""

    status = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(SomersaultError):
    """The name is taken by something else."""

    status = grpc.StatusCode.ALREADY_EXISTS
    retry = Retry.NEVER


class UnauthenticatedError(SomersaultError):
    """The caller's token is missing or unknown."""

    status = grpc.StatusCode.UNAUTHENTICATED
    retry = Retry.NEVER


class PermissionDeniedError(SomersaultError):
    """The caller's role doesn't allow the call."""

    status = grpc.StatusCode.PERMISSION_DENIED
    retry = Retry.NEVER


class FailedPreconditionError(SomersaultError):
    """The call needs another state; the message says which."""

    status = grpc.StatusCode.FAILED_PRECONDITION


class LeaseExpiredError(FailedPreconditionError):
    """The lease ended before its answer came."""


class LogWentBackError(FailedPreconditionError):
    """The preference log lost what its follower has, as when a backup is restored: it must be read from its beginning."""


class ResourceExhaustedError(SomersaultError):
    """A bound on size or number has been reached; the message says which."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class UnavailableError(SomersaultError):
    """A peer, a disk or a store can't be reached right now; the same call may succeed later."""

    status = grpc.StatusCode.UNAVAILABLE


class CorruptDataError(SomersaultError):
    """Bytes are not what they claim to be; the message says which."""

    status = grpc.StatusCode.DATA_LOSS
    retry = Retry.NEVER


class EnvironmentFailedError(CorruptDataError):
    """An environment failed; the message says which, in which step and how: "environment X raised ValueError(...) at step 1 (``FILE:LINE``)"."""


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
"""The statuses that mean never unless the peer says otherwise; another implementation or a proxy says nothing."""


def error_from_status(
    status: grpc.StatusCode, detail: str, *, retry: str | bytes | None = None
) -> SomersaultError:
    """Return the domain error that a gRPC status stands for.

    Args:
        status: How the call ended.
        detail: The sentence that came with it.
        retry: What the peer says about trying again, in the trailing metadata of the call; where it says nothing
            known, the status decides.
    """
    kind = UnavailableError if status is grpc.StatusCode.DEADLINE_EXCEEDED else _BY_STATUS.get(status)
    error = (kind or SomersaultError)(detail)
    error.retry = _retry_of(status, said=retry)
    return error


def text_for_callers(error: BaseException) -> str:
    """Return an error's text as it is sent to callers: without the places that it, or what caused it, notes."""
    text = str(error)
    cause: BaseException | None = error
    while cause is not None:
        for place in getattr(cause, "places", ()):
            text = text.replace(place, "…")
        cause = cause.__cause__ or cause.__context__
    return text


def root_of(error: BaseException) -> BaseException:
    """Return the one error to report out of a group: preferably a hopeless one, else one of the domain."""
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
    except ValueError:  # Python refuses to print integers of thousands of digits
        text = "a number of thousands of digits"
    except RecursionError:
        text = "a value that is nested too deeply"
    return text if len(text) <= 120 else f"{text[:117]}..."
