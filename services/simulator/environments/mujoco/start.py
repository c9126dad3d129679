"""Draws the states in which MuJoCo episodes start, as Gymnasium's environments do.

The same generator gives the same start as ``env.reset``, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from services.simulator.environments.mujoco.model import STATE_SPEC, mujoco_environment_of
from somersault.domain.arrays import DoubleArray
from somersault.tasks import Task

__all__ = ["draw_starts"]

_GOAL_RADIUS_M = 0.2  # Reacher-v5 draws goals in this disc
_REACHER_VELOCITY_NOISE = 0.005

_Start = tuple[DoubleArray, DoubleArray]
"""Positions and velocities."""


def draw_starts(
    task: Task, model: mujoco.MjModel, rng: np.random.Generator, *, num_starts: int
) -> DoubleArray:
    """Draw ``[num_starts, S]`` states, one after the other."""
    environment = mujoco_environment_of(task)
    draw = _DRAWS[environment.start]
    starts = np.zeros((num_starts, mujoco.mj_stateSize(model, STATE_SPEC)))
    num_coordinates = model.nq + model.nv
    for start in starts:
        start[1 : 1 + num_coordinates] = np.concatenate(draw(rng, environment.start_noise, model))
    return starts


def _uniform(rng: np.random.Generator, scale: float, model: mujoco.MjModel) -> _Start:
    return model.qpos0 + rng.uniform(-scale, scale, model.nq), rng.uniform(-scale, scale, model.nv)


def _normal_velocities(rng: np.random.Generator, scale: float, model: mujoco.MjModel) -> _Start:
    return model.qpos0 + rng.uniform(-scale, scale, model.nq), scale * rng.standard_normal(model.nv)


def _reacher(rng: np.random.Generator, scale: float, model: mujoco.MjModel) -> _Start:
    """Draw the arm around rest, and the goal, which doesn't move, within a disc."""
    positions = model.qpos0 + rng.uniform(-scale, scale, model.nq)
    while True:
        goal = rng.uniform(-_GOAL_RADIUS_M, _GOAL_RADIUS_M, 2)
        if np.linalg.norm(goal) < _GOAL_RADIUS_M:
            break
    positions[-2:] = goal
    velocities = rng.uniform(-_REACHER_VELOCITY_NOISE, _REACHER_VELOCITY_NOISE, model.nv)
    velocities[-2:] = 0.0
    return positions, velocities


_DRAWS: dict[str, Callable[[np.random.Generator, float, mujoco.MjModel], _Start]] = {
    "uniform": _uniform,
    "normal-velocities": _normal_velocities,
    "reacher": _reacher,
}
