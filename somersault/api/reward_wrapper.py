"""Replaces an environment's reward with a learned one, for other libraries to train on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from somersault.api.reward_model import RewardModel
from somersault.domain.actions import leave_out_still
from somersault.errors import FailedPreconditionError

__all__ = ["RewardWrapper"]

_KEPT_INFO = frozenset({"TimeLimit.truncated", "action_mask", "is_still", "lives"})
"""What an agent may need and what reveals no score."""


class RewardWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Returns a reward model's score as the reward; nothing that a step returns reveals the environment's own.

    Wrap an environment made by `somersault.make_env`: it has no reward at all, so the true reward can't leak. For another
    environment, its reward is dropped, and so is its info except `TimeLimit.truncated`, `action_mask`, `is_still` and
    `lives`: a score may be there under any name.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], reward_model: RewardModel, *, keep_info: Iterable[str] = ()
    ) -> None:
        """Take an environment with the run's observations and actions, and the reward model.

        Args:
            env: the environment to wrap.
            reward_model: the source of rewards.
            keep_info: further keys of info to keep; make sure that they reveal nothing of the true reward.
        """
        super().__init__(env)
        self._reward_model = reward_model
        self._kept_info = _KEPT_INFO | frozenset(keep_info)
        self._observation: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        self._observation, info = self.env.reset(seed=seed, options=options)
        return self._observation, self._kept(info)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Make a step; the reward is the model's score of the observation before it and the action as executed.

        Raises:
            FailedPreconditionError: the environment wasn't reset.
        """
        if self._observation is None:
            raise FailedPreconditionError("the environment must be reset before its first step")
        observation, _, is_terminated, is_truncated, info = self.env.step(action)
        executed = np.asarray(action)
        if executed.dtype.kind == "f":
            executed = np.clip(executed, -1.0, 1.0)
        if info.get("is_still"):
            executed = leave_out_still(executed, np.ones((), np.bool_))
        reward = float(self._reward_model.score(_batch_of_one(self._observation), executed[None])[0])
        self._observation = observation
        return observation, reward, is_terminated, is_truncated, self._kept(info)

    def _kept(self, info: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in info.items() if name in self._kept_info}


def _batch_of_one(observation: Any) -> Any:
    if isinstance(observation, Mapping):
        return {name: np.asarray(value)[None] for name, value in observation.items()}
    return np.asarray(observation)[None]
