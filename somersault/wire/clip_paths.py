"""Where the web gateway serves clips: the addresses in messages, and the gateway's routes."""

from __future__ import annotations

from somersault.domain.keys import clip_suffix

__all__ = ["CLIPS_PATH", "POLICY_CLIPS_PATH", "clip_path", "policy_clip_path"]

CLIPS_PATH = "/clips/"
POLICY_CLIPS_PATH = "/policy-clips/"


def clip_path(query_id: str, side: str) -> str:
    """Return the path of the clip on one side of a query."""
    return f"{CLIPS_PATH}{query_id}/{side}{clip_suffix()}"


def policy_clip_path(run_id: str, policy_version: int | str) -> str:
    """Return the path of the clip of a run's policy."""
    return f"{POLICY_CLIPS_PATH}{run_id}/{policy_version}{clip_suffix()}"
