"""Database drivers' errors translated into the domain's."""

from __future__ import annotations

import sqlite3

import psycopg
import sqlalchemy.exc

from somersault.errors import CorruptDataError, UnavailableError

__all__ = ["is_lost", "is_passing", "translate"]

# serialization_failure, deadlock_detected: PostgreSQL expects the transaction to be retried.
_PASSING_STATES = {"40001", "40P01"}


def is_passing(err: BaseException) -> bool:
    """Return whether the same transaction may succeed if retried at once: it lost a race against another."""
    if isinstance(err, sqlalchemy.exc.IntegrityError):
        return True
    return (
        isinstance(err, sqlalchemy.exc.DBAPIError) and getattr(err.orig, "sqlstate", None) in _PASSING_STATES
    )


def is_lost(err: BaseException) -> bool:
    """Return whether a server can't be used now, so that nothing else would succeed either."""
    kinds = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
    return isinstance(err, kinds) and isinstance(err.orig, psycopg.Error) and not is_passing(err)


def translate(err: BaseException) -> BaseException:
    """Return the domain's error for a failing disk or server, or a damaged file; any other error unchanged."""
    if isinstance(err, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
        reason = str(err.orig).strip().splitlines()[0] if str(err.orig).strip() else "no reason"
        failure = UnavailableError(
            f"the labeler's database can't be used now ({reason}); try again: the change is wholly"
            " stored or not at all"
        )
        failure.__cause__ = err
        return failure
    if type(err) is sqlalchemy.exc.DatabaseError and isinstance(err.orig, sqlite3.DatabaseError):
        damage = CorruptDataError(f"the labeler's database is damaged ({err.orig}): restore a backup")
        damage.__cause__ = err
        return damage
    return err
