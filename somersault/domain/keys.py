"""The keys of a run's objects in object storage, and what clips are encoded as.

A clip's media type goes with its digest: whoever stores or serves the bytes asks here what to call them. There is one so
far; another begins with an entry in `_CLIP_SUFFIXES`.
"""

from __future__ import annotations

__all__ = ["CLIP_MEDIA_TYPE", "clip_key", "clip_suffix", "sealed_key", "segment_key"]

CLIP_MEDIA_TYPE = "video/mp4"
"""H.264 in MP4, without sound: what every browser plays."""

_CLIP_SUFFIXES = {CLIP_MEDIA_TYPE: ".mp4"}


def segment_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment: its observations, its actions, and what it is rendered from."""
    return f"{run_id}/segments/{segment_id}.safetensors"


def sealed_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment's sealed teacher part, under a prefix that only teachers may read."""
    return f"{run_id}/sealed/{segment_id}.safetensors"


def clip_key(run_id: str, segment_id: str) -> str:
    """Return the key of a segment's clip."""
    return f"{run_id}/clips/{segment_id}{clip_suffix()}"


def clip_suffix(media_type: str = CLIP_MEDIA_TYPE) -> str:
    """Return what the keys and paths of clips of a media type end with, such as ``.mp4``."""
    return _CLIP_SUFFIXES[media_type]
