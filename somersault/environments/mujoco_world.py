"""A MuJoCo task, one environment at a time, stepped by Gymnasium's own environment.

Each step begins with a zero warm start, as the simulator's steps do, so the two are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from somersault.environments.world import Frame
from somersault.errors import InvalidInputError
from somersault.tasks import MujocoEnvironment, Task

__all__ = ["MujocoWorld", "gymnasium_options"]

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    # The tasks' observations leave out what isn't part of a state.
    "Ant-v5": {"include_cfrc_ext_in_observation": False},
}


def gymnasium_options(environment: MujocoEnvironment) -> dict[str, Any]:
    """Return the arguments with which `gymnasium.make` gives a task's dynamics and observations."""
    options = dict(_OPTIONS.get(environment.environment_id, {}))
    if environment.model_file.startswith("/"):
        options |= {"xml_file": environment.model_file, "frame_skip": environment.frame_skip}
    return options


class MujocoWorld:
    """A `World` of a task whose environment is a `MujocoEnvironment`."""

    is_still = False
    is_over = False  # none ends early

    def __init__(self, task: Task, *, has_pictures: bool) -> None:
        """Open the environment.

        Raises:
            InvalidInputError: Gymnasium's environment observes something else than the task declares.
        """
        environment = task.environment
        assert isinstance(environment, MujocoEnvironment)
        opened: Any = gymnasium.make(
            environment.environment_id,
            render_mode="rgb_array" if has_pictures else None,
            disable_env_checker=True,
            **gymnasium_options(environment),
        )
        self._inner: Any = opened.unwrapped
        shape = self._inner.observation_space.shape
        if shape != task.frame_shape:
            bound = f"{task.frame_shape}, as {task.name} declares: this package can't make that observation"
            raise InvalidInputError(f"shape of what {environment.environment_id} observes", shape, bound)
        model: Any = self._inner.model
        is_limited = model.actuator_ctrllimited.astype(bool)
        low, high = model.actuator_ctrlrange.T
        self._scale = np.where(is_limited, (high - low) / 2, 1.0)
        self._middle = np.where(is_limited, (high + low) / 2, 0.0)

    def begin(self, seed: int | None) -> Frame:
        """Begin an episode; see `World`."""
        observation, _ = self._inner.reset(seed=seed)
        return np.asarray(observation, np.float32)

    def step(self, action: NDArray[Any]) -> Frame:
        """Make a step; see `World`."""
        self._inner.data.qacc_warmstart[:] = 0.0
        observation, *_ = self._inner.step(action.astype(np.float64) * self._scale + self._middle)
        return np.asarray(observation, np.float32)

    def render(self) -> NDArray[Any]:
        """Return a picture; see `World`."""
        return np.asarray(self._inner.render())

    def close(self) -> None:
        """Close the environment; see `World`."""
        self._inner.close()
