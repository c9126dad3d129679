"""A task that is a Gymnasium environment, played on through the ends of its episodes as a simulator does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.environments.gymnasium_spaces import action_maker, frame_maker
from somersault.environments.world import Frame
from somersault.tasks import GymnasiumEnvironment, Task
from somersault.tasks.gymnasium import open_gymnasium

__all__ = ["GymnasiumWorld"]

_MAX_SEED = 2**31  # as the simulator draws its seeds


class GymnasiumWorld:
    """A `World` of a task whose environment is a `GymnasiumEnvironment`."""

    def __init__(self, task: Task) -> None:
        """Open the environment.

        Raises:
            InvalidInputError: it can't be made, or is not as the task declares it.
            UnavailableError: a package that it needs is missing.
        """
        assert isinstance(task.environment, GymnasiumEnvironment)
        self._inner = open_gymnasium(task.environment)
        self._to_frame = frame_maker(self._inner.observation_space, task)
        self._to_action = action_maker(self._inner.action_space, task)
        self._seeds = np.random.default_rng()

    def begin(self, seed: int | None) -> Frame:
        """Begin an episode; see `World`."""
        if seed is not None:
            self._seeds = np.random.default_rng(int(np.random.default_rng(seed).integers(_MAX_SEED)))
        return self._reset()

    def step(self, action: NDArray[Any]) -> Frame:
        """Make a step; where it ends an episode the next begins at once, and the agent is not told."""
        observation, _, is_terminated, is_truncated, _ = self._inner.step(self._to_action(action))
        return self._reset() if is_terminated or is_truncated else self._to_frame(observation)

    def draw(self) -> NDArray[Any]:
        """Return a picture; see `World`."""
        return np.asarray(self._inner.render())

    def close(self) -> None:
        """End it; see `World`."""
        self._inner.close()

    def _reset(self) -> Frame:
        observation, _ = self._inner.reset(seed=int(self._seeds.integers(_MAX_SEED)))
        return self._to_frame(observation)
