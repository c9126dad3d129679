"""How clips are encoded, and where the web gateway serves them.

A clip's media type goes with its digest: whoever serves or stores the bytes asks here what to call them. There is one
type so far; another begins with an entry in `_SUFFIXES`.
"""

from __future__ import annotations

__all__ = [
    "CLIPS_PATH",
    "CLIP_MEDIA_TYPE",
    "POLICY_CLIPS_PATH",
    "clip_path",
    "clip_suffix",
    "policy_clip_path",
]

CLIP_MEDIA_TYPE = "video/mp4"
"""H.264 in MP4, without sound: what every browser plays."""

_SUFFIXES = {CLIP_MEDIA_TYPE: ".mp4"}

CLIPS_PATH = "/clips/"
POLICY_CLIPS_PATH = "/policy-clips/"


def clip_suffix(media_type: str = CLIP_MEDIA_TYPE) -> str:
    """Return what the keys and paths of clips of a media type end with, such as ``.mp4``."""
    return _SUFFIXES[media_type]


def clip_path(query_id: str, side: str) -> str:
    """Return the gateway's path of the clip on one side of a query."""
    return f"{CLIPS_PATH}{query_id}/{side}{clip_suffix()}"


def policy_clip_path(run_id: str, policy_version: int | str) -> str:
    """Return the gateway's path of the clip of a run's policy."""
    return f"{POLICY_CLIPS_PATH}{run_id}/{policy_version}{clip_suffix()}"
