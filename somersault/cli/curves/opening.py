"""Opens a run's curves: ``progress.jsonl``, TensorBoard and the requested tracker."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from somersault.cli.curves.progress_log import ProgressLog
from somersault.cli.curves.sink import CurveSink, RunFacts
from somersault.cli.curves.tensorboard import TensorBoard
from somersault.cli.curves.tolerant_sink import TolerantSink
from somersault.cli.curves.trackers.background_sink import BackgroundSink
from somersault.cli.curves.trackers.registry import open_tracker
from somersault.cli.curves.writer import CurveWriter
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.tasks import get_task

__all__ = ["facts_of", "open_curves"]

_SETTINGS = (
    "task",
    "teacher",
    "seed",
    "label_budget",
    "total_env_steps",
    "pacing",
    "is_reference",
    "num_environments",
    "precision",
)
"""Settings that distinguish runs; where their services listen and store doesn't."""


def open_curves(config: RunConfig, folder: RunFolder, *, say: Callable[[str], None]) -> CurveWriter:
    """Open a run's curves, continuing where its earlier lives ended.

    Args:
        config: The run's settings.
        folder: Its folder.
        say: Called with what a tracker can't do; the run goes on without it.

    Raises:
        ConfigError: TensorBoard's package is missing.
    """
    facts, log = facts_of(config), ProgressLog(folder.progress)
    newest = log.newest_env_steps
    sinks: list[CurveSink] = [
        log,
        TolerantSink(partial(TensorBoard, folder.curves, facts), name="TensorBoard", say=say),
    ]
    if config.track is not None:
        open_sink = partial(open_tracker, config.track, facts, folder=folder.path)
        sinks.append(BackgroundSink(open_sink, name=config.track, newest_env_steps=newest, say=say))
    return CurveWriter(sinks, say=say, newest_env_steps=newest)


def facts_of(config: RunConfig) -> RunFacts:
    """Return what is known of a run when it begins."""
    task = get_task(config.task)
    settings = {name: getattr(config, name) for name in _SETTINGS}
    settings |= {f"ppo.{name}": value for name, value in task.defaults.ppo.items()}
    texts = {"question": task.question, "guidelines": task.description}
    if task.teacher is not None:
        texts["hidden_reward"] = f"The agent never sees it; teachers and tests do: {task.teacher}."
    return RunFacts(run_id=config.run_id, settings=settings, texts=texts)
