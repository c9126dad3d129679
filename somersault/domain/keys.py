"""The keys of a run's objects in object storage."""

from __future__ import annotations

from somersault.domain.clip_media import clip_suffix

__all__ = ["clip_key", "sealed_key", "segment_key"]


def segment_key(run_id: str, segment_id: str) -> str:
    """Gives the key of a segment's observations, actions and what shows them again."""
    return f"{run_id}/segments/{segment_id}.safetensors"


def sealed_key(run_id: str, segment_id: str) -> str:
    """Gives the key of a segment's sealed teacher part: a prefix only teachers may read."""
    return f"{run_id}/sealed/{segment_id}.safetensors"


def clip_key(run_id: str, segment_id: str) -> str:
    """Gives the key of a segment's clip."""
    return f"{run_id}/clips/{segment_id}{clip_suffix()}"
