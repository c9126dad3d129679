"""Opens the kind of environment that a task names; the libraries of each kind are loaded only then."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from services.simulator.environments.batch import EnvironmentBatch
from somersault.errors import InvalidInputError
from somersault.runtime.call_record import CallRecord
from somersault.tasks import AtariEnvironment, MujocoEnvironment, Task

__all__ = ["footage_layout", "open_environment"]


def open_environment(
    task: Task,
    *,
    num_environments: int,
    rng: np.random.Generator,
    is_staggered: bool = False,
    calls: CallRecord | None = None,
) -> EnvironmentBatch:
    """Start N environments of a task.

    Args:
        task: What is simulated.
        num_environments: N.
        rng: Draws how episodes start.
        is_staggered: Whether first episodes of a fixed length are shortened so that later ones end evenly
            spread over time instead of all in the same step.
        calls: Records which environment is being called, if one may hang or end the process: Gymnasium's.

    Raises:
        InvalidInputError: ``num_environments`` is below 1, or the task's environment isn't available.
    """
    if num_environments < 1:
        raise InvalidInputError("num_environments", num_environments, "at least 1")
    if isinstance(task.environment, MujocoEnvironment):
        from services.simulator.environments.mujoco.batch import MujocoBatch

        return MujocoBatch(task, num_environments=num_environments, rng=rng, is_staggered=is_staggered)
    if isinstance(task.environment, AtariEnvironment):
        from services.simulator.environments.atari.batch import AtariBatch

        return AtariBatch(task, num_environments=num_environments, rng=rng, is_staggered=is_staggered)
    from services.simulator.environments.gymnasium.batch import GymnasiumBatch

    return GymnasiumBatch(
        task, num_environments=num_environments, rng=rng, is_staggered=is_staggered, calls=calls
    )


def footage_layout(task: Task, *, num_steps: int) -> Mapping[str, tuple[str, tuple[int | None, ...]]]:
    """Return name, safetensors dtype and shape of what a stored segment of this many steps is rendered from.

    An axis of None has any length.
    """
    if isinstance(task.environment, MujocoEnvironment):
        from services.simulator.environments.mujoco import footage as mujoco_footage

        return mujoco_footage.footage_layout(task, num_steps=num_steps)
    if isinstance(task.environment, AtariEnvironment):
        from services.simulator.environments.atari import footage as atari_footage

        return atari_footage.footage_layout(task)
    from services.simulator.environments.gymnasium import footage as gymnasium_footage

    return gymnasium_footage.footage_layout(task)
