"""Checks that a run's folder, object store and database belong to the same run, or adopts them if asked to.

Two runs may share a name, and a folder may be copied while its objects stay in one store. So a random identity is made when a
run begins and kept in ``config.json``, the store and the database. Each start adds a random mark, kept in ``config.json`` and
the store, which other copies of the folder don't know.
"""

from __future__ import annotations

import dataclasses

from somersault.cli.run.config import RunConfig
from somersault.cli.run.database import store_identity
from somersault.cli.run.folder import RunFolder
from somersault.domain.keys import segments_prefix
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

__all__ = ["check_is_vacant", "check_ownership", "mark_started"]


def check_is_vacant(config: RunConfig, store: ObjectStore) -> None:
    """Check that a store holds nothing under a new run's name.

    Raises:
        FailedPreconditionError: it does: another run's objects, or strays.
    """
    if next(store.list(f"{config.run_id}/"), None) is not None:
        raise FailedPreconditionError(
            f"object store {config.storage_url} holds objects of another run that is called {config.run_id} too; choose"
            " another --run-dir name, or another prefix in --storage-url, or delete them there"
        )


def check_ownership(config: RunConfig, folder: RunFolder, *, store: ObjectStore, is_trained: bool) -> None:
    """Check that a run's store and database belong to it.

    Args:
        config: The run's settings.
        folder: Its folder.
        store: Its object store.
        is_trained: Whether it will be trained; then no other copy of the folder may have been trained since.

    Raises:
        FailedPreconditionError: one of them is another run's or is gone; the text says which and what to do.
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


def mark_started(config: RunConfig, folder: RunFolder, *, store: ObjectStore, is_adopted: bool) -> RunConfig:
    """Mark a run's folder and store as started now; store and return the settings with the marks.

    Wherever this is killed, the next start finds a mark in the store that the folder knows.

    Args:
        config: The run's settings, after `check_ownership`.
        folder: Its folder, locked.
        store: Its object store.
        is_adopted: Whether to take over the store and the database, whoever's they were.

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
    """Return whether the store is known to hold the run's identity, that is, whether a first start was completed."""
    return bool(config.earlier_start_mark)


def _check_has_segments(config: RunConfig, store: ObjectStore, *, adopt: str) -> None:
    """Check that the store of a run from an older version has the segments of its answers."""
    if next(store.list(segments_prefix(config.run_id)), None) is None:
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
