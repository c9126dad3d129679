"""The clips of a run's policies, made while it was training."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from somersault.domain.arrays import FloatArray
from somersault.errors import CorruptDataError, NotFoundError
from somersault.runs.database import open_database
from somersault.runs.run import Run
from somersault.runs.state import RunState

__all__ = ["StoredClip", "list_policy_clips", "read_policy_clip"]

_QUERY = """
SELECT policy_version, env_steps, clip_uri, sha256, duration_s, created_ms, is_final, predicted_rewards, true_return
FROM policy_clips WHERE run_id = ? ORDER BY policy_version
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredClip:
    """The clip of one policy."""

    policy_version: int
    env_steps: int
    clip_uri: str
    """Key in the run's store; empty for the video in its folder."""
    sha256: str
    duration_s: float
    created_ms: int
    is_final: bool
    predicted_rewards: FloatArray
    """``[T]``, empty if nothing was predicted."""
    true_return: float | None


def list_policy_clips(run: Run) -> list[StoredClip]:
    """List a run's clips, oldest first; for a finished run without any, the video of its final policy.

    Raises:
        CorruptDataError: the database can't be read.
    """
    clips = _from_database(run) if run.labels.is_file() else []
    return clips or _video_of_the_end(run)


def read_policy_clip(run: Run, policy_version: int) -> tuple[bytes, str]:
    """Return a clip and its SHA-256.

    Raises:
        NotFoundError: there is none of that version, or its bytes are gone.
        CorruptDataError: the bytes are not what they were.
    """
    found = [clip for clip in list_policy_clips(run) if clip.policy_version == policy_version]
    if not found:
        raise NotFoundError(f"run {run.name} has no clip of policy version {policy_version}")
    (clip,) = found
    if not clip.clip_uri:
        return (run.path / "policy.mp4").read_bytes(), clip.sha256
    return run.store.get(clip.clip_uri, expect_sha256=clip.sha256), clip.sha256


def _from_database(run: Run) -> list[StoredClip]:
    try:
        with open_database(run.labels) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'policy_clips'").fetchall():
                return []  # from an earlier version of somersault
            rows = database.execute(_QUERY, (run.settings.run_id,)).fetchall()
    except sqlite3.Error as error:
        raise CorruptDataError(f"{run.labels} can't be read: {error}") from error
    return [
        StoredClip(
            policy_version=row[0],
            env_steps=row[1],
            clip_uri=row[2],
            sha256=row[3],
            duration_s=row[4],
            created_ms=row[5],
            is_final=bool(row[6]),
            predicted_rewards=np.frombuffer(row[7], "<f4"),
            true_return=row[8],
        )
        for row in rows
    ]


def _video_of_the_end(run: Run) -> list[StoredClip]:
    video, summary = run.path / "policy.mp4", run.summary
    if summary is None or not video.is_file() or run.state is not RunState.FINISHED:
        return []
    return [
        StoredClip(
            policy_version=int(summary.get("policy_versions", 0)),
            env_steps=int(summary.get("env_steps", 0)),
            clip_uri="",
            sha256=_digest(video, video.stat().st_mtime_ns),
            duration_s=run.task.episode_steps * run.task.step_s,
            created_ms=int(video.stat().st_mtime * 1000),
            is_final=True,
            predicted_rewards=np.empty(0, np.float32),
            true_return=None,
        )
    ]


@lru_cache(maxsize=1024)  # a page of runs asks every ten seconds
def _digest(video: Path, mtime_ns: int) -> str:  # noqa: ARG001 - a video that was made again is another
    return hashlib.sha256(video.read_bytes()).hexdigest()
