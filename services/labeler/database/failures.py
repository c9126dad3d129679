"""Puts what a database driver can say into the domain's errors."""

from __future__ import annotations

import sqlalchemy.exc

from somersault.errors import UnavailableError

__all__ = ["is_passing", "translate"]

# serialization_failure, deadlock_detected: PostgreSQL asks for the same transaction again.
_PASSING_STATES = {"40001", "40P01"}


def is_passing(err: BaseException) -> bool:
    """Says whether the same transaction may succeed at once: it lost a race against another one."""
    if isinstance(err, sqlalchemy.exc.IntegrityError):
        return True
    return (
        isinstance(err, sqlalchemy.exc.DBAPIError) and getattr(err.orig, "sqlstate", None) in _PASSING_STATES
    )


def translate(err: BaseException) -> BaseException:
    """Gives the domain's error for a disk or a server that fails; any other error as it is."""
    if isinstance(err, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
        reason = str(err.orig).strip().splitlines()[0] if str(err.orig).strip() else "no reason"
        failure = UnavailableError(
            f"the labeler's database can't be used now ({reason}); try again: what was to be changed is wholly"
            " stored or not at all"
        )
        failure.__cause__ = err
        return failure
    return err
