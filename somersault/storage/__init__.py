"""Where segments, clips, policies and checkpoints are kept: a folder or any S3 API."""

from somersault.storage.identity import (
    StoredIdentity,
    check_store,
    new_identity,
    read_identity,
    write_identity,
)
from somersault.storage.location import open_store
from somersault.storage.object_store import MAX_OBJECT_BYTES, STORE_THREADS, ObjectStore, StoredObject

__all__ = [
    "MAX_OBJECT_BYTES",
    "STORE_THREADS",
    "ObjectStore",
    "StoredIdentity",
    "StoredObject",
    "check_store",
    "new_identity",
    "open_store",
    "read_identity",
    "write_identity",
]
