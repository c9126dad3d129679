"""``somersault clone``: copies everything of a run to a new folder and store, with an identity of its own.

The new folder appears only when the copy is complete. If cloning fails, what was copied is removed at once; if it is killed,
the next clone to the same folder removes it.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from rich.console import Console
from rich.progress import Progress

from somersault.cli.cloning.contents import copy_files, copy_objects, list_objects, remove_objects
from somersault.cli.cloning.leftovers import (
    clear,
    hidden_folder,
    holding,
    mark_finished,
    mark_unfinished,
    unfinished_key,
)
from somersault.cli.invocation import own_command
from somersault.cli.run.config import RunConfig
from somersault.cli.run.database import copy_database
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.ownership import check_ownership
from somersault.cli.services.secrets import secrets_of_store
from somersault.domain.keys import identity_key
from somersault.errors import AlreadyExistsError, ConfigError, InvalidInputError
from somersault.runs.database import count_labels
from somersault.runtime.urls import run_folder_url
from somersault.storage import (
    ObjectStore,
    StoredIdentity,
    new_identity,
    open_store,
    write_identity,
)

__all__ = ["CloneOptions", "clone", "describe"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CloneOptions:
    """Command-line options."""

    run: Path
    new: Path
    storage_url: str | None = None
    """Where the copy's objects go; None for next to the run's."""
    is_in_folder: bool = False
    """The copy's objects go into its own folder."""


def clone(options: CloneOptions) -> dict[str, Any]:
    """Copy a run and return what ``--json`` prints.

    Raises:
        NotFoundError: there is no such run.
        AlreadyExistsError: something is already at the copy's place.
        FailedPreconditionError: the run is in use, or its store or database belongs to another run.
        SomersaultError: something can't be read or written; nothing is left behind.
    """
    if options.is_in_folder and options.storage_url is not None:
        raise InvalidInputError("--in-folder and --storage-url name two places; leave one out")
    source, new = RunFolder(options.run, command="clone"), options.new.expanduser().absolute()
    if os.path.lexists(new):
        raise AlreadyExistsError(f"{new} exists already; name a folder that doesn't exist")
    with source:
        config = source.share()
        store = _open(config.storage_url)
        check_ownership(config, source, store=store, is_trained=True)
        copy = _settings_of_copy(config, source, options, new=new)
        target = _open(copy.storage_url) if copy.storage_url else None
        if target is not None:
            target.check()
        clear(new, target, run_id=copy.run_id, url=copy.storage_url)
        with _emerging(new) as folder:
            counts = _fill(folder, copy, source=source, config=config, store=store, target=target, new=new)
    return {
        "run": str(new),
        "from": str(source.path),
        "run_id": config.run_id,
        "identity": copy.identity,
        "storage_url": copy.storage_url or run_folder_url(new, run_id=config.run_id),
        **counts,
        "resume": f"{own_command()} train {shlex.quote(config.task)} --run-dir {shlex.quote(str(new))} --resume",
    }


def describe(made: dict[str, Any]) -> str:
    """Return what was made as plain text."""
    return (
        f"{made['run']}: a copy of {made['from']} that has its own {made['objects']} objects"
        f" ({made['bytes'] / 1e6:,.1f} MB), {made['labels']} labels and tokens; resume it with:\n  {made['resume']}"
    )


def _settings_of_copy(config: RunConfig, source: RunFolder, options: CloneOptions, *, new: Path) -> RunConfig:
    """Return the run's settings with a new identity, and where the copy's objects go: empty for its own folder."""
    mark = new_identity()
    is_in_folder = options.is_in_folder or (
        options.storage_url is None and config.storage_url == source.storage_url
    )
    url = "" if is_in_folder else options.storage_url or _beside(config.storage_url, new.name)
    return dataclasses.replace(
        config, storage_url=url, identity=new_identity(), start_mark=mark, earlier_start_mark=mark
    )


def _beside(url: str, name: str) -> str:
    """Return a store's URL with a name appended to its prefix."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name, safe='')}"))


def _open(url: str) -> ObjectStore:
    access_key, secret_key = secrets_of_store()
    return open_store(url, access_key=access_key, secret_key=secret_key)


@contextmanager
def _emerging(new: Path) -> Iterator[Path]:
    """Yield a folder that is renamed to ``new`` at the end, or removed on an error.

    Raises:
        ConfigError: it can't be written.
    """
    folder = hidden_folder(new)
    try:
        folder.mkdir(parents=True)
        with holding(folder):
            yield folder
            folder.rename(new)
    except OSError as error:
        raise ConfigError(
            f"{new} can't be made ({error.strerror or error}); nothing is left behind"
        ) from error
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _fill(
    folder: Path,
    copy: RunConfig,
    *,
    source: RunFolder,
    config: RunConfig,
    store: ObjectStore,
    target: ObjectStore | None,
    new: Path,
) -> dict[str, int]:
    """Copy a run into an empty folder, and into a store unless the folder is the store; return what was copied."""
    if target is None:
        copy = dataclasses.replace(copy, storage_url=run_folder_url(folder, run_id=copy.run_id))
        target = _open(copy.storage_url)
    keys = list_objects(store, config.run_id, is_in_folder=config.storage_url == source.storage_url)
    copy_files(source.path, folder, shown_at=new)
    if source.database.is_file():
        copy_database(source.database, folder / source.database.name, copy.run_id, identity=copy.identity)
    made = RunFolder(folder, command="clone")
    made.fill(copy)
    try:
        mark_unfinished(target, copy.run_id, identity=copy.identity)
        num_bytes = _copy_shown(store, target, keys)
        said = StoredIdentity(run_id=copy.run_id, identity=copy.identity, start_mark=copy.start_mark)
        write_identity(target, said)
        mark_finished(target, copy.run_id)
    except BaseException:
        remove_objects(target, [*keys, identity_key(copy.run_id), unfinished_key(copy.run_id)])
        raise
    return {"objects": len(keys), "bytes": num_bytes, "labels": count_labels(made.database) or 0}


def _copy_shown(source: ObjectStore, target: ObjectStore, keys: list[str]) -> int:
    """Copy objects with a progress bar and return their bytes."""
    console = Console(stderr=True)
    num_bytes = 0
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        shown = progress.add_task("copying objects", total=len(keys))
        for size in copy_objects(source, target, keys):
            num_bytes += size
            progress.advance(shown)
    return num_bytes
