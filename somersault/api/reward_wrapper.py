"""Puts a learned reward in the place of an environment's own, for other libraries to train on."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from somersault.actions import leave_out_still
from somersault.api.reward_model import RewardModel
from somersault.errors import FailedPreconditionError

__all__ = ["RewardWrapper"]


class RewardWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Pays what a reward model gives; nothing that a step returns tells what the environment itself pays.

    Wrap what `somersault.make_env` makes: that environment pays nothing at all, so the true reward can't be reached.
    Around another environment, the reward it pays is dropped, and so is what its info tells of rewards and episodes.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], reward_model: RewardModel) -> None:
        """Take an environment that observes and acts as the run did, and what is to pay in it."""
        super().__init__(env)
        self._reward_model = reward_model
        self._observation: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._observation, info = self.env.reset(seed=seed, options=options)
        return self._observation, _without_rewards(info)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Make a step; the reward is the reward model's, of the observation before it and the action as executed.

        Raises:
            FailedPreconditionError: it was not reset.
        """
        if self._observation is None:
            raise FailedPreconditionError("the environment must be reset before its first step")
        observation, _, is_terminated, is_truncated, info = self.env.step(action)
        executed = np.asarray(action)
        if executed.dtype.kind == "f":
            executed = np.clip(executed, -1.0, 1.0)
        if info.get("is_still"):
            executed = leave_out_still(executed, np.ones((), np.bool_))
        reward = float(self._reward_model.score(np.asarray(self._observation)[None], executed[None])[0])
        self._observation = observation
        return observation, reward, is_terminated, is_truncated, _without_rewards(info)


def _without_rewards(info: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in info.items() if "reward" not in name and name != "episode"}
