"""Clips of a run's policies: verified when they are added, then served."""

from __future__ import annotations

import math

import sqlalchemy as sa
import structlog

from services.labeler.clips import policy_clip_repository
from services.labeler.clips.query_clips import read_clip
from services.labeler.clips.render_queue import MAX_CLIP_BYTES
from services.labeler.database import Database
from services.labeler.model.clips import PolicyClip
from services.labeler.model.labelers import Labeler
from services.labeler.oversight import audit_repository
from services.labeler.runs import run_repository
from somersault.domain.keys import check_is_key, policy_clip_key
from somersault.domain.trajectory import MAX_DURATION_S
from somersault.errors import CorruptDataError, InvalidInputError, NotFoundError
from somersault.storage import ObjectStore

__all__ = ["PolicyClips"]

_log = structlog.get_logger()

MAX_PREDICTED = 10_000  # steps of the longest episode

_FTYP = slice(4, 8)  # the type of an MP4's first box, after its length


class PolicyClips:
    """Adds, lists and reads policies' clips."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        """Take the database, and the object store that holds the clips."""
        self._database = database
        self._store = store

    async def add(self, by: Labeler, run_id: str, clip: PolicyClip) -> None:
        """Add a clip that is stored under the run, replacing an earlier one of that policy.

        Raises:
            InvalidInputError: a value is out of its bounds, or the clip isn't stored as described.
            NotFoundError: the run is unknown.
        """
        _check(run_id, clip)
        await self._database.read(lambda connection: run_repository.read_row(connection, run_id))
        await self._verify(clip)

        def add(connection: sa.Connection) -> None:
            if policy_clip_repository.add(connection, run_id, clip):
                what = f"policy {clip.policy_version}"
                audit_repository.add(
                    connection, by, "AddPolicyClip", run_id=run_id, what=what, is_final=clip.is_final
                )

        await self._database.write(add)

    async def list_of_run(self, run_id: str) -> list[PolicyClip]:
        """Return a run's newest hundred clips, oldest first.

        Raises:
            NotFoundError: the run is unknown.
        """
        return await self._database.read(
            lambda connection: policy_clip_repository.list_newest(connection, run_id)
        )

    async def read(self, run_id: str, policy_version: int) -> tuple[bytes, str]:
        """Return a clip and its SHA-256.

        Raises:
            NotFoundError: there is none, or not any more.
            CorruptDataError: the stored bytes have changed.
        """
        clip = await self._database.read(
            lambda connection: policy_clip_repository.read(connection, run_id, policy_version)
        )
        try:
            data = await read_clip(self._store, clip.clip_uri, sha256=clip.sha256)
        except (NotFoundError, CorruptDataError) as err:
            _log.warning("policy_clip_lost", run_id=run_id, policy_version=policy_version, detail=str(err))
            what = "is gone from the store" if isinstance(err, NotFoundError) else "has changed in the store"
            said = f"the clip of policy version {policy_version} {what}, so it can't be shown any more"
            raise type(err)(said).never() from err
        return data, clip.sha256

    async def _verify(self, clip: PolicyClip) -> None:
        try:
            data = await read_clip(self._store, clip.clip_uri, sha256=clip.sha256)
        except (NotFoundError, CorruptDataError) as err:
            raise InvalidInputError(
                f"clip_uri {clip.clip_uri!r} holds no clip of clip_sha256: {err}"
            ) from err
        if not 0 < len(data) <= MAX_CLIP_BYTES:
            raise InvalidInputError("size of the clip in bytes", len(data), f"1 to {MAX_CLIP_BYTES}")
        if data[_FTYP] != b"ftyp":
            raise InvalidInputError(
                f"clip_uri {clip.clip_uri!r} holds no MP4: it doesn't begin with an ftyp box"
            )


def _check(run_id: str, clip: PolicyClip) -> None:
    for field in ("policy_version", "env_steps"):
        if getattr(clip, field) < 0:
            raise InvalidInputError(f"clip.{field}", getattr(clip, field), "at least 0")
    if not 0 < clip.duration_s <= MAX_DURATION_S:
        bound = f"more than 0 and at most {MAX_DURATION_S:.0f} seconds"
        raise InvalidInputError("clip.duration_s", clip.duration_s, bound)
    check_is_key("clip_uri", clip.clip_uri, policy_clip_key(run_id, clip.policy_version))
    if len(clip.sha256) != 64 or set(clip.sha256) - set("0123456789abcdef"):
        raise InvalidInputError("clip.clip_sha256", clip.sha256, "64 lower-case hexadecimal digits")
    if len(clip.predicted_rewards) > MAX_PREDICTED:
        number = len(clip.predicted_rewards)
        raise InvalidInputError("number of clip.predicted_rewards", number, f"at most {MAX_PREDICTED}")
    if not all(map(math.isfinite, clip.predicted_rewards)):
        raise InvalidInputError("clip.predicted_rewards", "a value that is not finite", "finite values")
    if clip.true_return is not None and not math.isfinite(clip.true_return):
        raise InvalidInputError("clip.true_return", clip.true_return, "a finite number")
