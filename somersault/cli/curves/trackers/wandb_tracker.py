"""Weights & Biases. Offline if nobody is logged in; ``wandb sync RUN/wandb/offline-run-*`` uploads it later.

Its client: https://docs.wandb.ai/models/ref/python
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from somersault.cli.curves.sink import CurvePoint, CurveSink, RunFacts
from somersault.cli.curves.trackers.clip_file import clip_file
from somersault.cli.curves.trackers.identity import TrackerIdentity
from somersault.runtime.config import environment

__all__ = ["open_sink"]

_STEPS = "run/env_steps"
_UNFINISHED = 1  # the exit code of a run that stops before its end; a resume takes it up again


def open_sink(facts: RunFacts, *, folder: Path, identity: TrackerIdentity) -> CurveSink:
    """Begin or continue the run's record at wandb."""
    import wandb

    mode = environment("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
    run = wandb.init(
        project=environment("WANDB_PROJECT", "somersault"),
        id=identity.stored_or_new(),
        name=facts.run_id,
        config=dict(facts.settings),
        notes="\n\n".join(f"{name}: {text}" for name, text in facts.texts.items()),
        dir=str(folder),
        mode=mode,
        resume="allow" if mode == "online" else None,
        settings=wandb.Settings(silent=True, console="off"),
    )
    run.define_metric(_STEPS)
    run.define_metric("*", step_metric=_STEPS)
    return _Wandb(run, make_video=wandb.Video)


class _Wandb:
    def __init__(self, run: Any, *, make_video: Any) -> None:
        self._run = run
        self._make_video = make_video
        self._exit_code = _UNFINISHED

    def write(self, point: CurvePoint) -> None:
        self._run.log({_STEPS: point.env_steps, "run/wall_s": point.wall_s, **point.scalars})

    def rewind(self, env_steps: int) -> None:
        """Do nothing: what was logged stays."""

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        with clip_file(clip, name=name) as path:  # wandb copies it at once
            self._run.log({_STEPS: env_steps, name: self._make_video(str(path), format="mp4")})

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        self._run.summary.update({f"final/{name}": value for name, value in results.items()})
        self._exit_code = 0

    def close(self) -> None:
        self._run.finish(exit_code=self._exit_code)
