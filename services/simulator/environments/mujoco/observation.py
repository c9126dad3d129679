"""Turns MuJoCo states into the observations of Gymnasium's environments.

Shapes: n environments, O observation, S physics state.
"""

from __future__ import annotations

from typing import Any, Protocol

import mujoco
import numpy as np

from services.simulator.environments.mujoco.model import mujoco_environment_of
from somersault.domain.arrays import DoubleArray, FloatArray
from somersault.errors import InvalidInputError
from somersault.tasks import Task

__all__ = ["CoordinatesObserver", "DataObserver", "make_data_observer"]


class CoordinatesObserver:
    """Observes all positions but the hidden ones, and velocities; needs nothing but the state."""

    def __init__(self, task: Task, model: mujoco.MjModel) -> None:
        """Find where in a state the task's observation is.

        Raises:
            InvalidInputError: The task declares another length of observation.
        """
        environment = mujoco_environment_of(task)
        begin, end = 1 + environment.num_hidden_positions, 1 + model.nq + model.nv
        if end - begin != task.spec.observation_dim:
            bound = f"({end - begin},), the model's coordinates that aren't hidden"
            raise InvalidInputError("frame_shape", task.frame_shape, bound)
        self._coordinates = slice(begin, end)
        self._velocities = slice(end - model.nv - begin, end - begin)
        self._bound = None if environment.velocity_bound is None else np.float32(environment.velocity_bound)

    def observe(self, states: DoubleArray, out: FloatArray) -> None:
        """Write observations ``[..., O]`` float32 of states ``[..., S]``."""
        np.copyto(out, states[..., self._coordinates], casting="same_kind")
        if self._bound is not None:
            # A float32 bound clips the same before and after the conversion.
            velocities = out[..., self._velocities]
            np.minimum(velocities, self._bound, out=velocities)
            np.maximum(velocities, -self._bound, out=velocities)


class DataObserver(Protocol):
    """Observes what a step leaves in MuJoCo's data besides the state, so steps have to be made one by one."""

    def observe(self, data: Any) -> DoubleArray:
        """Return the observation ``[O]`` float64."""
        ...


class _ReacherObserver:
    """Observes as Reacher-v5, whose distance to the goal lags behind the angles of the arm.

    Gymnasium reads the fingertip's position as `mj_step` leaves it: that of the integrator's last stage.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._fingertip, self._target = (model.body(name).id for name in ("fingertip", "target"))

    def observe(self, data: Any) -> DoubleArray:
        angles = data.qpos[:2]
        way = data.xpos[self._fingertip] - data.xpos[self._target]
        return np.concatenate((np.cos(angles), np.sin(angles), data.qpos[2:], data.qvel[:2], way[:2]))


class _DoublePendulumObserver:
    """Observes as InvertedDoublePendulum-v5, the constraint's force on the cart included."""

    _BOUND = 10.0

    def observe(self, data: Any) -> DoubleArray:
        velocities = np.clip(data.qvel, -self._BOUND, self._BOUND)
        force = np.clip(data.qfrc_constraint, -self._BOUND, self._BOUND)[:1]
        angles = data.qpos[1:]
        return np.concatenate((data.qpos[:1], np.sin(angles), np.cos(angles), velocities, force))


def make_data_observer(task: Task, model: mujoco.MjModel) -> DataObserver | None:
    """Return what observes more than the state; None if the state is enough."""
    match mujoco_environment_of(task).observation:
        case "reacher":
            return _ReacherObserver(model)
        case "double-pendulum":
            return _DoublePendulumObserver()
        case _:
            return None
