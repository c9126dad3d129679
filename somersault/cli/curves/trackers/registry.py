"""The experiment trackers of ``somersault train --track wandb|mlflow|trackio``, each used through its own client."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from pathlib import Path

from somersault.cli.curves.sink import CurveSink, RunFacts
from somersault.cli.curves.trackers.identity import TrackerIdentity
from somersault.errors import ConfigError, InvalidInputError

__all__ = ["TRACKERS", "check_tracker", "open_tracker"]

TRACKERS = ("wandb", "mlflow", "trackio")


def check_tracker(name: str | None) -> None:
    """Refuse a tracker that is unknown or whose client isn't installed.

    Raises:
        InvalidInputError: the name isn't in `TRACKERS`.
        ConfigError: its client is missing.
    """
    if name is None:
        return
    if name not in TRACKERS:
        raise InvalidInputError("--track", name, f"one of {', '.join(TRACKERS)}")
    if importlib.util.find_spec(name) is None:
        raise ConfigError(f"--track {name} needs its client: pip install 'somersault[{name}]'")


def open_tracker(name: str, facts: RunFacts, *, folder: Path) -> CurveSink:
    """Begin or continue a run's record at a tracker.

    Args:
        name: One of `TRACKERS`.
        facts: What is known about the run.
        folder: The run's folder, which keeps the run's id at the tracker.
    """
    identity = TrackerIdentity(folder / "tracking.json", name)
    module = importlib.import_module(f"somersault.cli.curves.trackers.{name}_tracker")
    with contextlib.redirect_stdout(sys.stderr):  # clients greet; our standard output may be one JSON object
        sink: CurveSink = module.open_sink(facts, folder=folder, identity=identity)
    return sink
