"""An object store in the folder of one run, whatever that folder is called and wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from somersault.domain.texts import check_name
from somersault.errors import InvalidInputError
from somersault.storage import key_checks
from somersault.storage.folder import FolderStore
from somersault.storage.object_store import MAX_OBJECT_BYTES, StoredObject


class RunFolderStore:
    """Stores ``RUN_ID/segments/…`` as ``segments/…`` in a folder, and nothing of any other run; see `ObjectStore`."""

    def __init__(self, folder: Path, *, run_id: str, max_object_bytes: int = MAX_OBJECT_BYTES) -> None:
        """Open an existing folder: one that was moved away isn't created again where it was.

        Raises:
            InvalidInputError: ``run_id`` can't name a run.
        """
        self._folder = folder
        self._prefix = f"{check_name('run', run_id)}/"
        self._store = FolderStore(folder, max_object_bytes=max_object_bytes, is_made=False)

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store an object, on disk before it returns."""
        return replace(self._store.put(self._inside(key), data), key=key)

    def get(self, key: str, *, expect_sha256: str | None = None) -> bytes:
        """Return an object's bytes."""
        return self._store.get(self._inside(key), expect_sha256=expect_sha256)

    def exists(self, key: str) -> bool:
        """Return whether an object has that key."""
        return self._store.exists(self._inside(key))

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with a prefix, sorted."""
        key_checks.check_prefix(prefix)
        inside = "" if self._prefix.startswith(prefix) else self._without_run("object prefix", prefix)
        return (f"{self._prefix}{key}" for key in self._store.list(inside))

    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
        self._store.delete(self._inside(key))

    def check(self) -> None:
        """Check that the folder can be used."""
        self._store.check()

    def _inside(self, key: str) -> str:
        key_checks.check_key(key)
        return self._without_run("object key", key)

    def _without_run(self, field: str, key: str) -> str:
        """Return where a key leads in the folder.

        Raises:
            InvalidInputError: it is another run's.
        """
        if not key.startswith(self._prefix):
            bound = f"one that begins with {self._prefix!r}: {self._folder} is that run's alone"
            raise InvalidInputError(field, key, bound).of(str(self._folder))
        return key.removeprefix(self._prefix)
