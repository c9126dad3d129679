"""What a killed clone leaves behind: a hidden folder next to its destination, and objects in a store.

The process that makes a clone holds a lock on the hidden folder. One object in the store, written first and deleted last, says
which unfinished clone the objects belong to; the hidden folder's settings hold the same identity.
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
    """Return a unique hidden path next to a folder under which it can be made."""
    return new.with_name(f".{new.name[:_MAX_NAME]}.{secrets.token_hex(4)}.new")


@contextlib.contextmanager
def holding(folder: Path) -> Iterator[bool]:
    """Lock a folder for as long as the context lasts; yield whether the lock was free."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _locks(descriptor)
    finally:
        os.close(descriptor)


def unfinished_key(run_id: str) -> str:
    """Return the key of the object that marks a clone as unfinished."""
    return f"{run_id}/unfinished-clone.json"


def mark_unfinished(store: ObjectStore, run_id: str, *, identity: str) -> None:
    """Mark the objects of a run in a store as those of an unfinished clone."""
    store.put(unfinished_key(run_id), f"{dump_json({'identity': identity})}\n".encode())


def mark_finished(store: ObjectStore, run_id: str) -> None:
    """Remove that mark."""
    store.delete(unfinished_key(run_id))


def clear(new: Path, store: ObjectStore | None, *, run_id: str, url: str) -> None:
    """Remove what killed clones to the same folder left behind.

    Args:
        new: The destination folder.
        store: Where the objects are to go; None if into the folder.
        run_id: The run's name there.
        url: The store's URL, for the message.

    Raises:
        FailedPreconditionError: the store holds objects under that name that no killed clone is known to have left.
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
            else "a clone that was interrupted or is being made now"
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
    """Return the identity of the unfinished clone in a store; None if there is none."""
    try:
        data = store.get(unfinished_key(run_id))
    except NotFoundError:
        return None
    try:
        return str(load_json(data)["identity"])
    except (ValueError, KeyError, TypeError):
        return ""  # of none that we know


def _identity_in(folder: Path) -> str:
    """Return the identity in a hidden folder's settings; "" if it has none yet, in which case no object exists either."""
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
