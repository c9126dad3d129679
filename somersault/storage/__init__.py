"""Where segments, clips, policies and checkpoints are kept: a folder or any S3 API."""

from somersault.storage.keys import check_policy_clip_key, policy_clip_key
from somersault.storage.location import open_store
from somersault.storage.object_store import MAX_OBJECT_BYTES, ObjectStore, StoredObject

__all__ = [
    "MAX_OBJECT_BYTES",
    "ObjectStore",
    "StoredObject",
    "check_policy_clip_key",
    "open_store",
    "policy_clip_key",
]
