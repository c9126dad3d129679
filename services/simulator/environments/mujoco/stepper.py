"""Makes MuJoCo steps, each a function of the stored state and the action alone.

Shapes: n environments, O observation, A action, S physics state.
"""

from __future__ import annotations

from typing import Protocol

import mujoco
import numpy as np
from mujoco import rollout

from services.simulator.environments.mujoco.model import STATE_SPEC, mujoco_environment_of
from services.simulator.environments.mujoco.observation import (
    CoordinatesObserver,
    DataObserver,
    make_data_observer,
)
from somersault.domain.arrays import DoubleArray, FloatArray
from somersault.tasks import Task

__all__ = ["Stepper", "make_stepper"]

_CONTROL_SPEC = mujoco.mjtState.mjSTATE_CTRL.value


class Stepper(Protocol):
    """Steps n environments; each lane has its own, because it holds buffers."""

    def step(
        self, states: DoubleArray, actions: FloatArray, next_states: DoubleArray, out: FloatArray
    ) -> None:
        """Hold each action for the task's physics steps, beginning with a zero warm start.

        Args:
            states: ``[n, S]`` float64, before.
            actions: ``[n, A]`` float32 from -1 to 1.
            next_states: ``[n, S]`` float64, written: after.
            out: ``[n, O]`` float32, written: the observations after.
        """
        ...

    def observe(self, states: DoubleArray, out: FloatArray) -> None:
        """Write the observations ``[k, O]`` float32 of states ``[k, S]`` in which episodes start."""
        ...


def make_stepper(task: Task, model: mujoco.MjModel, *, num_rows: int) -> Stepper:
    """Return the fastest stepper of the task that makes exactly Gymnasium's observations.

    Raises:
        InvalidInputError: The task declares another length of observation than the model has.
    """
    observer = make_data_observer(task, model)
    if observer is not None:
        return _OneByOneStepper(task, model, observer)
    return _BatchStepper(task, model, num_rows)


class _Control:
    """Spreads actions from -1 to 1 over the range of each actuator."""

    def __init__(self, model: mujoco.MjModel) -> None:
        is_limited = model.actuator_ctrllimited.astype(bool)
        low, high = model.actuator_ctrlrange.T
        self._scale = np.where(is_limited, (high - low) / 2, 1.0)
        self._middle = np.where(is_limited, (high + low) / 2, 0.0)
        self._is_plain = bool((self._scale == 1).all() and (self._middle == 0).all())

    def write(self, actions: FloatArray, out: DoubleArray) -> None:
        """Write ``actions``, broadcast to the shape of ``out``."""
        np.copyto(out, actions)
        if not self._is_plain:
            np.multiply(out, self._scale, out=out)
            np.add(out, self._middle, out=out)


class _BatchStepper:
    """Steps all rows in one call of `mujoco.rollout`, on the calling thread; others run meanwhile."""

    def __init__(self, task: Task, model: mujoco.MjModel, num_rows: int) -> None:
        frame_skip = mujoco_environment_of(task).frame_skip
        self._observer = CoordinatesObserver(task, model)
        self._control = _Control(model)
        # The underlying class neither checks nor copies; rows and buffers are right by construction.
        self._rollout = rollout.Rollout(nthread=0).rollout_.rollout
        self._models, self._data = [model] * num_rows, [mujoco.MjData(model)]
        self._frame_skip, self._num_rows = frame_skip, num_rows
        self._controls = np.zeros((num_rows, frame_skip, model.nu))
        self._trajectories = np.zeros((num_rows, frame_skip, mujoco.mj_stateSize(model, STATE_SPEC)))
        self._sensors = np.zeros((num_rows, frame_skip, model.nsensordata))
        self._newest = self._trajectories[:, -1]

    def step(
        self, states: DoubleArray, actions: FloatArray, next_states: DoubleArray, out: FloatArray
    ) -> None:
        self._control.write(actions[:, None], self._controls)
        self._rollout(
            self._models,
            self._data,
            self._frame_skip,
            _CONTROL_SPEC,
            states,
            None,
            self._controls,
            self._trajectories,
            self._sensors,
            self._num_rows,
        )
        np.copyto(next_states, self._newest)
        self._observer.observe(next_states, out)

    def observe(self, states: DoubleArray, out: FloatArray) -> None:
        self._observer.observe(states, out)


class _OneByOneStepper:
    """Steps row after row, for observations that `mujoco.rollout` doesn't return."""

    def __init__(self, task: Task, model: mujoco.MjModel, observer: DataObserver) -> None:
        self._observer = observer
        self._frame_skip = mujoco_environment_of(task).frame_skip
        self._model, self._data = model, mujoco.MjData(model)
        self._control = _Control(model)

    def step(
        self, states: DoubleArray, actions: FloatArray, next_states: DoubleArray, out: FloatArray
    ) -> None:
        model, data = self._model, self._data
        for row, state in enumerate(states):
            mujoco.mj_setState(model, data, state, STATE_SPEC)
            data.qacc_warmstart[:] = 0.0
            self._control.write(actions[row], data.ctrl)
            mujoco.mj_step(model, data, nstep=self._frame_skip)
            mujoco.mj_getState(model, data, next_states[row], STATE_SPEC)
            out[row] = self._observer.observe(data)

    def observe(self, states: DoubleArray, out: FloatArray) -> None:
        for row, state in enumerate(states):
            mujoco.mj_setState(self._model, self._data, state, STATE_SPEC)
            self._data.qacc_warmstart[:] = 0.0
            self._data.ctrl[:] = 0.0
            mujoco.mj_forward(self._model, self._data)
            out[row] = self._observer.observe(self._data)
