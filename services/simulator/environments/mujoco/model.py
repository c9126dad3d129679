"""A task's MuJoCo model and the layout of its physics state.

A state is ``mjSTATE_FULLPHYSICS``: time, positions, velocities, and whatever else the model has.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import mujoco
import numpy as np

from somersault.errors import InvalidInputError
from somersault.tasks import MujocoEnvironment, Task

__all__ = ["STATE_SPEC", "load_model", "load_spec", "mujoco_environment_of", "state_dim_of"]

STATE_SPEC = mujoco.mjtState.mjSTATE_FULLPHYSICS.value


def mujoco_environment_of(task: Task) -> MujocoEnvironment:
    """Return the task's environment, which must be one of MuJoCo's."""
    assert isinstance(task.environment, MujocoEnvironment), task.environment
    return task.environment


def load_model(task: Task) -> mujoco.MjModel:
    """Compile the task's model: a file of its own, or one among the assets of the ``gymnasium`` package.

    Raises:
        InvalidInputError: There is no such file, or the task declares other sizes than the model has.
    """
    environment = mujoco_environment_of(task)
    with _model_path(environment.model_file) as path:
        model = mujoco.MjModel.from_xml_path(str(path))
    step_s = model.opt.timestep * environment.frame_skip
    if not np.isclose(step_s, task.step_s):
        raise InvalidInputError("step_s", task.step_s, f"{step_s}, as the model and frame_skip say")
    if model.nu != task.action_dim:
        raise InvalidInputError("action_dim", task.action_dim, f"{model.nu}, the model's actuators")
    return model


def load_spec(task: Task) -> mujoco.MjSpec:
    """Read the task's model in order to change its looks; see `load_model`."""
    with _model_path(mujoco_environment_of(task).model_file) as path:
        return mujoco.MjSpec.from_file(str(path))


def state_dim_of(task: Task) -> int:
    """Return the length of a physics state of the task: S."""
    return _state_dim(mujoco_environment_of(task).model_file)


@functools.cache  # called for each clip
def _state_dim(model_file: str) -> int:
    with _model_path(model_file) as path:
        return int(mujoco.mj_stateSize(mujoco.MjModel.from_xml_path(str(path)), STATE_SPEC))


@contextlib.contextmanager
def _model_path(model_file: str) -> Iterator[Path]:
    """Yield the path of a model file.

    Raises:
        InvalidInputError: There is no such file.
    """
    # Joined to another path, an absolute one stays as it is.
    assets = resources.files("gymnasium.envs.mujoco") / "assets"
    with resources.as_file(assets / model_file) as path:
        if not path.is_file():
            raise InvalidInputError("model_file", str(path), "an existing file")
        yield path
