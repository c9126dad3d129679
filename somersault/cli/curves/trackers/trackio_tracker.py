"""trackio, on this machine: ``trackio show --project somersault``. Its client: https://github.com/gradio-app/trackio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from somersault.cli.curves.sink import CurvePoint, CurveSink, RunFacts
from somersault.cli.curves.trackers.clip_file import clip_file
from somersault.cli.curves.trackers.identity import TrackerIdentity

__all__ = ["open_sink"]


def open_sink(facts: RunFacts, *, folder: Path, identity: TrackerIdentity) -> CurveSink:  # noqa: ARG001 - keeps its own
    """Begin or continue the run's record at trackio."""
    import trackio

    run = trackio.init(
        project="somersault",
        name=f"{facts.run_id}-{identity.stored_or_new()}",  # a name is all that tells its runs apart
        config={**facts.settings, **facts.texts},
        resume="allow",
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    return _Trackio(run, make_video=trackio.Video)


class _Trackio:
    def __init__(self, run: Any, *, make_video: Any) -> None:
        self._run = run
        self._make_video = make_video

    def write(self, point: CurvePoint) -> None:
        self._run.log({"run/wall_s": point.wall_s, **point.scalars}, step=point.env_steps)

    def rewind(self, env_steps: int) -> None:
        """Do nothing: what was logged stays."""

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        with clip_file(clip, name=name) as path:  # trackio copies it at once
            self._run.log({name: self._make_video(str(path))}, step=env_steps)

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        self._run.log({f"final/{name}": value for name, value in results.items()}, step=env_steps)

    def close(self) -> None:
        self._run.finish()
