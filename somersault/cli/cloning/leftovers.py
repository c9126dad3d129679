"""What a clone leaves that was killed before its end: a hidden folder beside the one it was to be, and objects in a store.

Whoever makes a clone holds a lock on the hidden folder. The store says by one object, the first to come and the last to go,
which unfinished clone its objects are of; the hidden folder's settings have the same identity.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from somersault.errors import FailedPreconditionError, NotFoundError
from somersault.formats.strict_json import dump_json, load_json
from somersault.storage import ObjectStore

__all__ = ["clear", "hidden_folder", "holding", "mark_finished", "mark_unfinished", "unfinished_key"]

_MAX_NAME = 100


def hidden_folder(new: Path) -> Path:
    """Return a name beside a folder's under which it can be made, which nobody has had before."""
    return new.with_name(f".{new.name[:_MAX_NAME]}.{secrets.token_hex(4)}.new")


@contextlib.contextmanager
def holding(folder: Path) -> Iterator[bool]:
    """Lock a folder for as long as the context lasts; yield whether nobody else has it locked."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _locks(descriptor)
    finally:
        os.close(descriptor)


def unfinished_key(run_id: str) -> str:
    """Return the key of the object that says that a clone is unfinished."""
    return f"{run_id}/unfinished-clone.json"


def mark_unfinished(store: ObjectStore, run_id: str, *, identity: str) -> None:
    """Have a store say that the objects of a run are those of a clone that is being made."""
    store.put(unfinished_key(run_id), f"{dump_json({'identity': identity})}\n".encode())


def mark_finished(store: ObjectStore, run_id: str) -> None:
    """Have a store say so no longer."""
    store.delete(unfinished_key(run_id))


def clear(new: Path, store: ObjectStore | None, *, run_id: str, url: str) -> None:
    """Remove what earlier clones left that were to be in the same folder and were killed.

    Args:
        new: The folder.
        store: Where the objects are to go; None for into the folder.
        run_id: The run's name there.
        url: The store's URL, for the message.

    Raises:
        FailedPreconditionError: the store holds objects under that name that aren't known to be such.
        SomersaultError: the store can't be read or written.
    """
    with contextlib.ExitStack() as stack:
        pattern = f".{glob.escape(new.name[:_MAX_NAME])}.????????.new"
        left = [path for path in new.parent.glob(pattern) if path.is_dir()]
        left = [path for path in left if stack.enter_context(holding(path))]
        if store is not None:
            _clear_store(store, run_id, url=url, identities={_identity_in(path) for path in left} - {""})
        for path in left:
            shutil.rmtree(path)


def _clear_store(store: ObjectStore, run_id: str, *, url: str, identities: set[str]) -> None:
    keys = list(store.list(f"{run_id}/"))
    if not keys:
        return
    unfinished = _read_mark(store, run_id)
    if unfinished is None or unfinished not in identities:
        whose = (
            f"another run that is called {run_id} too"
            if unfinished is None
            else "a clone that was cut off, or that is being made now"
        )
        raise FailedPreconditionError(
            f"object store {url} holds objects of {whose}; name another place by --storage-url or --in-folder, or, if"
            f" nobody needs them, delete what is below {run_id}/ there"
        )
    for key in keys:
        if key != unfinished_key(run_id):
            store.delete(key)
    mark_finished(store, run_id)


def _read_mark(store: ObjectStore, run_id: str) -> str | None:
    """Return the identity of the unfinished clone that a store holds; None if it holds none."""
    try:
        data = store.get(unfinished_key(run_id))
    except NotFoundError:
        return None
    try:
        return str(load_json(data)["identity"])
    except (ValueError, KeyError, TypeError):
        return ""  # of none that we know


def _identity_in(folder: Path) -> str:
    """Return the identity in a hidden folder's settings; "" where it has none yet, and so no object anywhere."""
    try:
        return str(load_json((folder / "config.json").read_text(encoding="utf-8"))["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
