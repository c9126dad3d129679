"""The keys of a run's objects in object storage, all of them, and what clips are encoded as.

Keys are made here from names, never taken from a message: a key that arrives in one is compared with what its names make
(`check_is_key`), and a key from a list counts only if its names make exactly that key (`segment_of`, `policy_version_of`).
Whatever else lies under a run's prefix belongs to somebody else and is left alone.

A clip's media type goes with its digest: code that stores or serves the bytes asks here what to call them. There is one so
far; another begins with an entry in `_CLIP_SUFFIXES`. A prefix ends with a slash.
"""

from __future__ import annotations

import re

from somersault.domain.texts import check_name
from somersault.errors import InvalidInputError

__all__ = [
    "CLIP_MEDIA_TYPE",
    "check_is_key",
    "checkpoints_prefix",
    "clip_key",
    "clip_suffix",
    "identity_key",
    "policies_prefix",
    "policy_clip_key",
    "policy_clips_prefix",
    "policy_key",
    "policy_version_of",
    "sealed_key",
    "segment_key",
    "segment_of",
    "segments_prefix",
    "video_key",
]

CLIP_MEDIA_TYPE = "video/mp4"
"""H.264 in MP4, without sound: what every browser plays."""

_CLIP_SUFFIXES = {CLIP_MEDIA_TYPE: ".mp4"}
_ARRAYS_SUFFIX = ".safetensors"
_VERSION = re.compile(r"[0-9]{8,18}")


def segment_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment: its observations, its actions, and what it is rendered from."""
    return f"{segments_prefix(run_id)}{segment_id}{_ARRAYS_SUFFIX}"


def segments_prefix(run_id: str) -> str:
    """Return the prefix of a run's segments."""
    return f"{run_id}/segments/"


def sealed_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment's sealed teacher part, under a prefix that only teachers may read."""
    return f"{run_id}/sealed/{segment_id}{_ARRAYS_SUFFIX}"


def clip_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment's clip, as people compare it."""
    return f"{run_id}/clips/{segment_id}{clip_suffix()}"


def video_key(run_id: str, segment_id: str, *, size_px: int = 0, has_bar: bool = False) -> str:
    """Return the key of a video of an episode that no one compares: of any size, with or without a bar of rewards."""
    return f"{run_id}/videos/{segment_id}/{size_px}px{'-bar' if has_bar else ''}{clip_suffix()}"


def policy_key(run_id: str, policy_version: int) -> str:
    """Return the key of a policy's weights."""
    return f"{policies_prefix(run_id)}{policy_version:08d}{_ARRAYS_SUFFIX}"


def policies_prefix(run_id: str) -> str:
    """Return the prefix of a run's policies."""
    return f"{run_id}/policies/"


def policy_clip_key(run_id: str, policy_version: int) -> str:
    """Return the key of the clip that shows what one of a run's policies does."""
    return f"{policy_clips_prefix(run_id)}{policy_version:08d}{clip_suffix()}"


def policy_clips_prefix(run_id: str) -> str:
    """Return the prefix of the clips of a run's policies."""
    return f"{run_id}/policy-clips/"


def checkpoints_prefix(run_id: str, service: str) -> str:
    """Return the prefix of a service's checkpoints, ``learner`` or ``reward``."""
    return f"{run_id}/checkpoints/{service}/"


def identity_key(run_id: str) -> str:
    """Return the key of the object that says which run the objects belong to."""
    return f"{run_id}/identity.json"


def segment_of(key: str) -> tuple[str, str] | None:
    """Return the run and the segment whose segment object has a key; None for the key of anything else."""
    run_id, _, rest = key.partition("/")
    name = rest.removeprefix("segments/").removesuffix(_ARRAYS_SUFFIX)
    try:
        check_name("run_id", run_id), check_name("segment_id", name)
    except InvalidInputError:
        return None
    return (run_id, name) if key == segment_key(run_id, name) else None


def policy_version_of(key: str, *, run_id: str) -> int | None:
    """Return the version of the policy whose weights, or whose clip, have a key; None for the key of anything else."""
    name = key.rpartition("/")[2].partition(".")[0]
    if not _VERSION.fullmatch(name):
        return None
    version = int(name)
    return version if key in (policy_key(run_id, version), policy_clip_key(run_id, version)) else None


def check_is_key(field: str, key: str, *expected: str) -> str:
    """Return a key from a message if it is one that we make of the same message's names.

    Raises:
        InvalidInputError: it is another.
    """
    if key not in expected:
        raise InvalidInputError(field, key, " or ".join(map(repr, expected)))
    return key


def clip_suffix(media_type: str = CLIP_MEDIA_TYPE) -> str:
    """Return what the keys and paths of clips of a media type end with, such as ``.mp4``."""
    return _CLIP_SUFFIXES[media_type]
