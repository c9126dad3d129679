"""Checks a passage of a MuJoCo task once for all its steps: a check in each would cost more than it finds.

Shapes: T steps of a passage, N environments, O observation.
"""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.true_rewards import Steps, TrueReward
from somersault.domain.arrays import FloatArray
from somersault.errors import EnvironmentFailedError
from somersault.tasks import Task

__all__ = ["check_finite", "compute_true_rewards"]


def check_finite(task: Task, observations: FloatArray) -> None:
    """Check the observations ``[T + 1, N, O]`` of a passage.

    Raises:
        EnvironmentFailedError: A number is not finite.
    """
    place = _first_infinite(observations)
    if place is not None:
        step, row, component = place
        raise EnvironmentFailedError(
            f"environment {task.name} (copy {row}) returned an observation that is {observations[place]} at"
            f" [{component}], must be finite, at step {step} of a rollout of {len(observations) - 1}"
        )


def compute_true_rewards(task: Task, function: TrueReward, steps: Steps) -> FloatArray:
    """Return the true rewards ``[T, N]`` float32 of steps.

    Raises:
        EnvironmentFailedError: The function raises, or returns something else than a finite number per step.
    """
    who = f"true reward {task.teacher_source or 'of ' + task.name}"
    try:
        rewards = np.asarray(function(steps), np.float32)
    except (Exception, SystemExit) as error:  # whatever the user's function raises
        frame = traceback.extract_tb(error.__traceback__)[-1]
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise EnvironmentFailedError(f"{who} raised {told} ({frame.filename}:{frame.lineno})") from error
    shape = steps.actions.shape[:-1]
    if rewards.shape != shape:
        raise EnvironmentFailedError(
            f"{who} returned an array of shape {rewards.shape}, must be {shape}: one number per step and environment"
        )
    place = _first_infinite(rewards)
    if place is not None:
        raise EnvironmentFailedError(
            f"{who} returned {rewards[place]} as reward, must be a finite number, at step {place[0]} of a rollout of"
            f" {shape[0]}, copy {place[1]}"
        )
    return rewards


def _first_infinite(values: NDArray[Any]) -> tuple[int, ...] | None:
    """Return where the first number is that isn't finite; None if all are."""
    is_finite = np.isfinite(values)
    return None if is_finite.all() else tuple(np.argwhere(~is_finite)[0].tolist())
