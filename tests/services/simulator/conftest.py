"""What the simulator's tests share: a task, untrained policies, gathered rollouts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from somersault.tasks import Task, get_task

PolicyArrays = Callable[..., dict[str, np.ndarray]]


@pytest.fixture
def task() -> Task:
    """The task under test."""
    return get_task("hopper-backflip")


@pytest.fixture
def policy_arrays() -> PolicyArrays:
    """Return a function that makes the arrays of an untrained policy for the hopper from a seed."""

    def make(*, seed: int = 1, hidden: int = 16) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)

        def draw(*shape: int) -> np.ndarray:
            return (0.3 * rng.standard_normal(shape)).astype(np.float32)

        return {
            "observation_mean": draw(11),
            "observation_std": np.exp(draw(11)),
            "hidden_0.weight": draw(hidden, 11),
            "hidden_0.bias": draw(hidden),
            "hidden_1.weight": draw(hidden, hidden),
            "hidden_1.bias": draw(hidden),
            "mean.weight": draw(3, hidden),
            "mean.bias": draw(3),
            "log_std": draw(3),
        }

    return make
