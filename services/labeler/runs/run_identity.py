"""Compares the run that the labeler was started for with the one in its database and its store."""

from __future__ import annotations

import asyncio

from services.labeler.database import Database
from services.labeler.runs import run_repository
from somersault.domain.texts import check_name
from somersault.errors import ConfigError
from somersault.storage import ObjectStore, StoredIdentity, check_store, new_identity, write_identity

__all__ = ["check_run_identity"]


async def check_run_identity(database: Database, store: ObjectStore, *, run_id: str, identity: str) -> None:
    """Check the database and the store before anything is served, if an identity is given.

    The identity of a new run is written to the store.

    Raises:
        InvalidInputError: ``run_id`` can't name a run.
        ConfigError: one of them holds a different run of that name, or the store lacks a run that the database knows.
    """
    if not identity:
        return
    check_name("run_id", run_id)
    known = await database.read(lambda connection: run_repository.find_identity(connection, run_id))
    if known and known != identity:
        raise ConfigError(
            f"database_url: the database holds another run named {run_id!r}, of identity {known}, not {identity};"
            " correct database_url or run_identity"
        )
    if known is None and not await asyncio.to_thread(_has_objects, store, run_id):
        said = StoredIdentity(run_id=run_id, identity=identity, start_mark=new_identity())
        await asyncio.to_thread(write_identity, store, said)
    await asyncio.to_thread(check_store, store, run_id, identity=identity)


def _has_objects(store: ObjectStore, run_id: str) -> bool:
    return next(store.list(f"{run_id}/"), None) is not None
