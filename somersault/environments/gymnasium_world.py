"""A task that is a Gymnasium environment. After an early end it stands still for a while, as in a simulator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.environments.declared_environment import DeclaredEnvironment
from somersault.environments.gymnasium_actions import action_maker
from somersault.environments.gymnasium_spaces import frame_maker
from somersault.environments.world import Frame
from somersault.tasks import GymnasiumEnvironment, Task
from somersault.tasks.gymnasium import open_gymnasium

__all__ = ["GymnasiumWorld"]

_MAX_SEED = 2**31  # as for the seeds that the simulator draws


class GymnasiumWorld:
    """A `World` of a task whose environment is a `GymnasiumEnvironment`."""

    def __init__(self, task: Task) -> None:
        """Open the environment.

        Raises:
            InvalidInputError: It can't be made, or isn't as the task declares it.
            UnavailableError: A package that it needs is missing.
        """
        assert isinstance(task.environment, GymnasiumEnvironment)
        opened = open_gymnasium(task.environment, episode_steps=task.episode_steps)
        self._inner = DeclaredEnvironment(opened, name=task.name)
        self._still_steps = task.still_steps
        self._still_steps_left = 0
        self._frame: Frame | None = None
        self.is_over = False
        self._to_frame = frame_maker(self._inner.observation_space, task)
        self._to_action = action_maker(self._inner.action_space, task)
        self._seeds = np.random.default_rng()

    def begin(self, seed: int | None) -> Frame:
        """Begin an episode; see `World`."""
        if seed is not None:
            self._seeds = np.random.default_rng(int(np.random.default_rng(seed).integers(_MAX_SEED)))
        return self._reset()

    @property
    def is_still(self) -> bool:
        """See `World`."""
        return self._still_steps_left > 0

    def step(self, action: NDArray[Any]) -> Frame:
        """Make a step, or stand still; see `World`."""
        if self._still_steps_left:
            self._still_steps_left -= 1
            self.is_over = self._still_steps_left == 0
            assert self._frame is not None, "it stands still after a step"
            return self._frame
        observation, _, is_terminated, is_truncated, _ = self._inner.step(self._to_action(action))
        if is_terminated:
            self._still_steps_left = self._still_steps
        self.is_over = bool(is_truncated) and not is_terminated
        self._frame = self._to_frame(observation)
        return self._frame

    def render(self) -> NDArray[Any]:
        """Return a picture; see `World`."""
        return np.asarray(self._inner.render())

    def close(self) -> None:
        """Close the environment; see `World`."""
        self._inner.close()

    def _reset(self) -> Frame:
        self._still_steps_left, self.is_over = 0, False
        observation, _ = self._inner.reset(seed=int(self._seeds.integers(_MAX_SEED)))
        return self._to_frame(observation)
