"""An object store that ends with its process, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from somersault.errors import NotFoundError
from somersault.storage import key_checks, object_store
from somersault.storage.object_store import MAX_OBJECT_BYTES, StoredObject


class MemoryStore:
    """Stores objects in a dictionary."""

    def __init__(self, *, max_object_bytes: int = MAX_OBJECT_BYTES) -> None:
        """Start empty."""
        self._max_object_bytes = max_object_bytes
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()  # guards _objects

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store an object; see `ObjectStore.put`."""
        key_checks.check_key(key)
        object_store.check_size(key, size_bytes=len(data), max_bytes=self._max_object_bytes)
        with self._lock:
            self._objects[key] = bytes(data)
        return object_store.describe(key, data)

    def get(self, key: str, *, expect_sha256: str | None = None) -> bytes:
        """Return an object's bytes; see `ObjectStore.get`."""
        key_checks.check_key(key)
        object_store.check_digest(expect_sha256)
        with self._lock:
            data = self._objects.get(key)
        if data is None:
            raise NotFoundError(f"no object {key!r} in memory")
        object_store.verify(key, data, expect_sha256)
        return data

    def exists(self, key: str) -> bool:
        """Return whether an object has that key."""
        key_checks.check_key(key)
        with self._lock:
            return key in self._objects

    def list(self, prefix: str) -> Iterator[str]:
        """Return the keys that start with a prefix, sorted."""
        key_checks.check_prefix(prefix)
        with self._lock:
            return iter(sorted(key for key in self._objects if key.startswith(prefix)))

    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
        key_checks.check_key(key)
        with self._lock:
            self._objects.pop(key, None)

    def check(self) -> None:
        """Check that the store works; see `ObjectStore.check`."""
        object_store.probe(self)
