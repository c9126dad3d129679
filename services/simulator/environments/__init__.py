"""Batches of environments stepped together, one kind for each that a task can name."""

from services.simulator.environments.batch import (
    EnvironmentBatch,
    Footage,
    Lane,
    Passage,
    steps_already_taken,
)
from services.simulator.environments.opening import footage_layout, open_environment

__all__ = [
    "EnvironmentBatch",
    "Footage",
    "Lane",
    "Passage",
    "footage_layout",
    "open_environment",
    "steps_already_taken",
]
