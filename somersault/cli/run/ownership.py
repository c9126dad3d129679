"""Makes sure that a run's folder, its object store and its database are of one run, and takes them over if told to.

A run is named by its folder, and two may be named alike; a folder may be copied while its objects stay where they are. So
an identity is drawn when a run begins, and kept in ``config.json``, in the store and in the database. At each start a mark is
drawn beside it and kept in ``config.json`` and the store: another copy of the folder, which has the same identity, doesn't
know it.
"""

from __future__ import annotations

import dataclasses

from somersault.cli.run.config import RunConfig
from somersault.cli.run.database import store_identity
from somersault.cli.run.folder import RunFolder
from somersault.errors import CorruptDataError, FailedPreconditionError
from somersault.runs.database import read_identities
from somersault.runs.ownership import compare_database, compare_store
from somersault.storage import (
    ObjectStore,
    StoredIdentity,
    new_identity,
    read_identity,
    write_identity,
)

__all__ = ["check_is_vacant", "compare", "start"]


def check_is_vacant(config: RunConfig, store: ObjectStore) -> None:
    """Check that nothing is in a store under the name of a new run.

    Raises:
        FailedPreconditionError: another run's objects are, or strays.
    """
    if next(store.list(f"{config.run_id}/"), None) is not None:
        raise FailedPreconditionError(
            f"object store {config.storage_url} holds objects of another run that is called {config.run_id} too; choose"
            " another --run-dir name, or another prefix in --storage-url, or delete them there"
        )


def compare(config: RunConfig, folder: RunFolder, *, store: ObjectStore, is_trained: bool) -> None:
    """Check that a run's store and database are its own.

    Args:
        config: The run's settings.
        folder: Its folder.
        store: Its object store.
        is_trained: Whether it, or a copy of it, is to be trained on: then no other copy of the folder may have been since.

    Raises:
        FailedPreconditionError: one of them is another run's, or gone; says which and what to do.
        CorruptDataError: one of them can't be read.
    """
    adopt = "add --adopt" if folder.command == "train" else "train it with --resume --adopt"
    num_labels = int(folder.read_last_progress().get("run/labels", 0))
    said = read_identity(store, config.run_id)
    if said is None and not config.identity and num_labels:
        _check_has_segments(config, store, adopt=adopt)
    if said is not None or _has_told_store(config):
        compare_store(
            said,
            run_id=config.run_id,
            identity=config.identity,
            place=_place(config, folder),
            remedy=f"put it back, mount it or name it by --storage-url, or {adopt} to take this one as it is",
        )
    if said is not None and is_trained and config.storage_url != folder.storage_url:
        _check_is_the_only_copy(config, folder, said, adopt=adopt)
    if not config.is_reference:
        compare_database(
            folder.database,
            read_identities(folder.database),
            run_id=config.run_id,
            identity=config.identity,
            num_labels=num_labels,
            remedy=f"put this run's back, or {adopt} to go on with what is there",
        )


def start(config: RunConfig, folder: RunFolder, *, store: ObjectStore, is_adopted: bool) -> RunConfig:
    """Mark a run's folder and store as started now, and return the settings with the marks, which are stored.

    Killed at any point, the next start finds a mark in the store that the folder knows.

    Args:
        config: The run's settings, compared.
        folder: Its folder, locked.
        store: Its object store.
        is_adopted: Takes store and database over, whoever they were.

    Raises:
        SomersaultError: the store or the folder can't be written.
    """
    said = _read_or_none(store, config.run_id) if is_adopted else read_identity(store, config.run_id)
    config = dataclasses.replace(
        config,
        identity=config.identity or new_identity(),
        start_mark=new_identity(),
        earlier_start_mark=said.start_mark if said is not None else "",
    )
    folder.store_config(config)
    if is_adopted and not config.is_reference:
        store_identity(folder.database, config.run_id, config.identity)
    write_identity(
        store,
        StoredIdentity(run_id=config.run_id, identity=config.identity, start_mark=config.start_mark),
    )
    config = dataclasses.replace(config, earlier_start_mark=config.start_mark)
    folder.store_config(config)
    return config


def _has_told_store(config: RunConfig) -> bool:
    """Return whether the run has told its store for sure whose it is: not before its first start, nor while that was cut off."""
    return bool(config.earlier_start_mark)


def _check_has_segments(config: RunConfig, store: ObjectStore, *, adopt: str) -> None:
    """Check that the store of a run that an older program began has what its answers are about."""
    if next(store.list(f"{config.run_id}/segments/"), None) is None:
        raise FailedPreconditionError(
            f"object store {config.storage_url} is not this run's: the segments that it learned from are not in it; put"
            f" them back or mount it, or {adopt} to go on without what was learned"
        )


def _check_is_the_only_copy(
    config: RunConfig, folder: RunFolder, said: StoredIdentity, *, adopt: str
) -> None:
    if said.start_mark not in (config.start_mark, config.earlier_start_mark):
        raise FailedPreconditionError(
            f"another copy of {folder.path} has trained on in object store {config.storage_url} since this one did: go on"
            f" with that one (`somersault clone` makes copies that have a store of their own), or {adopt} to take the"
            " store over as it is"
        )


def _read_or_none(store: ObjectStore, run_id: str) -> StoredIdentity | None:
    try:
        return read_identity(store, run_id)
    except CorruptDataError:
        return None  # it is written anew


def _place(config: RunConfig, folder: RunFolder) -> str:
    return str(folder.path) if config.storage_url == folder.storage_url else config.storage_url
