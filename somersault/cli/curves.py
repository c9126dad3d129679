"""Writes a run's curves: for TensorBoard, and as ``progress.jsonl`` for everybody else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Self

from somersault.cli.progress import RunProgress
from somersault.errors import ConfigError

__all__ = ["CurveWriter"]


class CurveWriter:
    """Appends to a run's curves; several lives of a run follow each other in the same files."""

    def __init__(self, *, tensorboard: Path, progress: Path) -> None:
        """Opens both.

        Raises:
            ConfigError: TensorBoard's package is missing.
        """
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise ConfigError("curves need tensorboard; pip install 'somersault[cli]'") from error
        self._make_event = event_pb2.Event
        self._make_summary = summary_pb2.Summary
        self._events = EventFileWriter(str(tensorboard))
        self._rows = progress.open("a", encoding="utf-8")
        if progress.stat().st_size and not progress.read_bytes().endswith(b"\n"):
            self._rows.write("\n")  # the last life was killed in mid-row

    def write(self, progress: RunProgress, *, wall_s: float, num_restarts: int) -> None:
        """Appends one point to each curve that has a value."""
        scalars = _scalars(progress)
        row = {
            "wall_s": round(wall_s, 3),
            "restarts": num_restarts,
            "state": progress.state,
            **scalars,
        }
        self._rows.write(json.dumps(row) + "\n")
        self._rows.flush()
        values = [self._make_summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        event = self._make_event(
            wall_time=time.time(), step=progress.env_steps, summary=self._make_summary(value=values)
        )
        self._events.add_event(event)
        self._events.flush()

    def close(self) -> None:
        """Closes both."""
        self._events.close()
        self._rows.close()

    def __enter__(self) -> Self:
        """Gives the writer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes both."""
        self.close()


def _scalars(progress: RunProgress) -> dict[str, Any]:
    """Gives each curve's value by its tag, without those that nobody has told yet."""
    values: dict[str, float | None] = {
        "run/env_steps": progress.env_steps,
        "run/env_steps_per_s": progress.env_steps_per_s,
        "run/labels": progress.num_labels,
        "run/labels_due": progress.num_labels_due,
        "run/policy_version": progress.policy_version,
        "run/reward_version": progress.reward_version,
        "episode/true_return_mean": progress.true_return_mean,
        "episode/flips_mean": progress.flips_mean,
        "episode/landed_flips_mean": progress.landed_flips_mean,
        "reward/predicted_reward_mean": progress.predicted_reward_mean,
        "reward/preference_accuracy": progress.preference_accuracy,
        **{f"learner/{name}": value for name, value in progress.statistics.items()},
    }
    return {tag: value for tag, value in values.items() if value is not None}
