"""The keys of a run's objects in object storage, all of them, and what clips are encoded as.

A clip's media type goes with its digest: code that stores or serves the bytes asks here what to call them. There is one so
far; another begins with an entry in `_CLIP_SUFFIXES`. A prefix ends with a slash.
"""

from __future__ import annotations

__all__ = [
    "CLIP_MEDIA_TYPE",
    "checkpoints_prefix",
    "clip_key",
    "clip_suffix",
    "identity_key",
    "policies_prefix",
    "policy_clip_key",
    "policy_clips_prefix",
    "policy_key",
    "sealed_key",
    "segment_key",
    "segments_prefix",
]

CLIP_MEDIA_TYPE = "video/mp4"
"""H.264 in MP4, without sound: what every browser plays."""

_CLIP_SUFFIXES = {CLIP_MEDIA_TYPE: ".mp4"}


def segment_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment: its observations, its actions, and what it is rendered from."""
    return f"{segments_prefix(run_id)}{segment_id}.safetensors"


def segments_prefix(run_id: str) -> str:
    """Return the prefix of a run's segments."""
    return f"{run_id}/segments/"


def sealed_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment's sealed teacher part, under a prefix that only teachers may read."""
    return f"{run_id}/sealed/{segment_id}.safetensors"


def clip_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment's clip."""
    return f"{run_id}/clips/{segment_id}{clip_suffix()}"


def policy_key(run_id: str, policy_version: int) -> str:
    """Return the key of a policy's weights."""
    return f"{policies_prefix(run_id)}{policy_version:08d}.safetensors"


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


def clip_suffix(media_type: str = CLIP_MEDIA_TYPE) -> str:
    """Return what the keys and paths of clips of a media type end with, such as ``.mp4``."""
    return _CLIP_SUFFIXES[media_type]
