"""Writes a run's curves to every sink; steps never go backwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from somersault.cli.curves.sink import CurveSink, make_point, results_of
from somersault.cli.monitoring.progress import RunProgress
from somersault.errors import SomersaultError

__all__ = ["CurveWriter"]


class CurveWriter:
    """Appends to a run's curves over its lives. When a checkpoint is restored, later points are dropped."""

    def __init__(
        self, sinks: Sequence[CurveSink], *, say: Callable[[str], None], newest_env_steps: int = 0
    ) -> None:
        """Take the sinks.

        Args:
            sinks: Each receives everything, in this order.
            say: Called about a video that can't be added.
            newest_env_steps: The newest step that earlier lives wrote; 0 in the first.
        """
        self._sinks = sinks
        self._say = say
        self._newest = newest_env_steps

    def write(self, progress: RunProgress, *, wall_s: float, num_restarts: int) -> None:
        """Add a point to each curve that has a value; nothing before the learner has reported where it resumes."""
        if progress.env_steps == 0 and self._newest > 0:
            return  # it has not been heard since it was started again
        if progress.env_steps < self._newest:
            for sink in self._sinks:
                sink.rewind(progress.env_steps)
        self._newest = progress.env_steps
        point = make_point(progress, wall_s=wall_s, num_restarts=num_restarts)
        for sink in self._sinks:
            sink.write(point)

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        """Add an mp4 of the policy at this step; one that can't be added is reported, and everything else goes on."""
        for sink in self._sinks:
            try:
                sink.add_video(name, clip, env_steps=env_steps)
            except SomersaultError as error:
                self._say(f"{name} could not be added to the curves: {error}")

    def add_policy_clip(self, clip: bytes, env_steps: int) -> None:
        """Add a policy clip made before the run's end."""
        self.add_video("policy/clip", clip, env_steps=env_steps)

    def conclude(self, summary: Mapping[str, Any], *, video: Path) -> None:
        """Add a run's results and its final video.

        Args:
            summary: As in ``summary.json``.
            video: The mp4 of the final policy.
        """
        env_steps = int(summary["env_steps"])
        self.add_video("policy/final", video.read_bytes(), env_steps=env_steps)
        for sink in self._sinks:
            sink.finish(results_of(summary), env_steps=env_steps)

    def close(self) -> None:
        """Close all."""
        for sink in self._sinks:
            sink.close()

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all."""
        self.close()
