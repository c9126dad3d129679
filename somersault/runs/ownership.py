"""Checks that a store and a database belong to the run in a folder: all three hold the identity drawn when it began."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from somersault.domain.keys import identity_key
from somersault.errors import FailedPreconditionError
from somersault.storage import StoredIdentity

__all__ = ["compare_database", "compare_store"]


def compare_store(
    said: StoredIdentity | None, *, run_id: str, identity: str, place: str, remedy: str
) -> None:
    """Check that a store is the run's.

    Args:
        said: What the store says; None if it says nothing.
        run_id: The run's name.
        identity: Which run of that name it is; empty for one started by an older program.
        place: The store, for the message.
        remedy: What to do, for the message.

    Raises:
        FailedPreconditionError: it holds another run of that name, or nothing of this run.
    """
    if said is None and identity:
        raise FailedPreconditionError(
            f"object store {place} is not this run's: {identity_key(run_id)} is not in it; {remedy}"
        )
    if said is not None and said.identity != identity:
        raise FailedPreconditionError(
            f"object store {place} holds the objects of another run that is called {run_id} too; {remedy}"
        )


def compare_database(
    path: Path,
    known: Mapping[str, str],
    *,
    run_id: str,
    identity: str,
    num_labels: int,
    remedy: str,
) -> None:
    """Check that a database is the run's.

    Args:
        path: The database, for the message.
        known: The runs in it, name to identity; empty if there is no database yet.
        run_id: The run's name.
        identity: Which run of that name it is; empty for one started by an older program.
        num_labels: The labels that the run has had: if there were any, there was a database.
        remedy: What to do, for the message.

    Raises:
        FailedPreconditionError: it holds another run, or is gone.
    """
    if run_id in known:
        if known[run_id] and known[run_id] != identity:
            raise FailedPreconditionError(
                f"database {path} holds the answers of another run that is called {run_id} too; {remedy}"
            )
        return
    if known:
        names = ", ".join(sorted(known))
        raise FailedPreconditionError(f"database {path} is not this run's: it holds {names}; {remedy}")
    if num_labels:
        raise FailedPreconditionError(
            f"database {path} is gone or empty, and {num_labels} labels were in it; {remedy}"
        )
