"""Which run a simulator works for, and which objects it writes for those who call it."""

from __future__ import annotations

from dataclasses import dataclass

from somersault.domain.keys import (
    check_is_key,
    clip_key,
    policy_clip_key,
    policy_version_of,
    segment_key,
    segment_of,
    video_key,
)
from somersault.domain.texts import check_name
from somersault.errors import InvalidInputError

__all__ = ["EPISODE_PREFIX", "OwnRun"]

EPISODE_PREFIX = "episode-"
"""What the names of episodes begin with that an evaluation stored; nobody compares them."""


@dataclass(frozen=True, slots=True)
class OwnRun:
    """The one run that a simulator works for; any run, if it was given none."""

    run_id: str = ""

    def check(self, field: str, run_id: str) -> str:
        """Return a run's name from a message if the simulator works for that run.

        Raises:
            InvalidInputError: it is no name, or another run's.
        """
        check_name(field, run_id)
        if self.run_id and run_id != self.run_id:
            raise InvalidInputError(field, run_id, f"{self.run_id!r}, the run that this simulator works for")
        return run_id

    def check_clip(self, segment_uri: str, clip_uri: str, *, size_px: int, has_bar: bool) -> None:
        """Check the keys of a segment and of the clip that is to be drawn of it.

        A clip that people compare has no bar and the task's own size. So has a policy's clip, which shows an episode.

        Raises:
            InvalidInputError: the first isn't a segment's of the run, or the second isn't one that we make for its clips.
        """
        found = segment_of(segment_uri)
        if found is None:
            bound = repr(segment_key(self.run_id or "RUN", "SEGMENT"))
            raise InvalidInputError("segment_uri", segment_uri, bound)
        run_id, segment_id = found
        self.check("run of segment_uri", run_id)
        expected = [video_key(run_id, segment_id, size_px=size_px, has_bar=has_bar)]
        if not (size_px or has_bar):
            expected.append(clip_key(run_id, segment_id))
            version = policy_version_of(clip_uri, run_id=run_id)
            if version is not None and segment_id.startswith(EPISODE_PREFIX):
                expected.append(policy_clip_key(run_id, version))
        check_is_key("clip_uri", clip_uri, *expected)
