"""A task as a `gymnasium.Env`, as the agent saw it: without a reward.

Shapes: F frames of an observation, O of a vector, H x W of a picture, A action length.
"""

from __future__ import annotations

from collections import deque
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from somersault.domain.actions import bounds_of_choices
from somersault.domain.frames import unpacked
from somersault.environments.world import World
from somersault.errors import InvalidInputError
from somersault.tasks import Task

__all__ = ["TaskEnvironment"]

Observation = NDArray[Any] | dict[str, NDArray[Any]]
Action = NDArray[Any]


class TaskEnvironment(gymnasium.Env[Observation, Action]):
    """Observes, acts and ends as in a run; its reward is 0.

    Observations are float32 ``[O]`` or the F newest pictures, uint8 ``[F, H, W]``, oldest first; ``[F * C, H,
    W]`` if several are seen at once; a dict of ``pictures`` and ``numbers``, float32 ``[V]``, if there are
    numbers beside them. Actions are float32 ``[A]``, clipped to -1 and 1, or one of ``Discrete(n)``, or
    several choices of ``MultiDiscrete``.

    An episode is truncated after the task's length and never terminates: after an early end the environment
    stands still for the task's `still_steps`, then the episode is truncated too, and learners bootstrap. The
    info of a step has ``is_still`` if the step changed nothing; otherwise it is empty.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - Gymnasium's own name for it

    def __init__(self, task: Task, world: World, *, render_mode: str | None = None) -> None:
        """Wrap a task's environment; `make_env` finds both."""
        self.task = task
        self.render_mode = render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / task.step_s)}
        self.observation_space = _observation_space(task)
        self.action_space = _action_space(task)
        self._world = world
        self._frames: deque[NDArray[Any]] = deque(maxlen=task.num_frames)
        self._num_steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; with a seed, as the first environment of a simulator with this seed does."""
        super().reset(seed=seed)
        self._num_steps = 0
        self._frames.extend([self._world.begin(seed)] * self.task.num_frames)
        return self._observe(), {}

    def step(self, action: Action) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Make a step; the reward is 0.

        Raises:
            InvalidInputError: The action has another shape, or isn't one of the choices.
        """
        is_still = self._world.is_still
        self._frames.append(self._world.step(self._executed(action)))
        self._num_steps += not is_still
        is_at_limit = self._num_steps >= self.task.episode_steps and not self._world.is_still and not is_still
        info = {"is_still": True} if is_still else {}
        return self._observe(), 0.0, False, is_at_limit or self._world.is_over, info

    def render(self) -> Any:
        """Return a picture, ``[height, width, 3]`` uint8, if made with ``render_mode="rgb_array"``; otherwise None."""
        return self._world.render() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Close the environment."""
        self._world.close()

    def _observe(self) -> Observation:
        if not self.task.spec.is_image:
            return self._frames[-1].copy()
        return unpacked(np.stack(self._frames), spec=self.task.spec)

    def _executed(self, action: Action) -> Action:
        spec = self.task.spec
        executed = np.asarray(action, spec.action_dtype)
        if executed.shape != spec.action_shape:
            raise InvalidInputError("shape of the action", executed.shape, str(spec.action_shape))
        if not spec.is_discrete:
            return np.asarray(np.clip(executed, np.float32(-1), np.float32(1)))
        wrong = bounds_of_choices(executed, choices=spec.choices)
        if wrong is not None:
            raise InvalidInputError("action", *wrong)
        return executed


def _observation_space(task: Task) -> spaces.Space[Any]:
    spec = task.spec
    if spec.is_image:
        pictures = spaces.Box(0, 255, (spec.num_channels, *spec.frame_shape), np.uint8)
        numbers = spaces.Box(-np.inf, np.inf, (spec.num_numbers,), np.float32)
        return spaces.Dict({"numbers": numbers, "pictures": pictures}) if spec.num_numbers else pictures
    return spaces.Box(-np.inf, np.inf, spec.frame_shape, np.float32)


def _action_space(task: Task) -> spaces.Space[Any]:
    spec = task.spec
    if spec.choice_sizes:
        return spaces.MultiDiscrete(np.array(spec.choice_sizes), np.int32)
    if spec.is_discrete:
        return spaces.Discrete(spec.num_actions)
    return spaces.Box(-1.0, 1.0, spec.action_shape, np.float32)
