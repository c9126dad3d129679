"""What an algorithm is to the rest of the learner: the loop and the checkpoints know nothing else of it.

Shapes: ``T`` steps, ``N`` environments; observations as in `somersault.domain.arrays`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np
import pydantic
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray, FrameArray
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.runtime.config import COMPONENT, Component

__all__ = ["Algorithm", "AlgorithmConfig"]


class Algorithm(Protocol):
    """Owns a policy and improves it on rollouts. One owner, not thread-safe: one method runs at a time.

    Its random draws follow from its seed and the number of its improvements alone, so that a restored instance goes on
    exactly as the lost one would have.
    """

    def observe(self, observations: FrameArray) -> None:
        """Learn what can be learned from observations ``[T + F - 1, N, *frame]`` that have no rewards yet."""
        ...

    def improve(self, rollout: Rollout, rewards: FloatArray) -> Mapping[str, float]:
        """Improve the policy on one rollout, and return statistics by name, for `Progress.statistics`.

        Args:
            rollout: Gathered under any recent policy; `observe` is not called for it.
            rewards: ``[T, N]`` float32, normalised.
        """
        ...

    def export_policy(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the arrays that simulators act with, by the names of docs/protocol.md."""
        ...

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of everything that `load_state_dict` needs to go on, by name."""
        ...

    def load_state_dict(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            CorruptDataError: An array is missing or has the wrong shape.
        """
        ...


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class AlgorithmConfig(Component):
    """Settings of one algorithm, which build it."""

    entry_point: ClassVar[str]
    """``module:class`` of the algorithm, called with the settings, ``spec`` and ``seed``. A name rather than the class,
    because settings are also read, fast, by processes that don't import torch."""

    def check_for(self, spec: TaskSpec) -> None:
        """Check that the settings suit a task and this machine.

        Raises:
            ConfigError: They don't.
        """

    def build(self, spec: TaskSpec, *, seed: int) -> Algorithm:
        """Return the algorithm with an untrained policy for a task.

        Raises:
            SomersaultError: The settings can't be used for the task or on this machine.
        """
        algorithm: Algorithm = pkgutil.resolve_name(self.entry_point)(self, spec=spec, seed=seed)
        return algorithm
