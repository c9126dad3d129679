"""Bare ``mujoco.rollout`` through the very steps that a simulator takes: no policy, no observation, no network."""

from __future__ import annotations

import time
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco import rollout
from numpy.typing import NDArray

from benchmarks.simulators.random_policy import random_policy
from services.simulator.environments import open_environment
from services.simulator.environments.mujoco.model import load_model
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from somersault.tasks import MujocoEnvironment, Task

__all__ = ["BarePhysics", "Cost"]

_WARM_UP_STEPS = 200  # until the bodies are where an untrained policy leaves them


@dataclass(frozen=True, slots=True)
class Cost:
    """What some steps took."""

    steps_per_s: float
    cpu_us: float
    """Processor microseconds a step, all threads of this process."""


class BarePhysics:
    """Holds starts and controls of a passage, to be stepped again and again."""

    def __init__(self, task: Task, *, num_environments: int, num_steps: int, num_threads: int) -> None:
        """Gather the passage with the untrained policy that the simulator is measured with."""
        assert isinstance(task.environment, MujocoEnvironment)
        self._frame_skip, self._num_threads = task.environment.frame_skip, num_threads
        rng = np.random.default_rng(0)
        environment = open_environment(task, num_environments=num_environments, rng=rng, is_staggered=True)
        policy = Policy.from_bytes(random_policy(task.spec), spec=task.spec)
        for steps in (_WARM_UP_STEPS, num_steps):
            _, trace = gather(environment, policy, sequence=0, policy_version=0, num_steps=steps, rng=rng)
        states = [trace.passage.footage.part(row, 0, 1)["states"][0] for row in environment.recorded_rows]
        self._starts = np.stack(states)
        held = trace.actions.astype(np.float64).transpose(1, 0, 2)
        self._controls = np.repeat(held, self._frame_skip, axis=1)
        self._model = load_model(task)
        self._num_steps = held.shape[0] * held.shape[1]

    def in_one_call(self) -> Cost:
        """Step open-loop: each environment through all its steps without a stop, its warm start kept."""
        return self._measure([self._controls])

    def step_by_step(self) -> Cost:
        """Step as a policy in the loop must: all environments by one step, then all by the next."""
        num_calls = self._controls.shape[1] // self._frame_skip
        return self._measure(
            [np.ascontiguousarray(part) for part in np.split(self._controls, num_calls, axis=1)]
        )

    def _measure(self, calls: list[NDArray[np.float64]]) -> Cost:
        models = [self._model] * len(self._starts)
        threads = [mujoco.MjData(self._model) for _ in range(self._num_threads)]
        states = self._starts
        # A pool of zero threads runs on the caller's thread, which is quicker than a pool of one.
        with rollout.Rollout(nthread=self._num_threads if self._num_threads > 1 else 0) as pool:
            started, cpu_started = time.perf_counter(), time.process_time()
            for controls in calls:
                trajectories, _ = pool.rollout(models, threads, states, controls)
                states = np.ascontiguousarray(trajectories[:, -1])
            wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
        return Cost(self._num_steps / wall_s, cpu_s / self._num_steps * 1e6)
